"""Rotary position embedding with frequencies rounded as PyTorch rounds them.

MLX's own frequencies differ in the last bits, and a position of some thousands, which two
pictures reach, multiplies that: see docs/decisions/rotary-frequencies.md.
Sources: Su et al. 2021; transformers `modeling_rope_utils.py`.
"""

from collections.abc import Mapping
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from numpy.typing import NDArray

from model.devices import computes_in_bulk

Floats = NDArray[np.float32]


class RotaryEmbedding(nn.Module):
    """Rotates `[B, H, T, head_dim]` by position, `offset` being the first one's (or each row's)."""

    def __init__(self, text: Mapping[str, Any]) -> None:
        super().__init__()
        self.dims = text["head_dim"]
        # MLX takes the reciprocals. The underscore keeps them out of the parameters.
        self._wavelengths = mx.array(1 / inverse_frequencies(text))
        self._table: tuple[tuple[int, int], mx.array, mx.array] | None = None  # for the newest

    def __call__(self, x: mx.array, offset: int | mx.array = 0) -> mx.array:
        if computes_in_bulk() and isinstance(offset, int):
            return self._rotate(x, offset)
        return mx.fast.rope(
            x,
            self.dims,
            traditional=False,
            base=None,
            scale=1.0,
            offset=offset,
            freqs=self._wavelengths,
        )

    def _rotate(self, x: mx.array, offset: int) -> mx.array:
        """The same numbers, with sines and cosines that all layers share: MLX makes them anew."""
        place = offset, x.shape[2]
        if self._table is None or self._table[0] != place:
            places = mx.arange(offset, offset + x.shape[2], dtype=mx.float32)
            angles = places[:, None] * (1 / self._wavelengths)  # [T, head_dim / 2]
            self._table = place, mx.cos(angles), mx.sin(angles)
        _, cos, sin = self._table  # [T, head_dim / 2]
        left, right = mx.split(x, 2, axis=-1)
        turned = mx.concatenate([left * cos - right * sin, left * sin + right * cos], axis=-1)
        return turned.astype(x.dtype)


def inverse_frequencies(text: Mapping[str, Any]) -> Floats:
    """Radians a position for each pair of dimensions `[head_dim / 2]`, as transformers has them.

    `text` is a filled configuration (`text_config.fill`).
    """
    exponents = np.arange(0, text["head_dim"], 2, dtype=np.float32) / np.float32(text["head_dim"])
    powers = np.power(text["rope_theta"], exponents.astype(np.float64)).astype(np.float32)
    inverse = np.float32(1) / powers
    scaling = text["rope_scaling"]
    if scaling is None:
        return inverse
    if scaling["rope_type"] == "linear":
        return inverse / np.float32(scaling["factor"])
    return _llama3(inverse, scaling)


def _llama3(inverse: Floats, scaling: Mapping[str, Any]) -> Floats:
    """Long waves are slowed by the factor, short ones kept, those between interpolated."""
    factor, low, high = (
        np.float32(scaling[name]) for name in ("factor", "low_freq_factor", "high_freq_factor")
    )
    context = np.float32(scaling["original_max_position_embeddings"])
    wavelengths = np.float32(2 * np.pi) / inverse
    smooth = (context / wavelengths - low) / (high - low)
    between = (1 - smooth) * inverse / factor + smooth * inverse
    slowed = np.where(wavelengths > context / low, inverse / factor, inverse)
    is_between = (wavelengths >= context / high) & (wavelengths <= context / low)
    return np.where(is_between, between, slowed)
