"""Quantised checkpoints: ours from `quantize`, and those that MLX's converters have published."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

from model import quantization
from model.cpu_products import CpuLinear
from model.errors import CheckpointError
from model.network import LlavaNetwork
from model.quantized_products import CpuQuantizedLinear
from model.weights import read_weights
from tests.checkpoints import INTERLEAVE, NEXT, ONEVISION, SIGLIP, write_checkpoint
from tests.model.test_parameters import network_of, parameters
from tests.random_weights import Weights

TEXT = {"hidden_size": 64, "intermediate_size": 128}
VISION = {"hidden_size": 64, "intermediate_size": 128}
POSITIONS = "vision_tower.embeddings.position_embedding"
IDS = mx.array([[5, 9, 300, 77, 1]])


Settings = Callable[[str], tuple[int, int] | None]  # a tensor's name to its bits and group size


def publish(folder: Path, bits: int, group_size: int, like: str) -> dict[str, mx.array]:
    """Quantise every layer of a checkpoint as mlx-vlm does; return the values that are left."""
    return publish_mixed(folder, lambda name: (bits, group_size) if like in name else None)


def publish_mixed(folder: Path, settings: Settings) -> dict[str, mx.array]:
    """The same, layer by layer as `settings` say.

    Its files have channels last, `format: mlx`, float16 scales, and names of transformers 4.
    """
    weights, left = read_weights(folder), {}
    written: dict[str, mx.array] = {}
    for name, array in weights.items():
        stored = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
        bits, group_size = settings(name) or (0, 1)
        if bits and array.ndim == 2 and array.shape[-1] % group_size == 0:
            half = array.astype(mx.float16)
            packed, scales, biases = mx.quantize(half, group_size=group_size, bits=bits)
            path = stored.removesuffix(".weight")
            written |= {stored: packed, f"{path}.scales": scales, f"{path}.biases": biases}
            scales, biases = scales.astype(mx.float32), biases.astype(mx.float32)
            left[name] = mx.dequantize(packed, scales, biases, group_size=group_size, bits=bits)
        else:
            written[stored] = left[name] = array
    mx.save_safetensors(str(folder / "model.safetensors"), written, {"format": "mlx"})
    return left


@pytest.mark.parametrize("bits", quantization.BITS)
@pytest.mark.parametrize("group_size", [32, 64])
@pytest.mark.parametrize("tied", [False, True])
def test_a_published_checkpoint_computes_what_its_quantised_weights_say(
    bits: int, group_size: int, tied: bool, tmp_path: Path
) -> None:
    """All of it quantised, as mlx-vlm once did: vision tower, position table and projector too."""
    text = TEXT | {"tie_word_embeddings": tied}
    folder = write_checkpoint(tmp_path / "a", text=text, vision=VISION)
    plain = network_of(folder)
    plain.load_weights(list(publish(folder, bits, group_size, "").items()))
    network = network_of(folder)
    assert isinstance(network.vision_tower.encoder.layers[0].mlp.fc1, CpuQuantizedLinear)
    assert isinstance(network.vision_tower.embeddings.position_embedding, nn.Embedding)
    assert {a.dtype for a in parameters(network).values()} == {mx.float32, mx.uint32}
    pixels = mx.random.normal((2, 42, 42, 3), key=mx.random.key(0))
    for compute in (lambda n: n.encode_pictures(pixels), lambda n: n(IDS), lambda n: n(IDS[:, :1])):
        assert np.abs(np.array(compute(network) - compute(plain))).max() < 1e-4


def test_layers_may_be_quantised_or_not_one_by_one(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "a", text=TEXT)
    publish(folder, 4, 64, "down_proj")
    network = network_of(folder)
    layer = network.language_model.model.layers[0].mlp
    assert isinstance(layer.down_proj, CpuQuantizedLinear)
    assert type(layer.up_proj) is CpuLinear


PADDED, WIDTH = 64, 40  # as 4304 becomes 4352, to divide into groups of 64


def pad(weights: Weights) -> None:
    """What lies beyond the SigLIP MLPs' true width is zero, as mlx-vlm up to 0.1 fills it."""
    for name, weight in weights.items():
        if ".mlp.fc1." in name and "vision_tower" in name:
            weight[WIDTH:] = 0
        elif name.endswith("mlp.fc2.weight") and "vision_tower" in name:
            weight[:, WIDTH:] = 0


def narrowed(name: str, array: mx.array) -> mx.array:
    if ".mlp.fc1." in name:
        return array[:WIDTH]
    return array[:, :WIDTH] if name.endswith("mlp.fc2.weight") else array


@pytest.mark.parametrize("bits", [3, 4, 6, 8])
def test_a_siglip_padded_for_quantisation_computes_what_the_unpadded_would(
    bits: int, tmp_path: Path
) -> None:
    def written(name: str, width: int) -> Path:
        vision = SIGLIP | {"hidden_size": 64, "intermediate_size": width}
        return write_checkpoint(
            tmp_path / name,
            **INTERLEAVE | {"vision": vision, "text": INTERLEAVE["text"] | TEXT},
            edit=pad,
        )

    folder = written("padded", PADDED)
    left = publish(folder, bits, 64, "")
    network, plain = network_of(folder), network_of(written("unpadded", WIDTH))
    plain.load_weights([(name, narrowed(name, array)) for name, array in left.items()])
    assert isinstance(network.vision_tower.encoder.layers[0].mlp.fc2, CpuQuantizedLinear)
    pixels = mx.random.normal((2, 28, 28, 3), key=mx.random.key(0))
    for compute in (lambda n: n.encode_pictures(pixels), lambda n: n(IDS)):
        assert np.abs(np.array(compute(network) - compute(plain))).max() < 1e-4


@pytest.mark.parametrize(
    "family", [{}, NEXT, INTERLEAVE, ONEVISION], ids=["1.5", "next", "interleave", "onevision"]
)
def test_bits_and_group_sizes_may_differ_from_layer_to_layer(
    family: dict[str, Any], tmp_path: Path
) -> None:
    """As `mixed_3_6` and other recipes of mlx-vlm leave them; the vision tower isn't quantised."""
    text = family.get("text", {}) | TEXT
    folder = write_checkpoint(tmp_path / "a", **family | {"text": text})
    plain = network_of(folder)
    recipe = {
        "down_proj": (6, 64),
        "lm_head": (8, 32),
        "v_proj": (5, 32),
        "language_model": (3, 64),
    }

    def settings(name: str) -> tuple[int, int] | None:
        return next((recipe[part] for part in recipe if part in name), None)

    left = publish_mixed(folder, settings)
    plain.load_weights(list(left.items()))
    config = json.loads((folder / "config.json").read_text())
    layers = {"language_model.lm_head": {"bits": 8, "group_size": 32}}
    mixed = {"bits": 3, "group_size": 64, "mode": "affine"} | layers
    config |= {"quantization": mixed, "quantization_config": mixed}
    (folder / "config.json").write_text(json.dumps(config))
    network = network_of(folder)
    layer = network.language_model.model.layers[1]
    assert (layer.mlp.down_proj.bits, layer.self_attn.v_proj.group_size) == (6, 32)
    assert (layer.mlp.up_proj.bits, network.language_model.lm_head.bits) == (3, 8)
    assert type(network.vision_tower.encoder.layers[0].mlp.fc1) is nn.Linear
    side = network.config.vision.image_size
    pixels = mx.random.normal((2, side, side, 3), key=mx.random.key(0))
    for compute in (lambda n: n.encode_pictures(pixels), lambda n: n(IDS)):
        assert np.abs(np.array(compute(network) - compute(plain))).max() < 1e-4


def test_quantising_while_loading_packs_the_language_model_alone(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, text=TEXT, vision=VISION)
    network, plain = network_of(folder, quantize=8), network_of(folder)
    assert isinstance(network.language_model.lm_head, CpuQuantizedLinear)
    assert isinstance(network.language_model.model.embed_tokens, nn.QuantizedEmbedding)
    assert type(network.vision_tower.encoder.layers[0].mlp.fc1) is nn.Linear
    assert type(network.multi_modal_projector.linear_1) is nn.Linear
    difference = np.abs(np.array(network(IDS) - plain(IDS)))
    assert 0 < difference.max() < 0.2


def test_layers_of_uneven_width_are_left_as_they_are(tmp_path: Path) -> None:
    text = {"hidden_size": 48, "intermediate_size": 64}
    network = network_of(write_checkpoint(tmp_path, text=text), quantize=4)
    layer = network.language_model.model.layers[0].mlp
    assert type(layer.up_proj) is CpuLinear
    assert isinstance(layer.down_proj, CpuQuantizedLinear)


def test_what_is_quantised_is_not_quantised_again(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, text=TEXT)
    publish(folder, 4, 64, "down_proj")
    with pytest.raises(CheckpointError, match="quantised already"):
        network_of(folder, quantize=4)


class Holder(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer


@pytest.mark.parametrize(
    "shapes",
    [
        {"layer.weight": (64, 16), "layer.scales": (64, 3)},
        {"layer.weight": (64, 7), "layer.scales": (64, 2)},
        {"layer.weight": (), "layer.scales": ()},
        {"layer.scales": (64, 2)},
    ],
)
def test_packed_shapes_that_no_quantisation_has_are_refused(shapes: Any) -> None:
    with pytest.raises(CheckpointError, match="layer is quantised in a way"):
        quantization.quantize_modules(Holder(nn.Linear(128, 64)), shapes)


def test_only_the_language_model_is_quantizable(tmp_path: Path) -> None:
    network: LlavaNetwork = network_of(write_checkpoint(tmp_path, text=TEXT, vision=VISION))
    paths = quantization.quantizable(network)
    assert "language_model.model.layers.1.self_attn.o_proj" in paths
    assert all(path.startswith("language_model.") for path in paths)
    assert not quantization.is_quantized(network)
