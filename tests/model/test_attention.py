"""Attention and gates beside MLX's own and exact numbers, in every form they are asked for."""

from contextlib import nullcontext
from math import exp
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.base import create_causal_mask

from model import attention
from model.attention import attend, gate
from model.devices import in_bulk

SHAPES = [(1, 2, 2, 1, 9), (1, 4, 4, 130, 130), (2, 4, 2, 70, 300), (3, 6, 2, 1, 40)]


@pytest.fixture(autouse=True)
def however_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is small goes through our own operations too."""
    monkeypatch.setattr(attention, "_FEW", 0)


def random(*shape: int, seed: int = 0) -> mx.array:
    return mx.random.normal(shape, key=mx.random.key(seed))


def exact(
    q: mx.array, k: mx.array, v: mx.array, scale: float, seen: Any
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """By the definition, in double precision; `seen` `[.., T, L]`."""
    groups = q.shape[1] // k.shape[1]
    queries, keys, values = (np.array(x).astype(np.float64) for x in (q, k, v))
    keys, values = np.repeat(keys, groups, 1), np.repeat(values, groups, 1)
    scores = np.where(seen, queries @ keys.swapaxes(-1, -2) * scale, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    out: np.ndarray[Any, np.dtype[np.float64]] = weights / weights.sum(-1, keepdims=True) @ values
    return out


@pytest.mark.parametrize(("rows", "heads", "shared", "queries", "keys"), SHAPES)
@pytest.mark.parametrize("kind", ["all", "causal", "window", "padded", "added"])
@pytest.mark.parametrize("how", [nullcontext, in_bulk])
def test_it_is_attention_by_its_definition(
    rows: int, heads: int, shared: int, queries: int, keys: int, kind: str, how: Any
) -> None:
    q = 3 * random(rows, heads, queries, 16)
    k, v = 3 * random(rows, shared, keys, 16, seed=1), random(rows, shared, keys, 16, seed=2)
    past = keys - queries
    causal = create_causal_mask(queries, past)
    mask: Any = {
        "all": None,
        "causal": "causal",
        "window": create_causal_mask(queries, past, window_size=7),
        "padded": create_causal_mask(queries, past, left_padding=mx.arange(rows) % 5),
        "added": mx.where(causal, 0.5, -1e9),
    }[kind]
    seen = {"all": True, "causal": np.array(causal), "added": np.array(causal)}.get(kind)
    expected = exact(q, k, v, 0.25, np.array(mask) if seen is None else seen)
    given = [np.array(x) for x in (q, k, v)]
    with how():
        attended = attend(q, k, v, scale=0.25, mask=mask)
    assert np.abs(np.array(attended) - expected).max() < 2e-5
    for before, after in zip(given, (q, k, v), strict=True):
        assert np.array_equal(before, np.array(after)), "what was given has been written over"


def test_large_scores_stay_numbers() -> None:
    q = mx.full((1, 1, 2, 4), 1e4)
    k = mx.stack([mx.full((4,), 1e4), mx.full((4,), -1e4), mx.zeros((4,))])[None, None]
    v = mx.array([[1.0], [2.0], [3.0]])[None, None]
    assert attend(q, k, v, scale=1.0).tolist() == [[[[1.0], [1.0]]]]


def test_a_query_that_sees_nothing_yields_numbers() -> None:
    out = attend(
        random(1, 1, 1, 4), random(1, 1, 3, 4), random(1, 1, 3, 4), scale=1.0,
        mask=mx.zeros((1, 3), mx.bool_),
    )  # fmt: skip
    assert mx.isfinite(out).all()


@pytest.mark.parametrize("value", [-200.0, -87.0, -5.0, -0.1, 0.0, 0.3, 20.0, 200.0])
def test_a_gate_is_exact_from_end_to_end(value: float) -> None:
    wanted = 3 * (1 / (1 + exp(-value)))
    got: Any = gate(mx.array([3.0]), mx.array([value])).item()
    assert got == pytest.approx(wanted, rel=1e-5, abs=1e-37)


def test_few_scores_are_left_to_mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = (random(1, 2, 1, 8, seed=n) for n in range(3))
    theirs = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3)
    monkeypatch.setattr(attention, "_FEW", 3)
    assert mx.array_equal(attend(q, k, v, scale=0.3), theirs)


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16])
def test_half_precision_is_left_to_mlx(dtype: mx.Dtype) -> None:
    q, k, v = (random(1, 2, 5, 8, seed=n).astype(dtype) for n in range(3))
    theirs = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3)
    assert mx.array_equal(attend(q, k, v, scale=0.3), theirs)
    assert mx.array_equal(gate(q[0, 0], k[0, 0]), q[0, 0] * mx.sigmoid(k[0, 0]))


def test_on_a_gpu_nothing_is_put_in_place_of_mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    decoder = types.ModuleType("decoder")
    monkeypatch.setattr(attention, "on_cpu", lambda: False)
    attention.speed_up(decoder)
    assert not hasattr(decoder, "swiglu")
    q, k, v = (random(1, 2, 5, 8, seed=n) for n in range(3))
    theirs = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask="causal")
    assert mx.array_equal(attend(q, k, v, scale=0.3, mask="causal"), theirs)
    monkeypatch.setattr(attention, "on_cpu", lambda: True)
    attention.speed_up(decoder)
    assert mx.allclose(decoder.swiglu(q, k), q * mx.sigmoid(q) * k, atol=1e-6)
