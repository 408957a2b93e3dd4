"""Whether this program can run a model at all, by its `config.json`: before anything large."""

from collections.abc import Mapping
from typing import Any

from model.config import LlavaConfig
from model.errors import CheckpointError
from model.fields import brief


def check(config: Mapping[str, Any]) -> LlavaConfig:
    """The configuration. Raises CheckpointError for what can't be run, or has no vision."""
    if has_no_vision(config):
        raise CheckpointError(
            f"It is a model without vision ({brief(config.get('model_type'))}): it can't see "
            "pictures. Take a LLaVA."
        )
    return LlavaConfig.from_dict(config)


def has_no_vision(config: Mapping[str, Any]) -> bool:
    """Whether a configuration names neither a vision tower nor a kind of LLaVA."""
    towers = ("vision_config", "mm_vision_tower", "vision_tower")
    kind = str(config.get("model_type", "")).lower()
    return not any(config.get(name) for name in towers) and "llava" not in kind
