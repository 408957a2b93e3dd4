"""Random weights of a LLaVA, under the names of any of the layouts that checkpoints come in."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]

ORIGINAL = ("llava", "vip-llava")
LAYOUTS = (
    "transformers-4",
    "transformers-4.52",
    "transformers-5",
    "transformers-5-own",
    *ORIGINAL,
)


def random_weights(config: Mapping[str, Any], seed: int = 0) -> Weights:
    """Weights for a configuration, by transformers 5's names; norms near 1, biases near 0."""
    random = np.random.default_rng(seed)
    weights: Weights = {}
    for name, shape in tensor_shapes(config).items():
        values = random.standard_normal(shape)
        if len(shape) == 1:
            values = values * 0.1 + ("norm" in name and name.endswith("weight"))
        else:
            values *= 0.3 if "embed" in name else np.prod(shape[1:]) ** -0.5
        weights[name] = values.astype(np.float32)
    return weights


def tensor_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors, by transformers 5's names."""
    shapes = _vision_shapes(config["vision_config"])
    shapes |= _projector_shapes(config)
    if config["model_type"] in ("llava_next", "llava_onevision"):
        shapes["image_newline"] = (config["text_config"]["hidden_size"],)
    shapes |= _text_shapes(config["text_config"])
    if not (config.get("tie_word_embeddings") or config["text_config"].get("tie_word_embeddings")):
        shapes["language_model.lm_head.weight"] = shapes["language_model.model.embed_tokens.weight"]
    return shapes


def renamed(name: str, layout: str) -> str:
    """A tensor's name of transformers 5 in another layout of `LAYOUTS`."""
    if layout in ORIGINAL:
        name = _llava_name(name)
        nested = "model.mm_projector.final_linear" if layout == "vip-llava" else r"\g<0>"
        return re.sub(r"^model\.mm_projector(?=\.[02]\.)", nested, name)
    if layout in ("transformers-4", "transformers-4.52"):
        name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
    if layout in ("transformers-4.52", "transformers-5-own"):
        name = name.replace("language_model.model.", "language_model.", 1)
        name = "lm_head.weight" if name == "language_model.lm_head.weight" else f"model.{name}"
    return name


def is_linear(config: Mapping[str, Any]) -> bool:
    """This module's own key; real checkpoints show it by their tensors alone."""
    return config.get("test_projector") == "linear"


def _llava_name(name: str) -> str:
    for ours, theirs in (
        ("vision_tower.", "model.vision_tower.vision_tower.vision_model."),
        ("multi_modal_projector.linear_1.", "model.mm_projector.0."),
        ("multi_modal_projector.linear_2.", "model.mm_projector.2."),
        ("multi_modal_projector.linear.", "model.mm_projector."),
        ("multi_modal_projector.projector_layernorm.", "model.mm_projector.clip_layernorm."),
        ("image_newline", "model.image_newline"),
        ("language_model.", ""),
    ):
        if name.startswith(ours):
            return name.replace(ours, theirs, 1)
    return name


def _layer(prefix: str, out: int, width: int, bias: bool = True) -> dict[str, tuple[int, ...]]:
    weight: dict[str, tuple[int, ...]] = {f"{prefix}.weight": (out, width)}
    return weight | ({f"{prefix}.bias": (out,)} if bias else {})


def _norm(prefix: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}.weight": (width,), f"{prefix}.bias": (width,)}


def _vision_shapes(vision: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    width, inner, patch = vision["hidden_size"], vision["intermediate_size"], vision["patch_size"]
    siglip = vision["model_type"] == "siglip_vision_model"
    positions = (vision["image_size"] // patch) ** 2 + (0 if siglip else 1)
    at = "vision_tower"
    shapes: dict[str, tuple[int, ...]] = (
        {} if siglip else {f"{at}.embeddings.class_embedding": (width,)}
    )
    shapes[f"{at}.embeddings.patch_embedding.weight"] = (width, 3, patch, patch)
    shapes[f"{at}.embeddings.position_embedding.weight"] = (positions, width)
    if siglip:
        shapes[f"{at}.embeddings.patch_embedding.bias"] = (width,)
        shapes |= _siglip_head_shapes(vision) if vision.get("vision_use_head", True) else {}
    else:
        shapes |= _norm(f"{at}.pre_layrnorm", width)
    shapes |= _norm(f"{at}.post_layernorm", width)
    for layer in range(vision["num_hidden_layers"]):
        at = f"vision_tower.encoder.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= _layer(f"{at}.self_attn.{name}", width, width)
        shapes |= _norm(f"{at}.layer_norm1", width) | _norm(f"{at}.layer_norm2", width)
        shapes |= _layer(f"{at}.mlp.fc1", inner, width) | _layer(f"{at}.mlp.fc2", width, inner)
    return shapes


def _siglip_head_shapes(vision: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The pooling head, which is in some files and which no LLaVA reads."""
    width, inner, at = vision["hidden_size"], vision["intermediate_size"], "vision_tower.head"
    shapes: dict[str, tuple[int, ...]] = {
        f"{at}.probe": (1, 1, width),
        f"{at}.attention.in_proj_weight": (3 * width, width),
        f"{at}.attention.in_proj_bias": (3 * width,),
    }
    shapes |= _layer(f"{at}.attention.out_proj", width, width)
    shapes |= _layer(f"{at}.mlp.fc1", inner, width) | _layer(f"{at}.mlp.fc2", width, inner)
    return shapes | _norm(f"{at}.layernorm", width)


def _projector_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    layers = config.get("vision_feature_layers") or config["vision_feature_layer"]
    width = config["vision_config"]["hidden_size"] * (
        len(layers) if isinstance(layers, list) else 1
    )
    out = config["text_config"]["hidden_size"]
    bias = config.get("multimodal_projector_bias", True)
    at = "multi_modal_projector"
    if is_linear(config):
        return _layer(f"{at}.linear", out, width, bias)
    shapes = _layer(f"{at}.linear_1", out, width, bias) | _layer(f"{at}.linear_2", out, out, bias)
    if config["model_type"] == "vipllava":
        norm = f"{at}.projector_layernorm"
        shapes |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
    return shapes


def _text_shapes(text: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    width, inner, heads = (
        text["hidden_size"],
        text["intermediate_size"],
        text["num_attention_heads"],
    )
    groups = text.get("num_key_value_heads", 8 if text["model_type"] == "mistral" else heads)
    head = text.get("head_dim", width // heads)
    biased = text["model_type"] == "qwen2" or text.get("attention_bias", False)
    shapes: dict[str, tuple[int, ...]] = {
        "language_model.model.embed_tokens.weight": (text["vocab_size"], width),
        "language_model.model.norm.weight": (width,),
    }
    for layer in range(text["num_hidden_layers"]):
        at = f"language_model.model.layers.{layer}"
        shapes |= _layer(f"{at}.self_attn.q_proj", heads * head, width, biased)
        shapes |= _layer(f"{at}.self_attn.k_proj", groups * head, width, biased)
        shapes |= _layer(f"{at}.self_attn.v_proj", groups * head, width, biased)
        last = biased and text["model_type"] != "qwen2"
        shapes |= _layer(f"{at}.self_attn.o_proj", width, heads * head, last)
        for name, rows, columns in (
            ("gate_proj", inner, width),
            ("up_proj", inner, width),
            ("down_proj", width, inner),
        ):
            shapes |= _layer(f"{at}.mlp.{name}", rows, columns, text.get("mlp_bias", False))
        shapes[f"{at}.input_layernorm.weight"] = (width,)
        shapes[f"{at}.post_attention_layernorm.weight"] = (width,)
    return shapes
