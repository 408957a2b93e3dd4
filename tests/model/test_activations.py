"""Activations against their definitions, and against PyTorch's names for them."""

from math import erf, exp, sqrt, tanh

import mlx.core as mx
import numpy as np
import pytest

from model.activations import ACTIVATIONS

POINTS = np.linspace(-6, 6, 241).astype(np.float32)


def gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.141592653589793) * (x + 0.044715 * x**3)))


DEFINITIONS = {
    "quick_gelu": lambda x: x / (1 + exp(-1.702 * x)),
    "gelu": lambda x: x * (1 + erf(x / sqrt(2))) / 2,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": lambda x: max(x, 0.0),
    "silu": lambda x: x / (1 + exp(-x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_what_its_name_says(name: str) -> None:
    expected = [DEFINITIONS[name](float(x)) for x in POINTS]
    assert np.abs(np.array(ACTIVATIONS[name](mx.array(POINTS))) - expected).max() < 2e-6


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_keeps_half_precision(name: str) -> None:
    assert ACTIVATIONS[name](mx.array(POINTS, mx.float16)).dtype == mx.float16
