"""Fills a LLaVA checkpoint's `text_config`, which may be abbreviated to what isn't default.

The result is what mlx-lm's decoders are built from. The defaults are those of the Hugging
Face configuration class of each model type: mlx-lm's own differ (tied embeddings, rope
theta), so nothing is left for it to fill in.
"""

from collections.abc import Mapping
from typing import Any

from model.errors import CheckpointError

_COMMON: dict[str, Any] = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "head_dim": None,
    "attention_bias": False,
    "mlp_bias": False,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "llama": _COMMON
    | {
        "vocab_size": 32000,
        "intermediate_size": 11008,
        "num_key_value_heads": None,
        "max_position_embeddings": 2048,
        "sliding_window": None,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    "mistral": _COMMON
    | {
        "vocab_size": 32000,
        "intermediate_size": 14336,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    "qwen2": _COMMON
    | {
        "vocab_size": 151936,
        "intermediate_size": 22016,
        "num_key_value_heads": 32,
        "max_position_embeddings": 32768,
        "sliding_window": 4096,
        "use_sliding_window": False,
        "max_window_layers": 28,
        "bos_token_id": None,
        "eos_token_id": None,
    },
}


def fill(given: Mapping[str, Any]) -> dict[str, Any]:
    """The full configuration of a language model, ready for mlx-lm's `ModelArgs`."""
    kind = given.get("model_type") or "llama"
    if kind not in DEFAULTS:
        raise CheckpointError(
            f"The language model is of type {kind!r}; this program runs {', '.join(DEFAULTS)}."
        )
    text = DEFAULTS[kind] | dict(given) | {"model_type": kind}
    text.update(_rope(given))
    if text["num_key_value_heads"] is None:
        text["num_key_value_heads"] = text["num_attention_heads"]
    if text["head_dim"] is None:
        text["head_dim"] = text["hidden_size"] // text["num_attention_heads"]
    return text


def _rope(given: Mapping[str, Any]) -> dict[str, Any]:
    """Rotary settings in transformers 4's spelling, which is the one mlx-lm reads.

    transformers 5 writes them as `rope_parameters`; files of transformers 4 have `rope_theta`
    and `rope_scaling` at the top.
    """
    written = dict(given.get("rope_parameters") or given.get("rope_scaling") or {})
    theta = written.pop("rope_theta", None) or given.get("rope_theta") or _COMMON["rope_theta"]
    kind = written.get("rope_type") or written.get("type") or "default"
    scaling = None if kind == "default" else written | {"rope_type": kind}
    return {"rope_theta": theta, "rope_scaling": scaling}
