"""Fills a LLaVA checkpoint's `text_config`, which may be abbreviated to what isn't default.

The result is what mlx-lm's decoders are built from. The defaults are those of the Hugging
Face configuration class of each model type: mlx-lm's own differ (tied embeddings, rope
theta), so nothing is left for it to fill in.
"""

from collections.abc import Mapping
from typing import Any

from model import fields
from model.errors import CheckpointError

_COMMON: dict[str, Any] = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": None,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "attention_bias": False,
    "mlp_bias": False,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "llama": _COMMON
    | {
        "vocab_size": 32000,
        "intermediate_size": 11008,
        "max_position_embeddings": 2048,
        "eos_token_id": 2,
    },
    "mistral": _COMMON
    | {
        "vocab_size": 32000,
        "intermediate_size": 14336,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
        "eos_token_id": 2,
    },
    "qwen2": _COMMON
    | {
        "vocab_size": 151936,
        "intermediate_size": 22016,
        "num_key_value_heads": 32,
        "max_position_embeddings": 32768,
        "eos_token_id": None,
        "use_sliding_window": False,
    },
}
_SIZES = ("vocab_size", "hidden_size", "intermediate_size", "max_position_embeddings")
DEFAULT_ROPE_THETA = 10000.0
# The rotary scalings whose results equal transformers', with the settings that each needs.
ROPE_FACTORS = {
    "default": (),
    "linear": ("factor",),
    "llama3": (
        "factor",
        "low_freq_factor",
        "high_freq_factor",
        "original_max_position_embeddings",
    ),
}


def fill(given: Mapping[str, Any]) -> dict[str, Any]:
    """The full configuration of a language model, ready for mlx-lm's `ModelArgs`.

    Raises CheckpointError for what mlx-lm's decoders would compute otherwise, or not at all.
    """
    written = {"model_type": "llama"} | dict(given)
    kind = fields.choice(written, "model_type", DEFAULTS)
    read = DEFAULTS[kind] | written
    fields.choice(read, "hidden_act", ["silu"])
    text: dict[str, Any] = {"model_type": kind}
    text |= {name: fields.whole(read, name) for name in _SIZES}
    text["num_hidden_layers"] = fields.whole(read, "num_hidden_layers", high=1024)
    text["rms_norm_eps"] = fields.positive(read, "rms_norm_eps")
    text["tie_word_embeddings"] = fields.flag(read, "tie_word_embeddings")
    text["eos_token_id"] = list(fields.token_ids(read, "eos_token_id"))
    return text | _heads(read) | _rope(read) | _specialities(read)


def _heads(read: Mapping[str, Any]) -> dict[str, int]:
    """Attention heads; a null stands for what follows from the other numbers."""
    heads = fields.whole(read, "num_attention_heads", high=4096)
    width, rest = divmod(read["hidden_size"], heads)
    derived = {"num_key_value_heads": heads, "head_dim": width}
    derived |= {name: read[name] for name in derived if read.get(name) is not None}
    groups = fields.whole(derived, "num_key_value_heads", high=heads)
    wide = fields.whole(derived, "head_dim")
    # mlx-lm's Qwen2 has no width of heads of its own.
    if rest or heads % groups or wide % 2 or (read["model_type"] == "qwen2" and wide != width):
        raise CheckpointError(
            f"config.json: {heads} attention heads of width {wide}, {groups} of them for keys "
            f"and values, don't fit a hidden size of {read['hidden_size']}."
        )
    return {"num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": wide}


def _rope(read: Mapping[str, Any]) -> dict[str, Any]:
    """Rotary settings in transformers 4's spelling, which is the one mlx-lm reads.

    transformers 5 writes them as `rope_parameters`; files of transformers 4 have `rope_theta`
    and `rope_scaling` at the top.
    """
    written = fields.section(read, "rope_scaling") or fields.section(read, "rope_parameters") or {}
    rope = {"rope_theta": read.get("rope_theta") or DEFAULT_ROPE_THETA} | written
    rope["rope_type"] = rope.get("rope_type", rope.get("type", "default"))
    kind = fields.choice(rope, "rope_type", ROPE_FACTORS)
    theta = fields.positive(rope, "rope_theta")
    if kind == "default":
        return {"rope_theta": theta, "rope_scaling": None}
    if kind == "llama3":
        rope.setdefault("original_max_position_embeddings", read["max_position_embeddings"])
    factors = {name: fields.positive(rope, name) for name in ROPE_FACTORS[kind]}
    return {"rope_theta": theta, "rope_scaling": {"rope_type": kind} | factors}


def _specialities(read: Mapping[str, Any]) -> dict[str, Any]:
    """What only one type of language model has; the others ignore such keys, as in transformers."""
    if read["model_type"] == "llama":
        biases = ("attention_bias", "mlp_bias")
        return {name: fields.flag(read, name) for name in biases}
    if read["model_type"] == "mistral":
        sliding = read.get("sliding_window") is not None
        window = fields.whole(read, "sliding_window") if sliding else None
        return {"attention_bias": False, "mlp_bias": False, "sliding_window": window}
    if fields.flag(read, "use_sliding_window"):
        raise CheckpointError(
            "config.json: use_sliding_window is true; this program runs Qwen2 with full attention."
        )
    return {}
