"""Attention and the functions with an exponential in them, as each machine computes them fastest.

MLX's `exp` goes number by number on a Linux CPU (9 ns each, on one core), `sigmoid` takes 14, and
attention there is little else than its softmax. Powers of two take 3, and numpy's `exp`, for which
one must wait, 0.5. So on CPUs all of them are made of numpy's where the work is in bulk, of powers
elsewhere, and of products, which BLAS does on all cores. They equal MLX's own to float32's last
digits. On a GPU they are MLX's own.

Letters: B rows, H heads, G groups of heads that share keys, T queries, L keys, D head width.
"""

import math
from functools import lru_cache
from types import ModuleType
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.base import scaled_dot_product_attention
from numpy.typing import NDArray

from model.devices import computes_in_bulk, on_cpu

_LOG2E = math.log2(math.e)
_LEAST = -126.0  # the smallest power of two that is a normal number; below, `power` is slow
_NEVER = -1e38  # finite, so that a query without any key yields numbers too
_FEW = 1 << 14  # scores, that are sooner made by MLX's one operation than by ten of ours
_ROWS = 64  # queries of a causal block: keys behind a block are not looked at


def _exp(x: mx.array) -> mx.array:
    """The exponential of what nobody else holds; far below 0 it may be the smallest number."""
    if not computes_in_bulk():
        return mx.power(2.0, mx.maximum(x * _LOG2E, _LEAST))
    values = _memory(x)
    with np.errstate(over="ignore"):  # infinity is what it should be
        np.exp(values, out=values)
    return x


def _memory(x: mx.array) -> NDArray[np.float32]:
    """MLX's own memory of `x`, computed: what is written there is what MLX reads from now on."""
    mx.eval(x)
    return np.array(x, copy=False)


def gate(x: mx.array, by: mx.array) -> mx.array:
    """`x` times the sigmoid of `by`."""
    if on_cpu() and by.dtype == mx.float32:
        return x / (1 + _exp(-by))
    return x * mx.sigmoid(by)


def attend(
    queries: mx.array,
    keys: mx.array,
    values: mx.array,
    *,
    scale: float,
    mask: mx.array | str | None = None,
) -> mx.array:
    """Scaled dot-product attention: `[B, H, T, D]` and `[B, H / G, L, D]` twice to `[B, H, T, D]`.

    `mask` is "causal", or `[.., T, L]`: true where a key is seen, or a number that is added.
    """
    scores = math.prod(queries.shape[:3]) * keys.shape[2]
    if scores < _FEW or queries.dtype != mx.float32 or not on_cpu():
        return mx.fast.scaled_dot_product_attention(queries, keys, values, scale=scale, mask=mask)
    queries = _grouped(queries * scale, keys.shape[1])  # [B, H / G, G, T, D]
    keys, values = keys[:, :, None], values[:, :, None]  # [B, H / G, 1, L, D]
    if isinstance(mask, str):
        out = _causal(queries, keys, values)
    else:
        out = _weighted(queries, keys, values, _bias(mask, queries.shape[1]))
    return out.reshape(out.shape[0], -1, *out.shape[3:])


def _grouped(queries: mx.array, shared: int) -> mx.array:
    batch, heads, *rest = queries.shape
    return queries.reshape(batch, shared, heads // shared, *rest)


def _causal(queries: mx.array, keys: mx.array, values: mx.array) -> mx.array:
    """In blocks of queries, each with the keys up to its last one."""
    count, length = queries.shape[3], keys.shape[3]
    blocks = []
    for start in range(0, count, _ROWS):
        stop = min(start + _ROWS, count)
        seen = length - count + stop  # keys, up to the block's last query
        block = queries[..., start:stop, :]
        blocks.append(_weighted(block, keys[..., :seen, :], values[..., :seen, :], causal=True))
    return mx.concatenate(blocks, axis=3) if len(blocks) > 1 else blocks[0]


def _weighted(
    queries: mx.array,
    keys: mx.array,
    values: mx.array,
    bias: mx.array | None = None,
    *,
    causal: bool = False,
) -> mx.array:
    """Attention with a bias, or, where it is `causal`, of the last queries there are keys for."""
    scores = queries @ keys.swapaxes(-1, -2)  # [B, H / G, G, T, L]
    if bias is not None:
        scores = scores + bias.astype(scores.dtype)
    hidden = _later(queries.shape[3]) if causal else None
    weights, total = _exponentials(scores, hidden)
    return (weights @ values) / total


@lru_cache(_ROWS)
def _later(count: int) -> NDArray[np.float32]:
    """What hides from each of the last `count` queries the keys behind its own."""
    return np.triu(np.full((count, count), _NEVER, np.float32), 1)


def _exponentials(
    scores: mx.array, hidden: NDArray[np.float32] | None
) -> tuple[mx.array, mx.array]:
    """A softmax that isn't divided yet `[.., L]`, and its sums `[.., 1]`.

    `hidden` `[T, T]` is added to the scores of the last keys.
    """
    if not computes_in_bulk():
        if hidden is not None:
            before = scores.shape[-1] - len(hidden)
            scores = scores + mx.pad(mx.array(hidden), [(0, 0), (before, 0)])
        weights = _exp(scores - scores.max(axis=-1, keepdims=True))
        return weights, weights.sum(axis=-1, keepdims=True)
    values = _memory(scores)
    if hidden is not None:
        values[..., -len(hidden) :] += hidden
    values -= values.max(axis=-1, keepdims=True)
    np.exp(values, out=values)
    return scores, mx.array(values.sum(axis=-1, keepdims=True))


def _bias(mask: mx.array | None, shared: int) -> mx.array | None:
    """What is added to the scores, in their shape: a mask may have an axis of heads, or none."""
    if mask is None:
        return None
    bias = mx.where(mask, 0.0, _NEVER) if mask.dtype == mx.bool_ else mask
    if bias.ndim < 4:
        return bias
    return bias[:, :, None] if bias.shape[1] == 1 else _grouped(bias, shared)


def speed_up(decoder: ModuleType) -> None:
    """Put them into a module of mlx-lm's decoders, which looks them up there at each call.

    On CPUs alone: elsewhere its own are compiled into one kernel.
    """
    if on_cpu():
        vars(decoder).update(scaled_dot_product_attention=_decoder_attention, swiglu=_decoder_gate)


def _decoder_attention(
    queries: mx.array,
    keys: mx.array,
    values: mx.array,
    cache: Any,
    scale: float,
    mask: mx.array | str | None,
    sinks: mx.array | None = None,
) -> mx.array:
    """As mlx-lm's decoders call it; their own does what is asked for beyond that."""
    if sinks is not None or hasattr(cache, "bits"):
        return scaled_dot_product_attention(queries, keys, values, cache, scale, mask, sinks)
    return attend(queries, keys, values, scale=scale, mask=mask)


def _decoder_gate(gates: mx.array, x: mx.array) -> mx.array:
    return gate(gates, gates) * x
