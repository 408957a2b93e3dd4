"""The same products, whichever way they are computed."""

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

from model.cpu_products import CpuLinear, use_cpu_products
from model.devices import in_bulk
from model.quantized_products import CpuQuantizedLinear


class Network(nn.Module):
    """A decoder of one layer, as its paths go."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.language_model = nn.Module()
        self.language_model.model = nn.Module()
        self.language_model.model.layers = [layer]
        self.language_model.lm_head = nn.Linear(64, 8)


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
    assert type(network.language_model.lm_head) is nn.Linear
    with in_bulk():
        bulk = layer(x)
    for product in (layer(x), bulk, layer(x.reshape(rows, 1, 128)).reshape(1, rows, 64)):
        assert product.shape == expected.shape
        assert np.abs(np.array(product - expected)).max() < 1e-5
