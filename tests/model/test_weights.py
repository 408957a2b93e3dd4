"""Weights come out the same from every layout, and files that can't be are refused."""

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from model.errors import CheckpointError
from model.weights import read_json, read_weights, stored_tensors
from tests.checkpoints import write_checkpoint, write_json
from tests.random_weights import LAYOUTS

PATCHES = "vision_tower.embeddings.patch_embedding.weight"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shards", [1, 3])
def test_every_layout_holds_the_same_weights(layout: str, shards: int, tmp_path: Path) -> None:
    plain = read_weights(write_checkpoint(tmp_path / "plain"))
    weights = read_weights(write_checkpoint(tmp_path / "it", layout=layout, shards=shards))
    assert weights.keys() == plain.keys()
    assert all(mx.array_equal(weights[name], plain[name]) for name in plain)


def test_a_tensor_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, layout="transformers-4")
    weights = mx.load(str(folder / "model.safetensors"))
    assert isinstance(weights, dict)
    weights["lm_head.weight"] = mx.zeros((2, 2))
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    with pytest.raises(CheckpointError, match="twice"):
        stored_tensors(folder)


@pytest.mark.parametrize("size", [3, 14])
@pytest.mark.parametrize("form", ["pt", "mlx"])
def test_patch_filters_are_turned_only_when_they_need_it(
    size: int, form: str, tmp_path: Path
) -> None:
    filters = np.random.default_rng(0).standard_normal((5, size, size, 3)).astype(np.float32)
    stored = filters.transpose(0, 3, 1, 2) if form == "pt" else filters
    path = tmp_path / "model.safetensors"
    mx.save_safetensors(str(path), {PATCHES: mx.array(stored)}, {"format": form})
    assert stored_tensors(tmp_path)[PATCHES].shape == filters.shape
    assert np.array_equal(np.array(read_weights(tmp_path)[PATCHES]), filters)


def test_pickled_weights_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no safetensors weights\.$"):
        read_weights(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(CheckpointError, match=r"only pickled ones.*llava-hf"):
        read_weights(tmp_path)


def test_weights_under_other_file_names_are_found(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "model.safetensors").rename(folder / "weights.00.safetensors")
    assert PATCHES in read_weights(folder)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, shards=2)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.safetensors is missing"):
        read_weights(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../model.safetensors",
        "/etc/passwd",
        "a/b",
        "",
        "..",
        3,
        None,
        "a\\b.safetensors",
        "x\0.safetensors",
        "model.bin",
    ],
)
def test_an_index_leads_nowhere_else(name: object, tmp_path: Path) -> None:
    write_json(tmp_path, "model.safetensors.index.json", {"weight_map": {"a": name}})
    with pytest.raises(CheckpointError, match="index"):
        read_weights(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, "\xff", '{"a": 1}x'])
def test_damaged_json_is_refused_by_the_name_of_its_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"config\.json is damaged"):
        read_json(tmp_path, "config.json")


def test_json_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(CheckpointError, match="far too large"):
        read_json(tmp_path, "config.json")


def test_absent_json_is_none(tmp_path: Path) -> None:
    assert read_json(tmp_path, "config.json") is None
    (tmp_path / "config.json").write_text(json.dumps({"a": 1}))
    assert read_json(tmp_path, "config.json") == {"a": 1}
