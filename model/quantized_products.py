"""Products with quantised matrices on a CPU: the matrix is written out, then multiplied by BLAS.

MLX's own product unpacks the matrix anew for each row, which is best for a single one, and its
`dequantize` is three to twenty times slower than plain array operations: those are used here.

Several weights share a few bytes, in order. Written out are first all that stand first in theirs,
then all that stand second, and so on, since then each operation runs over contiguous numbers. The
other factor's columns are put into the same order.

Letters: N rows of the matrix, K its columns, T rows of the other factor.
"""

from typing import Any, TypeAlias

import mlx.core as mx
from mlx import nn

# Bits of a weight: how many weights share how many bytes.
_PACKS = {2: (4, 1), 3: (8, 3), 4: (2, 1), 5: (8, 5), 6: (4, 3), 8: (1, 1)}
BLOCK = 1 << 21  # weights that are written out at once, 8 MB: MLX works a dozen blocks ahead

Quantized: TypeAlias = Any  # nn.QuantizedLinear or nn.QuantizedEmbedding


class CpuQuantizedLinear(nn.QuantizedLinear):
    """MLX's, with the product that is fast on CPUs."""

    def __call__(self, x: mx.array) -> mx.array:
        if x.size == x.shape[-1]:
            return super().__call__(x)
        out = multiply(x, self)
        return out + self.bias if "bias" in self else out


class CpuQuantizedEmbedding(nn.QuantizedEmbedding):
    """MLX's, with the product that is fast on CPUs, where it serves as the head too."""

    def as_linear(self, x: mx.array) -> mx.array:
        if x.size == x.shape[-1]:
            return super().as_linear(x)
        return multiply(x, self)


def multiply(x: mx.array, layer: Quantized) -> mx.array:
    """`x @ W.T` for `x` `[.., T, K]` and a layer's quantised `W` `[N, K]`."""
    count, _ = _PACKS[layer.bits]
    ordered = x.reshape(*x.shape[:-1], -1, count).swapaxes(-1, -2).reshape(x.shape)
    step = max(1, BLOCK // x.shape[-1])
    out = []
    for at in range(0, len(layer.weight), step):
        rows = slice(at, at + step)
        packed, scales, biases = layer.weight[rows], layer.scales[rows], layer.biases[rows]
        out.append(ordered @ _written_out(packed, scales, biases, layer.bits).T)
    return out[0] if len(out) == 1 else mx.concatenate(out, axis=-1)


def _written_out(packed: mx.array, scales: mx.array, biases: mx.array, bits: int) -> mx.array:
    """The matrix `[N, K]`, its columns in the order of the packs."""
    numbers = _numbers(packed, bits)  # [N, count, K / count]
    rows, count, _ = numbers.shape
    grouped = numbers.astype(scales.dtype).reshape(rows, count, scales.shape[-1], -1)
    return (grouped * scales[:, None, :, None] + biases[:, None, :, None]).reshape(rows, -1)


def _numbers(packed: mx.array, bits: int) -> mx.array:
    """What is packed `[N, words]` as whole numbers `[N, count, K / count]`."""
    count, size = _PACKS[bits]
    words = packed.view(mx.uint8)
    if size > 1:
        words = _joined(words.reshape(len(words), -1, size))
    words = words[:, None, :]  # [N, 1, K / count]
    if count == 1:
        return words
    shifts = mx.arange(0, bits * count, bits).astype(words.dtype)[:, None]
    return (words >> shifts) & mx.array((1 << bits) - 1, words.dtype)


def _joined(parts: mx.array) -> mx.array:
    """Bytes `[N, words, size]` to one number each, the first byte lowest."""
    parts = parts.astype(mx.uint32 if parts.shape[-1] <= 4 else mx.uint64)
    words = parts[..., 0]
    for place in range(1, parts.shape[-1]):
        words = words | (parts[..., place] << mx.array(8 * place, parts.dtype))
    return words
