"""Products of activations and weights in the way that is fast on CPUs.

MLX hands them to BLAS as they stand. One row is multiplied by `row_products.py`, quantised matrices
by `quantized_products.py`.
"""

import mlx.core as mx
from mlx import nn

from model import row_products
from model.devices import computes_in_bulk
from model.quantized_products import CpuQuantizedEmbedding, CpuQuantizedLinear

_FEW_ROWS = 16
_DECODER = "language_model.model.layers."
_HEAD = "language_model.lm_head"
_EMBEDDING = "language_model.model.embed_tokens"


class CpuLinear(nn.Linear):
    """MLX's, but one row of a large matrix is multiplied by itself, and others as columns: a row,
    or more than a few in bulk.

    OpenBLAS does the same product a tenth to a fifth faster that way round. From 2 to 15 rows, and
    with a matrix of a vocabulary's size, it is slower.
    """

    def __call__(self, x: mx.array) -> mx.array:
        out = row_products.multiply(x, self.weight)
        if out is None:
            rows = x.size // x.shape[-1]
            if rows != 1 and (rows < _FEW_ROWS or not computes_in_bulk()):
                return super().__call__(x)
            out = (self.weight @ x.reshape(rows, -1).T).T.reshape(*x.shape[:-1], -1)
        return out + self.bias if "bias" in self else out


class CpuHead(nn.Linear):
    """The vocabulary's product: MLX's, but one row by itself."""

    def __call__(self, x: mx.array) -> mx.array:
        out = row_products.multiply(x, self.weight)
        if out is None:
            return super().__call__(x)
        return out + self.bias if "bias" in self else out


class CpuEmbedding(nn.Embedding):
    """The same, where the embeddings are the head too."""

    def as_linear(self, x: mx.array) -> mx.array:
        out = row_products.multiply(x, self.weight)
        return super().as_linear(x) if out is None else out


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
