"""Writes what transformers, or the original LLaVA, answers for small checkpoints, for machines
without torch.

    python -m tests.parity.make_goldens

A case that is there isn't written again: goldens that change say that something else changed.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.checkpoints import INTERLEAVE, NEXT, ONEVISION, SIGLIP, write_checkpoint
from tests.parity.original import VIP, OriginalReference
from tests.parity.pictures import PROMPTS
from tests.parity.reference import Reference

FOLDER = Path(__file__).parent / "goldens"
LAST = 6  # positions whose logits are kept
TOKENS = 12
SMALL: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48}
TOWER = {"image_size": 21, "patch_size": 7}
CASES: dict[str, dict[str, Any]] = {
    "llama": {"text": SMALL, "layout": "transformers-4", "dtype": "float16"},
    "mistral": {
        "text": SMALL | {"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 9},
        "top": {"multimodal_projector_bias": False},
        "preprocessing": {"image_processor_type": "LlavaImageProcessor", "do_pad": True},
        "layout": "transformers-4.52",
        "dtype": "bfloat16",
        "shards": 2,
    },
    "qwen2": {
        "text": SMALL
        | {
            "model_type": "qwen2",
            "num_key_value_heads": 1,
            "tie_word_embeddings": True,
            "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"},
        },
        "top": {"vision_feature_layer": [-2, 1], "vision_feature_select_strategy": "full"},
        "dtype": "float16",
    },
    "vipllava": {
        "text": SMALL,
        "top": {"model_type": "vipllava", "vision_feature_layer": [-2, 1, -1]},
        "dtype": "float16",
        "seed": 1,
    },
    "llava-next": {
        "text": SMALL,
        "top": NEXT["top"] | {"image_grid_pinpoints": [[21, 42], [42, 21], [42, 42], [63, 21]]},
        "layout": "transformers-4",
        "dtype": "float16",
    },
    "interleave": INTERLEAVE | {"text": INTERLEAVE["text"] | SMALL, "dtype": "float16"},
    "onevision": ONEVISION
    | {"text": ONEVISION["text"] | SMALL, "dtype": "bfloat16", "layout": "transformers-5-own"},
}

MISTRAL = {"model_type": "mistral", "num_key_value_heads": 2}
QWEN = {"model_type": "qwen2", "num_key_value_heads": 1}
UNPAD = {"mm_patch_merge_type": "spatial_unpad", "image_aspect_ratio": "anyres"}
WIDTH_FIRST = {"image_grid_pinpoints": [[21, 42], [42, 21], [42, 42], [63, 21]]}
ORIGINAL_CASES: dict[str, dict[str, Any]] = {
    "original-v1": {
        "text": SMALL,
        "top": {"test_projector": "linear"},
        "original": {"architectures": ["LlavaLlamaForCausalLM"], "mm_projector_type": "linear"},
    },
    "original-1.5": {
        "text": SMALL | MISTRAL,
        "frozen": True,
        "original": {"architectures": ["LlavaMistralForCausalLM"], "image_aspect_ratio": "pad"},
    },
    "original-vip": {
        "layout": "vip-llava",
        "text": SMALL,
        "vision": TOWER | {"num_hidden_layers": 12},
        "top": {"model_type": "vipllava", "vision_feature_layers": [-2, -5, -8, -11, 6]},
        "original": {
            "architectures": ["LlavaLlamaForCausalLM"],
            "image_aspect_ratio": "pad",
            "mm_vision_tower": VIP,
        },
    },
    "original-1.6": {
        "text": SMALL,
        "top": {"model_type": "llava_next"},
        "original": {"architectures": ["LlavaLlamaForCausalLM"]} | UNPAD | WIDTH_FIRST,
    },
    "original-next-qwen": {
        "text": SMALL | QWEN,
        "top": {"model_type": "llava_next"},
        "original": {"architectures": ["LlavaQwenForCausalLM"]} | UNPAD | WIDTH_FIRST,
    },
    "original-interleave": {
        "text": SMALL | QWEN,
        "vision": SIGLIP,
        "original": {
            "architectures": ["LlavaQwenForCausalLM"],
            "image_aspect_ratio": "pad",
            "mm_patch_merge_type": "flat",
        },
    },
    "original-onevision": {
        "text": SMALL | QWEN,
        "vision": SIGLIP,
        "top": {"model_type": "llava_next"},
        "original": UNPAD
        | {
            "architectures": ["LlavaQwenForCausalLM"],
            "image_aspect_ratio": "anyres_max_2",
            "image_grid_pinpoints": "(1x1),...,(4x4)",
        },
    },
}


def main() -> None:
    """Write the checkpoints that are missing, prompts, pictures and answers."""
    FOLDER.mkdir(exist_ok=True)
    prompts = []
    for number, (prompt, pictures) in enumerate(PROMPTS):
        names = [f"picture-{number}-{place}.png" for place in range(len(pictures))]
        for name, picture in zip(names, pictures, strict=True):
            picture.save(FOLDER / name)
        prompts.append({"prompt": prompt, "pictures": names})
    (FOLDER / "prompts.json").write_text(json.dumps(prompts, indent=1) + "\n")
    for name, case in CASES.items():
        _write(name, case, Reference)
    for name, case in ORIGINAL_CASES.items():
        _write(name, {"layout": "llava", "dtype": "float16"} | case, OriginalReference)


def _write(name: str, case: dict[str, Any], reference: Callable[[Path], Any]) -> None:
    if (FOLDER / name).exists():
        return
    folder = write_checkpoint(FOLDER / name, **{"vision": TOWER} | case)
    np.savez_compressed(folder / "expected.npz", **_answers(reference(folder)))


def _answers(reference: Any) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for number, (prompt, pictures) in enumerate(PROMPTS):
        logits = reference.logits(prompt, pictures)
        answers[f"tokens-{number}"] = len(logits)
        answers[f"logits-{number}"] = logits[-LAST:]
        answers[f"likeliest-{number}"] = logits.argmax(-1)
        answers[f"greedy-{number}"] = reference.greedy(prompt, pictures, TOKENS)
    return answers


if __name__ == "__main__":
    main()
