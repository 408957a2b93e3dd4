"""Writes small random LLaVA checkpoints in the file layouts of real ones, without torch.

    folder = write_checkpoint(tmp_path, text={"model_type": "mistral"}, layout="transformers-4")

What is written is complete: settings, weights, tokenizer and image preprocessing, so that
`model.load` and transformers' `AutoProcessor` and `LlavaForConditionalGeneration` both take
it. The weights are random but scaled so that pictures change the answer. The same arguments
give the same checkpoint.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors

from tests.random_weights import ORIGINAL, Weights, is_linear, random_weights, renamed

VISION = {
    "model_type": "clip_vision_model",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 42,
    "patch_size": 14,
    "projection_dim": 32,
}
TEXT = {
    "model_type": "llama",
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "vocab_size": 384,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
}
MERGES = [("▁", c) for c in "abcdhiorstwUSA"] + [("h", "e"), ("▁t", "he"), ("i", "n")]
MERGES += [("S", "E"), ("U", "SE"), ("USE", "R"), ("▁i", "s"), ("a", "r"), ("o", "n")]
PIECES = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
PIECES += "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"-()"
PIECES += dict.fromkeys(first + second for first, second in MERGES)
VOCABULARY = {piece: number for number, piece in enumerate(PIECES)}
IMAGE_TOKEN = len(VOCABULARY)

SIGLIP = {
    "model_type": "siglip_vision_model",
    "image_size": 28,
    "hidden_act": None,
    "layer_norm_eps": None,
    "vision_use_head": False,
}
# What makes one of the default checkpoint that is another family's: `write_checkpoint(.., **NEXT)`.
NEXT: dict[str, Any] = {
    "top": {
        "model_type": "llava_next",
        "architectures": ["LlavaNextForConditionalGeneration"],
        "image_grid_pinpoints": [[42, 84], [84, 42], [84, 84], [126, 42], [42, 126]],
    }
}
INTERLEAVE: dict[str, Any] = {
    "text": {"model_type": "qwen2"},
    "vision": SIGLIP,
    "top": {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"},
}
ONEVISION: dict[str, Any] = INTERLEAVE | {
    "top": INTERLEAVE["top"]
    | {
        "model_type": "llava_onevision",
        "architectures": ["LlavaOnevisionForConditionalGeneration"],
        "image_grid_pinpoints": [[h, w] for h in (28, 56, 84) for w in (28, 56, 84)],
        "vision_aspect_ratio": "anyres_max_2",
        "video_token_index": IMAGE_TOKEN + 1,
    }
}


def write_checkpoint(
    folder: Path,
    *,
    text: Mapping[str, Any] | None = None,
    vision: Mapping[str, Any] | None = None,
    top: Mapping[str, Any] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    layout: str = "transformers-5",
    shards: int = 1,
    dtype: str = "float32",
    seed: int = 0,
    edit: Callable[[Weights], None] | None = None,
    original: Mapping[str, Any] | None = None,
    frozen: bool = False,
) -> Path:
    """Write a checkpoint into `folder` and return it.

    `text`, `vision` and `top` are put over the defaults in the three parts of config.json, a
    None there leaves a key out (tests of defaults need all sizes that differ from these).
    `layout`, one of `random_weights.LAYOUTS`, names the tensors; `edit` changes the weights, by
    transformers 5's names, before they are renamed and written. `original` is put over the fields
    of the original form; with `frozen` the tower's weights are in a folder of their own, there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = _config(text or {}, vision or {}, top or {})
    weights = random_weights(config, seed)
    if edit is not None:
        edit(weights)
    if layout in ORIGINAL:
        write_json(folder, "config.json", written := original_form(config) | dict(original or {}))
        apart = write_tower(folder / written["mm_vision_tower"], config, weights, frozen)
        weights = {name: weight for name, weight in weights.items() if name not in apart}
    else:
        write_json(folder, "config.json", config)
    save_weights(folder, {renamed(name, layout): w for name, w in weights.items()}, dtype, shards)
    write_json(folder, "generation_config.json", {"eos_token_id": 2, "bos_token_id": 1})
    write_json(
        folder, "preprocessor_config.json", _preprocessing(config) | dict(preprocessing or {})
    )
    write_json(folder, "processor_config.json", _processing(config))
    write_tokenizer(folder)
    return folder


def write_tokenizer(folder: Path) -> None:
    """A Llama-like tokenizer: `▁` for spaces, bytes for what it doesn't know, `<s>` in front."""
    tokenizer = Tokenizer(models.BPE(VOCABULARY, MERGES, unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    special = ["<unk>", "<s>", "</s>", "<image>", "<pad>"]
    tokenizer.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder,
        "tokenizer_config.json",
        {
            "tokenizer_class": "LlamaTokenizer",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "pad_token": "<pad>",
            "extra_special_tokens": {"image_token": "<image>"},
        },
    )


def write_json(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


def save_weights(folder: Path, weights: Weights, dtype: str = "float32", shards: int = 1) -> None:
    """Write safetensors as PyTorch's are, in one file or in shards with an index."""
    arrays = {name: mx.array(w).astype(getattr(mx, dtype)) for name, w in weights.items()}
    if shards == 1:
        mx.save_safetensors(str(folder / "model.safetensors"), arrays, {"format": "pt"})
        return
    index: dict[str, str] = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        names = list(arrays)[shard::shards]
        mx.save_safetensors(str(folder / file), {n: arrays[n] for n in names}, {"format": "pt"})
        index |= dict.fromkeys(names, file)
    write_json(folder, "model.safetensors.index.json", {"metadata": {}, "weight_map": index})


def original_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as the original LLaVA's code writes it; the tower is a folder beside it."""
    return dict(config["text_config"]) | {
        "model_type": "llava",
        "mm_vision_tower": "tower",
        "mm_projector_type": "linear" if is_linear(config) else "mlp2x_gelu",
        "mm_vision_select_layer": config["vision_feature_layer"],
    }


def write_tower(
    folder: Path, config: Mapping[str, Any], weights: Weights, frozen: bool
) -> set[str]:
    """The tower as a checkpoint of its own, if `frozen` with its weights: their names.

    Of SigLIP the original code cuts off the last layer, so there is one more.
    """
    folder.mkdir(exist_ok=True)
    vision = dict(config["vision_config"])
    vision["num_hidden_layers"] += vision["model_type"] == "siglip_vision_model"
    write_json(folder, "config.json", {"model_type": "clip", "vision_config": vision})
    names = {name for name in weights if frozen and name.startswith("vision_tower.")}
    if names:
        own = {name.replace("vision_tower", "vision_model", 1): weights[name] for name in names}
        last = f"encoder.layers.{vision['num_hidden_layers'] - 1}.mlp.fc1.bias"
        own.setdefault(f"vision_model.{last}", np.ones(vision["intermediate_size"], np.float32))
        own["text_model.final_layer_norm.bias"] = np.ones(8, np.float32)
        save_weights(folder, own)
    return names


def _preprocessing(config: Mapping[str, Any]) -> dict[str, Any]:
    side = config["vision_config"]["image_size"]
    square = {"height": side, "width": side}
    kinds = {"llava_next": "LlavaNext", "llava_onevision": "LlavaOnevision"}
    siglip = config["vision_config"]["model_type"] == "siglip_vision_model"
    kind = kinds.get(config["model_type"], "Siglip" if siglip else "CLIP")
    settings: dict[str, Any] = {"image_processor_type": f"{kind}ImageProcessor"}
    if kind in ("CLIP", "LlavaNext"):
        settings |= {"size": {"shortest_edge": side}, "crop_size": square}
    else:
        settings |= {"size": square}
    if siglip:
        settings |= {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    if "image_grid_pinpoints" in config:
        settings["image_grid_pinpoints"] = config["image_grid_pinpoints"]
    return settings


def _processing(config: Mapping[str, Any]) -> dict[str, Any]:
    """What transformers' processor wants to know to count visual tokens."""
    vision = config["vision_config"]
    patches = (vision["image_size"] // vision["patch_size"]) ** 2
    kinds = {"llava_next": "LlavaNext", "llava_onevision": "LlavaOnevision"}
    settings: dict[str, Any] = {
        "processor_class": f"{kinds.get(config['model_type'], 'Llava')}Processor",
        "image_token": "<image>",
    }
    if config["model_type"] == "llava_onevision":
        aspect = config.get("vision_aspect_ratio", "anyres_max_9")
        settings |= {"num_image_tokens": patches, "vision_aspect_ratio": aspect}
    else:
        clip = vision["model_type"] == "clip_vision_model"
        settings["patch_size"] = vision["patch_size"]
        settings["num_additional_image_tokens"] = 1 if clip else 0
    strategy = config["vision_feature_select_strategy"]
    return settings | {"vision_feature_select_strategy": strategy}


def _config(
    text: Mapping[str, Any], vision: Mapping[str, Any], top: Mapping[str, Any]
) -> dict[str, Any]:
    config = {
        "model_type": "llava",
        "architectures": ["LlavaForConditionalGeneration"],
        "image_token_index": IMAGE_TOKEN,
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "text_config": {k: v for k, v in (TEXT | dict(text)).items() if v is not None},
        "vision_config": {k: v for k, v in (VISION | dict(vision)).items() if v is not None},
    } | dict(top)
    return {key: value for key, value in config.items() if value is not None}
