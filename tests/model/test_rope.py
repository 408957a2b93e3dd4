"""Rotary frequencies as PyTorch rounds them, kept here from its own output."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from model.devices import in_bulk
from model.rope import RotaryEmbedding, inverse_frequencies
from model.text_config import fill

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def frequencies(head: int, **text: Any) -> Any:
    return inverse_frequencies(fill({"hidden_size": 4 * head, "num_attention_heads": 4} | text))


def torch_frequencies(head: int, theta: float) -> Any:
    torch = pytest.importorskip("torch", reason="compares with torch (pip install torch==2.13.0)")
    return (1.0 / (theta ** (torch.arange(0, head, 2, dtype=torch.float) / head))).numpy()


@pytest.mark.parametrize("head", [16, 64, 128])
@pytest.mark.parametrize("theta", [1e4, 5e5, 1e6])
def test_frequencies_are_pytorchs_but_for_a_few_last_bits(head: int, theta: float) -> None:
    ours, theirs = frequencies(head, rope_theta=theta), torch_frequencies(head, theta)
    assert ours.dtype == np.float32
    assert (ours != theirs).mean() < 0.05
    assert np.abs(ours / theirs - 1).max() < 1.3e-7


def test_linear_scaling_slows_all_and_llama_3_only_the_long_waves() -> None:
    plain = frequencies(128, rope_theta=5e5)
    linear = frequencies(128, rope_theta=5e5, rope_scaling={"type": "linear", "factor": 4.0})
    assert np.array_equal(linear, plain / np.float32(4))
    scaled = frequencies(128, rope_theta=5e5, rope_scaling=LLAMA3)
    wavelengths = 2 * np.pi / plain
    assert np.array_equal(scaled[wavelengths < 2048], plain[wavelengths < 2048])
    assert np.array_equal(scaled[wavelengths > 8192], plain[wavelengths > 8192] / np.float32(8))
    between = (wavelengths > 2048) & (wavelengths < 8192)
    assert between.any()
    assert (scaled[between] < plain[between]).all()
    assert (scaled[between] > plain[between] / 8).all()


def test_a_vector_far_into_the_text_is_rotated_as_exactly_as_float32_allows() -> None:
    """MLX's own frequencies miss this by a factor of 1,000."""
    text = fill({"hidden_size": 128, "num_attention_heads": 1})
    vector = np.random.default_rng(0).standard_normal(128).astype(np.float32)
    rotated = RotaryEmbedding(text)(mx.array(vector).reshape(1, 1, 1, 128), offset=3000)
    angles = (np.float32(3000) * inverse_frequencies(text)).astype(np.float64)
    first, second = vector[:64], vector[64:]
    expected = np.concatenate(
        [
            first * np.cos(angles) - second * np.sin(angles),
            first * np.sin(angles) + second * np.cos(angles),
        ]
    )
    assert np.abs(np.array(rotated).ravel() - expected).max() < 1e-6


def test_rows_of_a_batch_may_have_their_own_offsets() -> None:
    rope = RotaryEmbedding(fill({"hidden_size": 32, "num_attention_heads": 2}))
    x = mx.random.normal((2, 2, 3, 16), key=mx.random.key(0))
    together = rope(x, offset=mx.array([4, 9]))
    for row, offset in enumerate((4, 9)):
        alone = rope(x[row : row + 1], offset=offset)
        assert np.array_equal(np.array(together[row : row + 1]), np.array(alone))


@pytest.mark.parametrize("scaling", [None, LLAMA3])
def test_in_bulk_the_numbers_are_the_same(scaling: Any) -> None:
    text = {"hidden_size": 256, "num_attention_heads": 4, "rope_scaling": scaling}
    rope = RotaryEmbedding(fill(text))
    for offset, length in ((0, 30), (3000, 30), (3000, 5), (3, 5)):
        x = mx.random.normal((1, 2, length, 64), key=mx.random.key(0))
        with in_bulk():
            ours = rope(x, offset)
        assert np.abs(np.array(ours - rope(x, offset))).max() < 1e-6


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16])
def test_in_bulk_the_type_stays(dtype: mx.Dtype) -> None:
    rope = RotaryEmbedding(fill({"hidden_size": 64, "num_attention_heads": 4}))
    x = mx.random.normal((1, 4, 5, 16)).astype(dtype)
    with in_bulk():
        turned = rope(x, offset=3)
    assert turned.dtype == dtype
    assert mx.allclose(turned.astype(mx.float32), rope(x, offset=3).astype(mx.float32), atol=0.05)
