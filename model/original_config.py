"""Reads the `config.json` of the original LLaVA code as llava-hf's.

There the language model's configuration is at the top, the rest in fields named `mm_*`, and
the first LLaVA's projector is one matrix. Where that code computes otherwise than transformers, its
own way is kept: see docs/families.md. Sources: `llava/model/builder.py`, `llava_arch.py`,
`mm_utils.py`, `multimodal_projector/builder.py` and `multimodal_encoder` of haotian-liu/LLaVA and
LLaVA-VL/LLaVA-NeXT; for ViP-LLaVA the same of WisconsinAIVision/ViP-LLaVA.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from model import fields
from model.errors import CheckpointError
from model.vision_config import CLIP_L_224, CLIP_L_336, SIGLIP_SO400M_384

# What its tokenisation puts where a picture goes; no id of the vocabulary.
IMAGE_TOKEN_INDEX = -200

# Classes come first: some say `llava` as their type whatever their language model.
LANGUAGE_MODELS = {
    "LlavaLlamaForCausalLM": "llama",
    "LlavaMistralForCausalLM": "mistral",
    "LlavaQwenForCausalLM": "qwen2",
    "llava": "llama",
    "llava_llama": "llama",
    "llava_mistral": "mistral",
    "llava_qwen": "qwen2",
}
_CLIP_336 = "openai/clip-vit-large-patch14-336"
# By the last part of their names: in training they were often in a folder.
TOWERS: dict[str, dict[str, Any]] = {
    "openai/clip-vit-large-patch14": CLIP_L_224,
    _CLIP_336: CLIP_L_336,
    "google/siglip-so400m-patch14-384": SIGLIP_SO400M_384,
}
_SEVERAL_LAYERS = "clip_4layers_336"  # ViP-LLaVA's name for CLIP, of which it takes five layers
_PROJECTORS = {"linear": "linear", "mlp2x_gelu": "mlp"}
_STRATEGIES = {"patch": "default", "cls_patch": "full"}
_TOWER_CONFIG = "mm_vision_tower_config"  # our own key: what the tower's folder says of it
_UNSAID = {"model_type": "clip_vision_model", "image_size": 224, "num_hidden_layers": 12}
# What OneVision does with a video clip. Its files needn't say it; other values compute otherwise.
_POOLING = {
    "mm_spatial_pool_mode": "bilinear",
    "mm_spatial_pool_stride": 2,
    "mm_newline_position": "one_token",
    "add_faster_video": False,
}
_DEFAULTS = {
    "mm_projector_type": "linear",
    "mm_vision_select_feature": "patch",
    "mm_vision_select_layer": -2,
    "mm_patch_merge_type": "flat",
    "image_aspect_ratio": "square",
}


def recognises(given: Mapping[str, Any]) -> bool:
    """Whether a configuration is in the original form."""
    return "mm_vision_tower" in given and "vision_config" not in given


def language_model(given: Mapping[str, Any]) -> str | None:
    """The type of the language model, None for one that this program doesn't know."""
    classes = given.get("architectures")
    first = classes[0] if isinstance(classes, list) and classes else None
    for name in (first, given.get("model_type")):
        if isinstance(name, str) and name in LANGUAGE_MODELS:
            return LANGUAGE_MODELS[name]
    return None


def tower_repository(given: Mapping[str, Any]) -> str:
    """The repository that a checkpoint's vision tower comes from, or what is said instead."""
    written = str(given.get("mm_vision_tower"))
    if written == _SEVERAL_LAYERS:
        return _CLIP_336
    last = written.rstrip("/").rpartition("/")[2]
    return next((name for name in TOWERS if name.endswith(f"/{last}")), written)


def with_tower(given: Mapping[str, Any], tower: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its tower's `config.json`, which counts before the known ones."""
    inner = tower.get("vision_config")
    return {**given, _TOWER_CONFIG: inner if isinstance(inner, Mapping) else tower}


def translate(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration in llava-hf's form. Raises CheckpointError for other families."""
    read = _read(given)
    kind = language_model(given)
    if kind is None:
        fields.choice(read, "model_type", [name for name in LANGUAGE_MODELS if name.islower()])
    projector = _PROJECTORS[fields.choice(read, "mm_projector_type", _PROJECTORS)]
    several = read["mm_vision_tower"] == _SEVERAL_LAYERS
    translated = {
        "model_type": "vipllava" if several else "llava_next" if _has_tiling(read) else "llava",
        "text_config": dict(given) | {"model_type": kind},
        "projector_kind": projector,
        "image_token_index": IMAGE_TOKEN_INDEX,
        "image_grid_pinpoints": _pinpoints(read) if _cuts(read) else [[_side(read)] * 2],
        "vision_aspect_ratio": _aspect(read) if "max" in _aspect(read) else None,
    } | _vision(read)
    if several:
        del translated["vision_feature_layer"]  # the family's own
    return {key: value for key, value in translated.items() if value is not None}


def tiling_rules(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of `Tiling` is otherwise than in transformers."""
    read = _read(given)
    rules: dict[str, Any] = {
        "rounded": False,
        "row_ends": _merge(read) == "spatial_unpad",
        # Trained by the later code, which pads the pictures of a conversation that has several.
        "several_padded": language_model(given) == "qwen2" or "max" in _aspect(read),
        "clips": _takes_clips(read),
    }
    return rules if _cuts(read) else rules | {"pinpoints": ()}


def image_preprocessing(given: Mapping[str, Any]) -> dict[str, Any]:
    """The preprocessing of a checkpoint in the original form, which takes its tower's."""
    read = _read(given)
    tower = _tower(read)
    side = _side(read)
    aspect = {"image_aspect_ratio": _aspect(read)}
    if _is_siglip(tower):
        square = {"height": side, "width": side}
        return aspect | {"image_processor_type": "SiglipImageProcessor", "size": square}
    return aspect | {"size": side, "crop_size": side}


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    return _DEFAULTS | {key: value for key, value in given.items() if value is not None}


def _tower(read: Mapping[str, Any]) -> dict[str, Any]:
    described = fields.section(read, _TOWER_CONFIG)
    if described is not None:
        return _UNSAID | described
    return TOWERS[
        fields.choice({"mm_vision_tower": tower_repository(read)}, "mm_vision_tower", TOWERS)
    ]


def _side(read: Mapping[str, Any]) -> int:
    return fields.whole(_tower(read), "image_size", high=8192)


def _is_siglip(tower: Mapping[str, Any]) -> bool:
    return tower["model_type"] == "siglip_vision_model"


def _vision(read: Mapping[str, Any]) -> dict[str, Any]:
    tower = _tower(read)
    if not _is_siglip(tower):
        feature = fields.choice(read, "mm_vision_select_feature", _STRATEGIES)
        return {
            "vision_config": tower,
            "vision_feature_layer": read["mm_vision_select_layer"],
            "vision_feature_select_strategy": _STRATEGIES[feature],
        }
    # Whatever is written: the original cuts off the last layer and takes what then comes out.
    depth = fields.whole(tower, "num_hidden_layers", low=2, high=1024)
    known = read.get(_TOWER_CONFIG) is None
    return {
        "vision_config": tower if known else tower | {"num_hidden_layers": depth - 1},
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
    }


def _merge(read: Mapping[str, Any]) -> str:
    return fields.choice(read, "mm_patch_merge_type", ["flat", "spatial_unpad"])


def _aspect(read: Mapping[str, Any]) -> str:
    aspect = str(read["image_aspect_ratio"])
    known = ["square", "pad", "anyres"]
    if not re.fullmatch(r"anyres_max_[1-9]\d{0,3}", aspect):
        fields.choice({"image_aspect_ratio": aspect}, "image_aspect_ratio", known)
    return aspect


def _cuts(read: Mapping[str, Any]) -> bool:
    return _aspect(read).startswith("anyres")


def _takes_clips(read: Mapping[str, Any]) -> bool:
    """Whether it is OneVision, and pools clips as OneVision was trained to.

    Its relatives write newlines elsewhere, or average patches, and say so.
    """
    onevision = _merge(read) == "spatial_unpad" and "max" in _aspect(read)
    return onevision and all(read.get(key, value) == value for key, value in _POOLING.items())


def _has_tiling(read: Mapping[str, Any]) -> bool:
    several_padded = language_model(read) == "qwen2" and _aspect(read) != "pad"
    return _cuts(read) or _merge(read) != "flat" or several_padded


def _pinpoints(read: Mapping[str, Any]) -> list[list[int]]:
    """Sizes of canvases as [height, width]; the original has the width first.

    Written as a list, as a list in a string, or as "(1x1),...,(6x6)": all from the first to the
    last, in tiles.
    """
    written = read.get("image_grid_pinpoints")
    if isinstance(written, str):
        ends = re.findall(r"\((\d{1,2})x(\d{1,2})\)", written)
        written = _grid(ends, _side(read)) if ends else _listed(written)
    sizes = written if isinstance(written, list) else []
    if not sizes or not all(isinstance(size, list) and len(size) == 2 for size in sizes):
        raise CheckpointError(
            f"config.json: image_grid_pinpoints is {fields.brief(written)}, expected sizes of "
            "[width, height]."
        )
    return [[height, width] for width, height in sizes]


def _grid(ends: list[tuple[str, str]], side: int) -> list[list[int]]:
    (wide, high), (widest, highest) = (tuple(map(int, ends[place])) for place in (0, -1))
    return [
        [side * columns, side * rows]
        for columns in range(wide, widest + 1)
        for rows in range(high, highest + 1)
    ]


def _listed(written: str) -> Any:
    try:
        return json.loads(written[:10_000].replace("(", "[").replace(")", "]"))
    except (ValueError, RecursionError):
        return None
