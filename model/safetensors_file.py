"""Reads a safetensors file's header and checks it against the file, before MLX reads the rest.

MLX trusts the header. A damaged or hostile file is refused here, in the words of the user.
Source: the format's description, https://github.com/huggingface/safetensors.
"""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from model.errors import CheckpointError

_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U32": 4, "F64": 8, "I64": 8, "I32": 4, "U8": 1, "I8": 1}
_LARGEST_HEADER = 100 * 2**20  # what the format's own reader allows


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as its file's header describes it."""

    dtype: str
    shape: tuple[int, ...]


class _DamageError(ValueError):
    """What is wrong with the file, in words for the user."""


def read_header(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, and the file's metadata. Raises CheckpointError for a damaged file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LARGEST_HEADER:
                raise _DamageError("its header is no safetensors header")
            header = json.loads(file.read(length))
        return _tensors(header, path.stat().st_size - 8 - length), _metadata(header)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"The weights file {path.name} is damaged or incomplete ({_reason(error)}): "
            "fetch the checkpoint again."
        ) from error


def _tensors(header: dict[str, Any], size: int) -> dict[str, Tensor]:
    """Check that the tensors fill the `size` bytes of the data without gap or overlap."""
    tensors, runs = {}, []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        shape = tuple(entry["shape"])
        if any(type(number) is not int or number < 0 for number in (*shape, start, end)):
            raise _DamageError("a tensor's size makes no sense")
        if entry["dtype"] not in _BYTES:
            raise _DamageError("a tensor's type is unknown")
        if end - start != prod(shape) * _BYTES[entry["dtype"]]:
            raise _DamageError("a tensor's length doesn't fit its shape")
        tensors[name] = Tensor(entry["dtype"], shape)
        runs.append((start, end))
    position = 0
    for start, end in sorted(runs):
        if start != position:
            raise _DamageError("its tensors have gaps or overlap")
        position = end
    if position != size:
        raise _DamageError(f"its tensors need {position} bytes, {size} are there")
    return tensors


def _metadata(header: dict[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in (header.get("__metadata__") or {}).items()}


def _reason(error: Exception) -> str:
    if isinstance(error, _DamageError):
        return str(error)
    return "it can't be read" if isinstance(error, OSError) else "its header makes no sense"
