"""The activation functions of vision towers and projectors, by their names in a config.

Written out: MLX's own are compiled, which on a CPU runs a C++ compiler at first use, and its
approximation of CLIP's has had another constant.
"""

from collections.abc import Callable
from math import pi, sqrt

import mlx.core as mx

from model.attention import gate


def quick_gelu(x: mx.array) -> mx.array:
    """CLIP's approximation of GELU."""
    return gate(x, 1.702 * x)


def gelu(x: mx.array) -> mx.array:
    """GELU in its exact form."""
    return x * (1 + mx.erf(x / sqrt(2))) / 2


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
