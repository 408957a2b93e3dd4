"""Products with quantised matrices on a CPU against the matrix that MLX itself writes out."""

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

from model import quantization, quantized_products
from model.cpu_products import use_cpu_products
from model.quantized_products import CpuQuantizedEmbedding, CpuQuantizedLinear


class Holder(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer


def matrix(layer: nn.QuantizedLinear | nn.QuantizedEmbedding) -> mx.array:
    return mx.dequantize(
        layer.weight, layer.scales, layer.biases, group_size=layer.group_size, bits=layer.bits
    )


@pytest.mark.parametrize("rows", [1, 2, 60])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("group_size", quantization.GROUP_SIZES)
@pytest.mark.parametrize("bits", quantization.BITS)
def test_a_product_is_the_one_with_the_matrix_that_mlx_writes_out(
    bits: int, group_size: int, bias: bool, rows: int
) -> None:
    plain = nn.Linear(384, 72, bias=bias)
    layer = nn.QuantizedLinear.from_linear(plain, group_size=group_size, bits=bits)
    use_cpu_products(holder := Holder(layer))
    assert type(holder.layer) is CpuQuantizedLinear
    x = mx.random.normal((1, rows, 384), key=mx.random.key(0))
    expected = x @ matrix(layer).T + (layer.bias if bias else 0)
    assert np.abs(np.array(holder.layer(x) - expected)).max() < 1e-5


def test_a_matrix_is_written_out_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.QuantizedLinear.from_linear(nn.Linear(128, 70), group_size=64, bits=4)
    use_cpu_products(holder := Holder(layer))
    x = mx.random.normal((3, 128), key=mx.random.key(0))
    whole = holder.layer(x)
    monkeypatch.setattr(quantized_products, "BLOCK", 128 * 32)
    assert np.abs(np.array(holder.layer(x) - whole)).max() < 1e-6


@pytest.mark.parametrize("rows", [1, 9])
def test_word_embeddings_serve_as_the_head_too(rows: int) -> None:
    embedding = nn.QuantizedEmbedding.from_embedding(nn.Embedding(50, 64), group_size=32, bits=4)
    use_cpu_products(holder := Holder(embedding))
    assert type(holder.layer) is CpuQuantizedEmbedding
    x = mx.random.normal((rows, 64), key=mx.random.key(0))
    expected = x @ matrix(embedding).T
    assert np.abs(np.array(holder.layer.as_linear(x) - expected)).max() < 1e-5
    ids = mx.array([3, 49])
    assert mx.array_equal(holder.layer(ids), matrix(embedding)[ids])
