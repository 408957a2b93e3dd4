"""Cheaper exp, softmax and gates for training on a CPU, where MLX's cost 9 ns an element.

exp(x) for x <= 0 is (1 + x/256)^256: eight squarings that a compiled kernel fuses, 1 ns an
element, off by 1e-3 at most. Training only; answers and scores use the exact functions.
"""

# mypy: disable-error-code="operator,attr-defined"
# MLX types what `custom_function` returns as object.

from collections.abc import Callable, Iterable
from typing import Any

import mlx.core as mx

from model.vision_tower import VisionTower

Attend = Callable[..., Any]
Activation = Callable[[mx.array], mx.array]


@mx.compile
def _power(x: mx.array) -> mx.array:
    y = mx.maximum(1 + x * (1 / 256), 0)
    for _ in range(8):
        y = y * y
    return y


@mx.compile
def _share(x: mx.array, small: mx.array) -> mx.array:
    share = 1 / (1 + small)
    return mx.where(x >= 0, share, 1 - share)


@mx.custom_function
def exp(x: mx.array) -> mx.array:
    """exp(x) for x <= 0."""
    return _power(x)


@exp.vjp
def _exp_vjp(primals: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
    return cotangent * output


@mx.custom_function
def softmax(x: mx.array) -> mx.array:
    """Softmax over the last axis."""
    weights = _power(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


@softmax.vjp
def _softmax_vjp(primals: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
    product = cotangent * output
    return product - output * product.sum(axis=-1, keepdims=True)


@mx.custom_function
def sigmoid(x: mx.array) -> mx.array:
    return _share(x, _power(-mx.abs(x)))


@sigmoid.vjp
def _sigmoid_vjp(primals: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
    return _sigmoid_slope(cotangent, output)


@mx.compile
def _sigmoid_slope(cotangent: mx.array, output: mx.array) -> mx.array:
    return cotangent * output * (1 - output)


def silu(x: mx.array) -> mx.array:
    return x * sigmoid(x)


def quick_gelu(x: mx.array) -> mx.array:
    return x * sigmoid(1.702 * x)


def attend(
    q: mx.array, k: mx.array, v: mx.array, *, scale: float, mask: mx.array | None = None
) -> mx.array:
    """Scaled dot-product attention `[B, H, T, D]`; `mask` is added to the scores."""
    scores = (q * scale) @ k.swapaxes(-1, -2)
    return softmax(scores if mask is None else scores + mask) @ v


def cross_entropy(logits: mx.array, targets: mx.array) -> mx.array:
    """Per-row loss `[N]` of logits `[N, V]` against class ids `[N]`."""
    shifted = logits - mx.stop_gradient(logits.max(axis=-1, keepdims=True))
    total = mx.log(exp(shifted).sum(axis=-1))
    return total - mx.take_along_axis(shifted, targets[:, None], axis=-1).squeeze(-1)


def speed_up(tower: VisionTower) -> Callable[[], None]:
    """Put the cheap functions into a tower that is to be trained; call the result to undo it."""
    blocks = tower.encoder.layers
    exact = [(block.self_attn.attend, block.mlp.activation) for block in blocks]

    def put(functions: Iterable[tuple[Attend, Activation]]) -> None:
        for block, (attention, activation) in zip(blocks, functions, strict=True):
            block.self_attn.attend, block.mlp.activation = attention, activation

    put([(attend, quick_gelu)] * len(blocks))
    return lambda: put(exact)
