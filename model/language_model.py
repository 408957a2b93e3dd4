"""The language model `f_phi`: mlx-lm's decoders, built from a filled `text_config`.

Knows nothing of pictures: what it is given are embeddings, its own or projected ones.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import mlx.core as mx
from mlx import nn

from model.attention import speed_up
from model.rope import RotaryEmbedding

# mlx-lm keeps Mistral in its Llama decoder.
DECODERS = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2"}


def build_language_model(text: Mapping[str, Any]) -> nn.Module:
    """An mlx-lm `Model` with random weights, from what `text_config.fill` returned.

    Call it as `lm(ids, cache=None, input_embeddings=None)`; parameters are
    `model.layers..`, `model.embed_tokens.weight` and, where not tied, `lm_head.weight`.
    """
    decoder = import_module(f"mlx_lm.models.{DECODERS[text['model_type']]}")
    speed_up(decoder)
    unscaled = dict(text) | {"rope_scaling": None}
    model: nn.Module = decoder.Model(decoder.ModelArgs.from_dict(unscaled))
    rope = RotaryEmbedding(text)
    for layer in model.model.layers:
        layer.self_attn.rope = rope
    window = text.get("sliding_window") if text["model_type"] == "mistral" else None
    if window is not None and window < text["max_position_embeddings"]:
        _slide(model, window)
    return model


def head(model: nn.Module, hidden: mx.array) -> mx.array:
    """The vocabulary's product: hidden states `[.., D]` to logits `[.., V]`."""
    if model.args.tie_word_embeddings:
        return model.model.embed_tokens.as_linear(hidden)
    return model.lm_head(hidden)


def next_logits(model: nn.Module, ids: mx.array, cache: Any) -> mx.array:
    """Logits `[B, V]` of the token after the last of `ids` `[B, T]`, and no other's."""
    return head(model, model.model(ids, cache)[:, -1])


def _slide(model: nn.Module, window: int) -> None:
    """Let every layer attend to the last `window` tokens only (Mistral 7B v0.1).

    mlx-lm's Llama demands at least one layer with full attention in its `layer_types`, so
    the window is set on the built model.
    """
    model.model.sliding_window = window
    model.model.swa_idx = 0
    for layer in model.model.layers:
        layer.use_sliding = True
