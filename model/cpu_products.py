"""Products of activations and weights in the way that is fast on CPUs.

MLX hands them to BLAS as they stand. One row is multiplied by `row_products.py`, quantised matrices
by `quantized_products.py`.
"""

from collections.abc import Callable

import mlx.core as mx
from mlx import nn

from model import row_products
from model.devices import computes_in_bulk, may_wait
from model.quantized_products import CpuQuantizedEmbedding, CpuQuantizedLinear

_FEW_ROWS = 16
_DECODER = "language_model.model.layers."
_HEAD = "language_model.lm_head"
_EMBEDDING = "language_model.model.embed_tokens"


class CpuLinear(nn.Linear):
    """MLX's, but more than a few rows in bulk are multiplied as columns, and one by itself.

    OpenBLAS does the same product a tenth to a fifth faster that way round. From 2 to 15 rows, and
    with a matrix of a vocabulary's size, it is slower.
    """

    def __call__(self, x: mx.array) -> mx.array:
        rows = x.size // x.shape[-1]
        if rows == 1:
            out = _row(x, self.weight)
        elif rows >= _FEW_ROWS and computes_in_bulk():
            out = _columns(x, self.weight)
        else:
            return super().__call__(x)
        return out + self.bias if "bias" in self else out


class CpuHead(nn.Linear):
    """The vocabulary's product: MLX's, but one row by itself."""

    def __call__(self, x: mx.array) -> mx.array:
        return _head(x, self.weight, super().__call__)


class CpuEmbedding(nn.Embedding):
    """The same, where the embeddings are the head too."""

    def as_linear(self, x: mx.array) -> mx.array:
        return _head(x, self.weight, super().as_linear)


def _head(x: mx.array, weight: mx.array, otherwise: Callable[[mx.array], mx.array]) -> mx.array:
    alone = x.size == x.shape[-1] and may_wait()
    out = row_products.multiply(x, weight) if alone else None
    return otherwise(x) if out is None else out


def _row(x: mx.array, weight: mx.array) -> mx.array:
    out = row_products.multiply(x, weight) if may_wait() else None
    return _columns(x, weight) if out is None else out


def _columns(x: mx.array, weight: mx.array) -> mx.array:
    rows = x.size // x.shape[-1]
    return (weight @ x.reshape(rows, -1).T).T.reshape(*x.shape[:-1], -1)


def use_cpu_products(network: nn.Module) -> None:
    """Let the decoder's matrices, and all quantised ones, multiply so: same parameters."""
    for path, layer in network.named_modules():
        if type(layer) is nn.QuantizedLinear:
            layer.__class__ = CpuQuantizedLinear
        elif type(layer) is nn.QuantizedEmbedding:
            layer.__class__ = CpuQuantizedEmbedding
        elif type(layer) is nn.Linear and path.startswith(_DECODER):
            layer.__class__ = CpuLinear
        elif type(layer) is nn.Linear and path == _HEAD:
            layer.__class__ = CpuHead
        elif type(layer) is nn.Embedding and path == _EMBEDDING:
            layer.__class__ = CpuEmbedding
