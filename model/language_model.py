"""The language model `f_phi`: mlx-lm's decoders, built from a filled `text_config`.

Knows nothing of pictures: what it is given are embeddings, its own or projected ones.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from importlib import import_module
from typing import Any

import mlx.core as mx
from mlx import nn

from model.attention import speed_up
from model.devices import lazily
from model.rope import RotaryEmbedding

# mlx-lm keeps Mistral in its Llama decoder.
DECODERS = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2"}
_reading: ContextVar[bool] = ContextVar("reading", default=False)


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
    last = model.model.layers[-1]
    last.__class__ = _short_on_reading(type(last))  # same parameters
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


def read(model: nn.Module, embeddings: mx.array, cache: Any) -> mx.array:
    """Put embeddings `[B, T, D]` into `cache`; the last one's hidden state `[B, D]`."""
    ids = mx.zeros(embeddings.shape[:2], mx.int32)  # the embeddings stand in their place
    token = _reading.set(True)
    try:
        hidden: mx.array = model.model(ids, cache, embeddings)
    finally:
        _reading.reset(token)
    return hidden[:, -1]


def _short_on_reading(block: type[nn.Module]) -> type[nn.Module]:
    """A decoder's last layer that computes, on reading, no more than is read of it.

    Of the other positions nobody needs more than the keys and values: the rest is asked of MLX,
    which does nothing before it must, and thrown away.
    """

    class LastBlock(block):  # type: ignore[misc, valid-type]
        def __call__(self, x: mx.array, mask: Any = None, cache: Any = None) -> mx.array:
            whole = super().__call__
            if not (_reading.get() and isinstance(mask, str)):
                return whole(x, mask, cache)
            with lazily():
                whole(x[:, :-1], mask, cache)
                return whole(x[:, -1:], None, cache)

    return LastBlock


def _slide(model: nn.Module, window: int) -> None:
    """Let every layer attend to the last `window` tokens only (Mistral 7B v0.1).

    mlx-lm's Llama demands at least one layer with full attention in its `layer_types`, so
    the window is set on the built model.
    """
    model.model.sliding_window = window
    model.model.swa_idx = 0
    for layer in model.model.layers:
        layer.use_sliding = True
