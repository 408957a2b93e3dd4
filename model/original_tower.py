"""The vision tower of a checkpoint in the original form, which may lie elsewhere.

LLaVAs whose tower was frozen in training are often stored without it: `mm_vision_tower` then names
a folder or a repository. Looked for in the checkpoint's own folder, as a folder anywhere, and in
the hub's cache; it is not fetched unasked.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model import original_config
from model.config import LlavaConfig
from model.errors import CheckpointError
from model.fields import brief
from model.hub import cached, is_repository, local_folder
from model.key_layouts import our_name
from model.weights import StoredTensor, read_json, stored_tensors

_PREFIX = "vision_tower."
_PART = re.compile(r"(vision_model\.)?(embeddings|encoder|pre_layrnorm|post_layernorm|head)\.")
_LAYER = re.compile(r"vision_tower\.encoder\.layers\.(\d+)\.")


def describe(written: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A configuration with what its tower's folder says of the tower, where there is one.

    A tower that isn't known by name is looked for in the hub's cache, too.
    """
    found = _local(written, folder)
    if found is None and original_config.tower_repository(written) not in original_config.TOWERS:
        found = _in_cache(written)
    said = read_json(found, "config.json") if found else None
    return dict(written) if said is None else original_config.with_tower(written, said)


def complete(
    written: Mapping[str, Any], folder: Path, stored: Mapping[str, StoredTensor]
) -> dict[str, StoredTensor]:
    """A checkpoint's tensors with its tower's. Raises CheckpointError where that is not here."""
    if any(name.startswith(_PREFIX) for name in stored):
        return dict(stored)
    found = _local(written, folder) or _in_cache(written)
    name = brief(original_config.tower_repository(written))
    if found is None:
        raise CheckpointError(
            f"The checkpoint comes without its vision tower, {name}, and that is not on this "
            "machine with safetensors weights. Fetch it with `hf download`, or name its folder "
            "as mm_vision_tower in config.json."
        )
    try:
        return {**stored, **stored_tensors(found, _tower_name)}
    except CheckpointError as error:
        raise CheckpointError(f"The vision tower {name}: {error}") from error


def needed(config: LlavaConfig, stored: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Without what the original code doesn't read either.

    SigLIP's last layer, and the newline where rows have none: it ignores what it has no place for.
    """
    newline = config.tiling is not None and config.tiling.row_ends
    return {
        name: tensor
        for name, tensor in stored.items()
        if _depth(name) < config.vision.num_hidden_layers and (newline or name != "image_newline")
    }


def _depth(name: str) -> int:
    layer = _LAYER.match(name)
    return int(layer[1]) if layer else 0


def _tower_name(name: str) -> str | None:
    """The network's name of a tensor in a tower's own file, which may hold a text tower as well."""
    return our_name(_PREFIX + name) if _PART.match(name) else None


def _local(written: Mapping[str, Any], folder: Path) -> Path | None:
    name = str(written.get("mm_vision_tower"))
    places = (local_folder(str(folder / name)), local_folder(name))
    return next((place for place in places if place and (place / "config.json").is_file()), None)


def _in_cache(written: Mapping[str, Any]) -> Path | None:
    repository = original_config.tower_repository(written)
    return cached(repository) if is_repository(repository) else None
