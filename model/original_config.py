"""Reads the `config.json` of the original LLaVA code (haotian-liu/LLaVA) as llava-hf's.

There the language model's configuration is at the top, the rest in fields named `mm_*`, and
the first LLaVA's projector is one matrix. Sources: `llava/model/builder.py`,
`multimodal_projector/builder.py` and `multimodal_encoder/clip_encoder.py` of that code.
"""

from collections.abc import Mapping
from typing import Any

from model import fields
from model.errors import CheckpointError

# What its tokenisation puts where a picture goes; no id of the vocabulary.
IMAGE_TOKEN_INDEX = -200

LANGUAGE_MODELS = {
    "llava": "llama",
    "llava_llama": "llama",
    "llava_mistral": "mistral",
    "llava_qwen": "qwen2",
}
_CLIP_L = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
}
TOWERS = {
    "openai/clip-vit-large-patch14": _CLIP_L | {"image_size": 224},
    "openai/clip-vit-large-patch14-336": _CLIP_L | {"image_size": 336},
}
_PROJECTORS = {"linear": "linear", "mlp2x_gelu": "mlp"}
_STRATEGIES = {"patch": "default", "cls_patch": "full"}


def recognises(given: Mapping[str, Any]) -> bool:
    """Whether a configuration is in the original form."""
    return "mm_vision_tower" in given and "vision_config" not in given


def translate(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration in llava-hf's form. Raises CheckpointError for later families."""
    if given.get("mm_patch_merge_type", "flat") != "flat":
        raise CheckpointError(
            "The checkpoint is a LLaVA-NeXT (v1.6): it cuts pictures into tiles, which this "
            "program doesn't run. Take a LLaVA-1.5 checkpoint."
        )
    read = {
        "mm_projector_type": "linear",
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
    } | {key: value for key, value in given.items() if value is not None}
    kind = LANGUAGE_MODELS[fields.choice(read, "model_type", LANGUAGE_MODELS)]
    return {
        "model_type": "llava",
        "text_config": dict(given) | {"model_type": kind},
        "vision_config": TOWERS[fields.choice(read, "mm_vision_tower", TOWERS)],
        "vision_feature_layer": read["mm_vision_select_layer"],
        "vision_feature_select_strategy": _STRATEGIES[
            fields.choice(read, "mm_vision_select_feature", _STRATEGIES)
        ],
        "projector_kind": _PROJECTORS[fields.choice(read, "mm_projector_type", _PROJECTORS)],
        "image_token_index": IMAGE_TOKEN_INDEX,
    }


def image_preprocessing(given: Mapping[str, Any]) -> dict[str, Any]:
    """The preprocessing of a checkpoint in the original form, which has no file for it."""
    side = TOWERS[fields.choice(given, "mm_vision_tower", TOWERS)]["image_size"]
    aspect = given.get("image_aspect_ratio") or "square"
    return {"size": side, "crop_size": side, "image_aspect_ratio": aspect}
