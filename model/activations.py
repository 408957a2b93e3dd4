"""The activation functions of vision towers and projectors, by their names in a config.

Written out: MLX's own are compiled, which on a CPU runs a C++ compiler at first use, and its
approximation of CLIP's has had another constant.
"""

from collections.abc import Callable, Sequence
from math import pi, sqrt

import mlx.core as mx

from model.attention import gate
from model.devices import on_cpu

# Eigen, `generic_fast_erf_float`: x times one polynomial of x squared over another.
_ERF_OVER = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
    -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02,
)  # fmt: skip
_ERF_UNDER = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
    -1.42647390514189e-02,
)  # fmt: skip


def quick_gelu(x: mx.array) -> mx.array:
    """CLIP's approximation of GELU."""
    return gate(x, 1.702 * x)


def gelu(x: mx.array) -> mx.array:
    """GELU in its exact form."""
    return x * (1 + _erf(x / sqrt(2))) / 2


def _erf(x: mx.array) -> mx.array:
    """The error function. MLX's own takes 21 ns a number on a CPU, products and sums 3.

    Eigen's rational approximation of float32's: off by 5e-7 at most, as MLX's is.
    """
    if not on_cpu() or x.dtype != mx.float32:
        return mx.erf(x)
    x = mx.clip(x, -4, 4)  # where it is 1 to float32's last digit
    return x * _polynomial(_ERF_OVER, x * x) / _polynomial(_ERF_UNDER, x * x)


def _polynomial(coefficients: Sequence[float], x: mx.array) -> mx.array:
    """By Horner's rule, the highest power's coefficient first."""
    value = mx.array(coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def gelu_tanh(x: mx.array) -> mx.array:
    """GELU approximated with a hyperbolic tangent."""
    # Half of 1 + tanh(u) is the sigmoid of 2 u; and a product is cheaper than a power.
    return gate(x, 2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x))


def relu(x: mx.array) -> mx.array:
    return mx.maximum(x, 0)


def silu(x: mx.array) -> mx.array:
    return gate(x, x)


ACTIVATIONS: dict[str, Callable[[mx.array], mx.array]] = {
    "quick_gelu": quick_gelu,
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": relu,
    "silu": silu,
}
