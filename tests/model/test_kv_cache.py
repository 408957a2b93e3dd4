"""Packed keys and values: near what they stand for, and the same in every kind of cache."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models.cache import BatchKVCache, KVCache

import model
from model.errors import CheckpointError
from model.evaluation.drift import drift
from model.kv_cache import (
    BatchPackedKVCache,
    PackedKVCache,
    Packing,
    new_cache,
    packing_for,
    token_bytes,
)
from model.llava import Llava

TEXT = {"num_hidden_layers": 3, "num_key_value_heads": 2, "head_dim": 64}


@pytest.fixture(scope="module")
def pocket() -> Llava:
    return model.load(Path(model.__file__).parent / "pocket")


def values(tokens: int, rows: int = 1, width: int = 64, seed: int = 0) -> mx.array:
    """`[B, H, T, D]`"""
    return mx.random.normal((rows, 2, tokens, width), key=mx.random.key(seed))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("group", [32, 64])
@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16])
def test_what_is_packed_comes_back_within_a_level(bits: int, group: int, dtype: mx.Dtype) -> None:
    x = values(7).astype(dtype)
    packing = Packing(bits, group)
    packed = packing.pack(x)
    back = packing.unpack(packed, 64, dtype)
    assert (back.dtype, back.shape) == (dtype, x.shape)
    assert packed.dtype == mx.uint32
    assert packed.shape[-1] * 4 == packing.nbytes(64, dtype)
    groups = x.astype(mx.float32).reshape(1, 2, 7, -1, group)
    level = (groups.max(axis=-1) - groups.min(axis=-1)) / (2**bits - 1)
    off = mx.abs(back.astype(mx.float32).reshape(groups.shape) - groups).max(axis=-1)
    rounding = 0.0 if dtype == mx.float32 else 0.06
    assert mx.all(off <= level + rounding)


@pytest.mark.parametrize("bits", [8, 4])
def test_it_is_what_mlx_makes_of_it(bits: int) -> None:
    x, packing = values(5), Packing(bits, 32)
    theirs = mx.dequantize(*mx.quantize(x, 32, bits), 32, bits)
    assert mx.allclose(packing.unpack(packing.pack(x), 64, mx.float32), theirs, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 4])
def test_a_row_in_a_batch_has_the_keys_and_values_it_has_alone(bits: int) -> None:
    packing = Packing(bits, 64)
    alone = [PackedKVCache(packing), PackedKVCache(packing)]
    for number, (row, length) in enumerate(zip(alone, (9, 300), strict=True)):
        for start in range(0, length, 128):
            piece = values(length, seed=number)[..., start : start + 128, :]
            row.update_and_fetch(piece, 2 * piece)
    batch = alone[0].merge([alone[0]])
    batch.extend(alone[1].merge([alone[1]]))
    assert isinstance(batch, BatchPackedKVCache)
    new = values(1, rows=2, seed=9)
    keys, doubled = batch.update_and_fetch(new, 2 * new)
    for number, row in enumerate(alone):
        own, _ = row.update_and_fetch(new[number : number + 1], 2 * new[number : number + 1])
        assert mx.array_equal(keys[number : number + 1, :, -row.offset :], own)
        assert mx.allclose(doubled[number : number + 1, :, -row.offset :], 2 * own, atol=1e-5)
        taken = batch.extract(number)
        assert isinstance(taken, PackedKVCache)
        assert taken.offset == row.offset
        assert all(map(mx.array_equal, taken.keys_and_values(), row.keys_and_values()))
    batch.filter([0])
    assert mx.array_equal(batch.extract(0).keys_and_values()[0], alone[0].keys_and_values()[0])


def test_a_token_takes_what_is_reckoned() -> None:
    for packing in (None, Packing(8, 64), Packing(4, 32)):
        cache: Any = PackedKVCache(packing) if packing else KVCache()
        cache.update_and_fetch(values(256), values(256))
        assert 3 * cache.nbytes == 256 * token_bytes(TEXT, mx.float32, packing)
    plain, eight, four = (
        token_bytes(TEXT, mx.float16, packing) for packing in (None, Packing(8, 64), Packing(4, 64))
    )
    assert eight == plain * (1 / 2 + 1 / 32)
    assert four == plain * (1 / 4 + 1 / 32)


def test_the_largest_group_that_fits_is_taken_and_none_refused() -> None:
    sizes = [packing_for(TEXT | {"head_dim": width}, 8).group_size for width in (128, 96, 64, 32)]
    assert sizes == [64, 32, 64, 32]
    with pytest.raises(CheckpointError, match="heads have 12 values, no multiple of 32"):
        packing_for(TEXT | {"head_dim": 12}, 8)


def test_without_packing_the_caches_are_plain(pocket: Llava) -> None:
    layers = new_cache(pocket.network.language_model)
    assert {type(layer) for layer in layers} == {KVCache}
    layers[0].update_and_fetch(values(3), values(3))
    assert type(layers[0].merge([layers[0]])) is BatchKVCache


@pytest.mark.parametrize(("bits", "mean", "same"), [(8, 1e-4, 0.99), (4, 2e-2, 0.95)])
def test_the_drift_of_what_is_said_is_small(
    pocket: Llava, bits: int, mean: float, same: float
) -> None:
    measured = drift(pocket, packing_for(pocket.config.text, bits), 4)
    assert measured.positions > 500
    assert 0 < measured.mean < mean
    assert measured.same > same
