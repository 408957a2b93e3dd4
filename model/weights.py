"""A checkpoint's weights, under the network's own names whatever layout they were saved in.

Reads safetensors only, which is data; pickled weights are programs and are refused. Knows
nothing of the network: `checkpoint` compares the two.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx

from model.errors import CheckpointError
from model.fields import brief
from model.key_layouts import our_name
from model.safetensors_file import read_header

_PATCHES = "vision_tower.embeddings.patch_embedding.weight"
ELSEWHERE = (
    "llava-hf has most LLaVAs as safetensors, such as llava-hf/llava-1.5-7b-hf for "
    "liuhaotian/llava-v1.5-7b."
)
_FILE_NAME = re.compile(r"[\w.-]+\.safetensors")
_LARGEST_JSON = 32 * 2**20


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor still on disk; `shape` is the one it will have in the network."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    channels_first: bool = False


def read_weights(folder: Path) -> dict[str, mx.array]:
    """All weights of a checkpoint under the network's names, not evaluated yet."""
    return dict(load_tensors(stored_tensors(folder)))


def stored_tensors(
    folder: Path, rename: Callable[[str], str | None] = our_name
) -> dict[str, StoredTensor]:
    """What a checkpoint holds, by the network's names, from the headers of its files.

    `rename` gives a tensor's name in the network, None for one that isn't needed.

    Raises CheckpointError for missing, pickled, damaged or contradictory files.
    """
    found: dict[str, StoredTensor] = {}
    for path in weight_files(folder):
        tensors, metadata = read_header(path)
        for name, tensor in tensors.items():
            ours = rename(name)
            if ours is None:
                continue
            if ours in found:
                raise CheckpointError(f"The checkpoint holds the tensor {brief(ours)} twice.")
            stored = StoredTensor(path, name, tensor.dtype, tensor.shape)
            found[ours] = _channels_last(stored, metadata) if ours == _PATCHES else stored
    return found


def load_tensors(stored: Mapping[str, StoredTensor]) -> Iterator[tuple[str, mx.array]]:
    """The tensors themselves, file by file; MLX reads each when it is evaluated."""
    by_file: dict[Path, list[str]] = defaultdict(list)
    for ours, tensor in stored.items():
        by_file[tensor.path].append(ours)
    for path, names in by_file.items():
        arrays: dict[str, mx.array] = mx.load(str(path), format="safetensors")  # type: ignore[assignment]
        for ours in names:
            array = arrays.pop(stored[ours].name)
            yield ours, array.transpose(0, 2, 3, 1) if stored[ours].channels_first else array


def read_json(folder: Path, name: str) -> dict[str, Any] | None:
    """An object from one of a checkpoint's JSON files, None where there is no such file."""
    path = folder / name
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > _LARGEST_JSON:
            raise CheckpointError(f"{name} is far too large for what it should be.")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{name} is damaged: it can't be read as JSON.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{name} is damaged: it holds no JSON object.")
    return content


def weight_files(folder: Path) -> list[Path]:
    """One file or the shards that the index names, in transformers' order of preference."""
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    index = read_json(folder, "model.safetensors.index.json")
    if index is not None:
        return _shards(folder, index)
    files = sorted(folder.glob("*.safetensors"))
    if files:
        return files
    pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt*"))
    raise CheckpointError(
        "The checkpoint has no safetensors weights"
        + (f", only pickled ones, which can run programs. {ELSEWHERE}" if pickled else ".")
    )


def _shards(folder: Path, index: Mapping[str, Any]) -> list[Path]:
    entries = index.get("weight_map")
    names = set(entries.values()) if isinstance(entries, dict) else {None}
    paths = []
    for name in sorted(names, key=str):
        # Shards lie beside their index: a name that leads elsewhere is not looked at.
        if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
            raise CheckpointError("model.safetensors.index.json names files that can't be.")
        if not (folder / name).is_file():
            raise CheckpointError(
                f"The weights file {name} is missing: fetch the checkpoint again."
            )
        paths.append(folder / name)
    return paths


def _channels_last(stored: StoredTensor, metadata: Mapping[str, str]) -> StoredTensor:
    """MLX wants patch filters `[D, h, w, 3]`, PyTorch stores `[D, 3, h, w]`; see which it is."""
    shape = stored.shape
    first = len(shape) == 4 and shape[1] == 3
    last = len(shape) == 4 and shape[3] == 3
    if not first or (last and metadata.get("format") == "mlx"):
        return stored
    turned = (shape[0], shape[2], shape[3], shape[1])
    return StoredTensor(stored.path, stored.name, stored.dtype, turned, channels_first=True)
