"""Writes the random LLaVAs that are measured: 0.13 B parameters in float32, 7 B in bfloat16.

In the layout of llava-hf's checkpoints, which all programs read. What it says means nothing; how
long it takes is what a trained one of its size takes.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import model  # noqa: F401 - loads OpenBLAS before MLX

# isort: split
import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from benchmarks import vocabulary

Weights = dict[str, NDArray[np.float32]]
Draw = Callable[[tuple[int, ...]], NDArray[np.float32]]  # normal numbers of a shape

VISION: dict[str, Any] = {
    "model_type": "clip_vision_model",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 4,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 14,
    "projection_dim": 768,
}
TEXT: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 8,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
    "vocab_size": vocabulary.SIZE + 64,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
}
# What LLaVA-1.5-7B has, with 576 visual tokens.
LARGE_VISION: dict[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
}
LARGE_TEXT: dict[str, Any] = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
}
# Of the language model, times what keeps activations near 1: attention that looks at single places
# and counts. Without it greedy answers run in circles, and prompt lookup would guess them.
SCALE = {"q_proj": 3.0, "k_proj": 3.0, "o_proj": 4.0}
FILES: dict[str, dict[str, Any]] = {
    "generation_config.json": {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 32001},
    "processor_config.json": {
        "processor_class": "LlavaProcessor",
        "image_token": "<image>",
        "patch_size": 14,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
    },
}


def write(
    folder: Path,
    *,
    copies: bool = False,
    text: dict[str, Any] | None = None,
    vision: dict[str, Any] | None = None,
    dtype: mx.Dtype = mx.float32,
) -> Path:
    """Write it into `folder`, which is returned; `text` and `vision` put over the sizes.

    With `copies` each word has one that follows it, whatever else was said: an answer to a
    conversation in which the words stand in that order copies them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = vocabulary.write(folder)
    config = _config(TEXT | (text or {}), VISION | (vision or {}), dtype)
    weights = _weights(config, _by_numpy() if dtype == mx.float32 else _by_mlx)
    _let_speak(weights, words, copies)
    arrays = {name: mx.array(weights.pop(name)).astype(dtype) for name in list(weights)}
    mx.save_safetensors(str(folder / "model.safetensors"), arrays, {"format": "pt"})
    side = config["vision_config"]["image_size"]
    written = {"config.json": config, "preprocessor_config.json": _preprocessor(side)} | FILES
    for name, content in written.items():
        (folder / name).write_text(json.dumps(content, indent=1))
    return folder


def write_large(folder: Path) -> Path:
    """As `write`, of the sizes of LLaVA-1.5-7B: 14 GB."""
    return write(folder, text=LARGE_TEXT, vision=LARGE_VISION, dtype=mx.bfloat16)


def _preprocessor(side: int) -> dict[str, Any]:
    return {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": side},
        "crop_size": {"height": side, "width": side},
    }


def _by_numpy() -> Draw:
    random = np.random.default_rng(0)
    return lambda shape: random.standard_normal(shape, np.float32)


def _by_mlx(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """MLX has a GPU for it: billions of numbers."""
    return np.array(mx.random.normal(shape))


def _config(text: dict[str, Any], vision: dict[str, Any], dtype: mx.Dtype) -> dict[str, Any]:
    return {
        "model_type": "llava",
        "architectures": ["LlavaForConditionalGeneration"],
        "image_token_index": vocabulary.IMAGE_TOKEN,
        "pad_token_id": vocabulary.PAD_TOKEN,
        "projector_hidden_act": "gelu",
        # The last layer, so that nobody gains by leaving one out.
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "default",
        "text_config": text,
        "vision_config": vision,
        "torch_dtype": str(dtype).rpartition(".")[2],
    }


def _weights(config: dict[str, Any], draw: Draw) -> Weights:
    """Random, scaled so that activations stay near 1; norms 1, biases 0."""
    weights: Weights = {}
    for name, shape in _shapes(config["text_config"], config["vision_config"]):
        if name.endswith("bias"):
            values = np.zeros(shape, np.float32)
        elif "norm" in name or "layrnorm" in name:
            values = np.ones(shape, np.float32)
        else:
            values = draw(shape) * np.float32(_scale(name, shape))
        weights[name] = values
    return weights


def _scale(name: str, shape: tuple[int, ...]) -> float:
    scale = 1.0 if "embed_tokens" in name else float(np.prod(shape[1:]) ** -0.5)
    if name.startswith("language_model.model."):
        scale *= next((times for part, times in SCALE.items() if part in name), 1.0)
    return scale


def _let_speak(weights: Weights, words: list[int], copies: bool) -> None:
    """Answers are made of words alone, and never end by themselves."""
    head = weights["language_model.lm_head.weight"]
    silent = np.ones(len(head), bool)
    silent[words] = False
    head[silent] = 0
    if copies:
        embeddings = weights["language_model.model.embed_tokens.weight"]
        head[np.roll(words, -1)] = embeddings[words]
        for name in weights:  # so that a layer's input, the word, is what comes out of it
            if name.endswith(("self_attn.o_proj.weight", "mlp.down_proj.weight")):
                weights[name] *= np.float32(0.005)


def _shapes(text: dict[str, Any], vision: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _vision_shapes(vision)
    wide, width = vision["hidden_size"], text["hidden_size"]
    yield from _linear("multi_modal_projector.linear_1", width, wide)
    yield from _linear("multi_modal_projector.linear_2", width, width)
    yield from _text_shapes(text)


def _linear(name: str, out: int, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (out, width)
    yield f"{name}.bias", (out,)


def _vision_shapes(vision: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner, patch = (vision[k] for k in ("hidden_size", "intermediate_size", "patch_size"))
    at = "vision_tower.vision_model"
    yield f"{at}.embeddings.class_embedding", (width,)
    yield f"{at}.embeddings.patch_embedding.weight", (width, 3, patch, patch)
    positions = (vision["image_size"] // patch) ** 2 + 1
    yield f"{at}.embeddings.position_embedding.weight", (positions, width)
    for norm in ("pre_layrnorm", "post_layernorm"):
        yield from ((f"{at}.{norm}.{part}", (width,)) for part in ("weight", "bias"))
    for layer in range(vision["num_hidden_layers"]):
        here = f"{at}.encoder.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _linear(f"{here}.self_attn.{name}", width, width)
        for norm in ("layer_norm1", "layer_norm2"):
            yield from ((f"{here}.{norm}.{part}", (width,)) for part in ("weight", "bias"))
        yield from _linear(f"{here}.mlp.fc1", inner, width)
        yield from _linear(f"{here}.mlp.fc2", width, inner)


def _text_shapes(text: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner, size = (text[k] for k in ("hidden_size", "intermediate_size", "vocab_size"))
    at = "language_model.model"
    yield f"{at}.embed_tokens.weight", (size, width)
    yield f"{at}.norm.weight", (width,)
    yield "language_model.lm_head.weight", (size, width)
    for layer in range(text["num_hidden_layers"]):
        here = f"{at}.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"{here}.self_attn.{name}.weight", (width, width)
        yield f"{here}.mlp.gate_proj.weight", (inner, width)
        yield f"{here}.mlp.up_proj.weight", (inner, width)
        yield f"{here}.mlp.down_proj.weight", (width, inner)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{here}.{norm}.weight", (width,)
