"""Damaged and hostile weight files are refused before MLX sees them."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from model.errors import CheckpointError
from model.safetensors_file import Tensor, read_header

ONE = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def write(path: Path, header: Any, data: bytes, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def test_names_types_shapes_and_metadata_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    arrays = {"a": mx.zeros((2, 3), mx.bfloat16), "b": mx.zeros((), mx.uint32)}
    mx.save_safetensors(str(path), arrays, {"format": "mlx"})
    tensors, metadata = read_header(path)
    assert tensors == {"a": Tensor("BF16", (2, 3)), "b": Tensor("U32", ())}
    assert metadata == {"format": "mlx"}


DAMAGES: list[tuple[Any, bytes, int | None, str]] = [
    (b"", b"", 0, "header"),
    (b"", b"", 2**62, "header"),
    ({"a": ONE}, bytes(24), 2**20, "makes no sense"),
    (b"\x80\x04pickle", bytes(24), None, "makes no sense"),
    (b"[1]", b"", None, "makes no sense"),
    (b"[" * 100_000, b"", None, "makes no sense"),
    ({"a": ONE}, bytes(23), None, "need 24 bytes, 23 are there"),
    ({"a": ONE}, bytes(25), None, "need 24 bytes, 25 are there"),
    ({"a": ONE, "b": ONE}, bytes(24), None, "overlap"),
    ({"a": ONE | {"data_offsets": [4, 28]}}, bytes(28), None, "gaps"),
    ({"a": ONE | {"data_offsets": [0, 20]}}, bytes(20), None, "length"),
    ({"a": ONE | {"data_offsets": [0]}}, bytes(24), None, "header"),
    ({"a": ONE | {"data_offsets": [-24, 0]}}, bytes(24), None, "size"),
    ({"a": ONE | {"shape": [-2, -3]}}, bytes(24), None, "size"),
    ({"a": ONE | {"shape": ["2", "3"]}}, bytes(24), None, "size"),
    ({"a": ONE | {"shape": [2**40, 2**40]}}, bytes(24), None, "length"),
    ({"a": ONE | {"dtype": "F4"}}, bytes(24), None, "type"),
    ({"a": {"dtype": "F32"}}, bytes(24), None, "header"),
    ({"a": None}, bytes(24), None, "header"),
    ({"a": ONE, "__metadata__": ["pt"]}, bytes(24), None, "header"),
]


@pytest.mark.parametrize(("header", "data", "length", "reason"), DAMAGES)
def test_a_damaged_file_is_refused(
    header: Any, data: bytes, length: int | None, reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "model.safetensors", header, data, length)
    with pytest.raises(CheckpointError, match=reason) as refusal:
        read_header(path)
    assert "model.safetensors is damaged" in str(refusal.value)
    assert str(tmp_path) not in str(refusal.value)


def test_an_undamaged_file_of_that_form_is_read(tmp_path: Path) -> None:
    """So that the refusals above are for the damage."""
    tensors, _ = read_header(write(tmp_path / "a", {"a": ONE}, bytes(24)))
    assert tensors == {"a": Tensor("F32", (2, 3))}


def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="can't be read"):
        read_header(tmp_path)
