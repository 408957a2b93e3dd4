"""The same products, whichever way they are computed."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

from model import row_products
from model.cpu_products import CpuLinear, use_cpu_products
from model.devices import in_bulk, lazily
from model.quantized_products import CpuQuantizedLinear


class Network(nn.Module):
    """A decoder of one layer, as its paths go."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.language_model = nn.Module()
        self.language_model.model = nn.Module()
        self.language_model.model.layers = [layer]
        self.language_model.model.embed_tokens = nn.Embedding(8192, 64)
        self.language_model.lm_head = nn.Linear(64, 8192, bias=False)


@pytest.mark.parametrize("rows", [1, 2, 16, 17, 60])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("bits", [None, 4])
def test_many_rows_and_few_give_the_same_product(rows: int, bias: bool, bits: int | None) -> None:
    plain = nn.Linear(128, 64, bias=bias)
    if bits:
        plain = nn.QuantizedLinear.from_linear(plain, group_size=64, bits=bits)
    x = mx.random.normal((1, rows, 128), key=mx.random.key(0))
    expected = plain(x)
    use_cpu_products(network := Network(plain))
    layer = network.language_model.model.layers[0]
    assert type(layer) is (CpuQuantizedLinear if bits else CpuLinear)
    with in_bulk():
        bulk = layer(x)
    for product in (layer(x), bulk, layer(x.reshape(rows, 1, 128)).reshape(1, rows, 64)):
        assert product.shape == expected.shape
        assert np.abs(np.array(product - expected)).max() < 1e-5


LARGE = 1024  # squared, enough for BLAS's own function for a row


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows of the matrix BLAS was asked for, each time it was asked for one of `x`."""
    numbers: list[int] = []
    sgemv = row_products._sgemv
    if sgemv is None:
        pytest.skip("BLAS's own function for a row is called on Linux alone")

    def noting(*given: Any) -> None:
        numbers.append(given[2])
        sgemv(*given)

    monkeypatch.setattr(row_products, "_sgemv", noting)
    return numbers


@pytest.mark.parametrize("bias", [False, True])
def test_one_row_times_a_large_matrix_is_left_to_blas(asked: list[int], bias: bool) -> None:
    plain = nn.Linear(LARGE, LARGE, bias=bias)
    x = mx.random.normal((1, 1, LARGE), key=mx.random.key(1))
    expected = plain(x)
    use_cpu_products(network := Network(plain))
    layer = network.language_model.model.layers[0]
    product = layer(x)
    assert asked == [LARGE]
    assert product.shape == expected.shape
    assert mx.allclose(product, expected, atol=1e-5)


def test_a_row_of_the_vocabulary_is_left_to_blas(asked: list[int]) -> None:
    network = Network(nn.Linear(64, 64))
    head, embedding = network.language_model.lm_head, network.language_model.model.embed_tokens
    x = mx.random.normal((1, 64), key=mx.random.key(2))
    expected = [head(x), embedding.as_linear(x)]
    use_cpu_products(network)
    for product, plain in zip([head(x), embedding.as_linear(x)], expected, strict=True):
        assert product.shape == (1, 8192)
        assert mx.allclose(product, plain, atol=1e-5)
    assert asked == [8192, 8192]


def test_nothing_is_waited_for_where_nobody_may(asked: list[int]) -> None:
    plain = nn.Linear(LARGE, LARGE)
    x = mx.random.normal((1, LARGE), key=mx.random.key(3))
    expected = plain(x)
    use_cpu_products(network := Network(plain))
    with lazily():
        product = network.language_model.model.layers[0](x)
    assert asked == []
    assert mx.allclose(product, expected, atol=1e-5)


def test_other_types_and_turned_matrices_are_left_to_mlx(asked: list[int]) -> None:
    x, square = mx.ones((1, LARGE)), mx.ones((LARGE, LARGE))
    assert row_products.multiply(x, square.T[:, ::-1]) is None
    assert row_products.multiply(x.astype(mx.bfloat16), square.astype(mx.bfloat16)) is None
    assert row_products.multiply(x[:, :8], square[:, :8]) is None
    assert asked == []
