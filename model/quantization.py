"""Weights quantised by MLX: the modules for them.

Which layers are quantised, and how, is read off the tensors: published checkpoints differ
from layer to layer, and some have the vision tower and its position table quantised too.
"""

from collections.abc import Mapping

import mlx.core as mx
from mlx import nn

from model.errors import CheckpointError

BITS = (2, 3, 4, 5, 6, 8)
GROUP_SIZES = (32, 64, 128)


def quantize_modules(network: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Replace the modules for which `shapes` has scales by quantised ones, still to be loaded."""

    def settings(path: str, module: nn.Module) -> dict[str, int] | bool:
        if f"{path}.scales" not in shapes or not hasattr(module, "to_quantized"):
            return False
        return _settings(path, module.weight.shape[-1], shapes)

    nn.quantize(network, class_predicate=settings)


def _settings(path: str, width: int, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Bits and group size of a layer, from the shapes of its packed weight and its scales."""
    packed = (shapes.get(f"{path}.weight") or (0,))[-1]
    groups = (shapes[f"{path}.scales"] or (0,))[-1]
    for bits in BITS:
        for group_size in GROUP_SIZES:
            if packed * 32 == bits * width and groups * group_size == width:
                return {"bits": bits, "group_size": group_size}
    raise CheckpointError(f"The layer {path} is quantised in a way that this program can't run.")


def quantizable(network: nn.Module, group_size: int = 64) -> set[str]:
    """Paths of the layers that `load(.., quantize=..)` packs: the language model's, where even.

    Vision tower and projector are small and suffer most, so they stay as they are.
    """
    return {
        path
        for path, layer in network.named_modules()
        if path.startswith("language_model.")
        and hasattr(layer, "to_quantized")
        and layer.weight.shape[-1] % group_size == 0
    }


def quantizable_vision(network: nn.Module, group_size: int = 64) -> set[str]:
    """Paths of the vision tower's and the projector's matrices, where even; never of its tables."""
    return {
        path
        for path, layer in network.named_modules()
        if not path.startswith("language_model.")
        and isinstance(layer, nn.Linear)
        and layer.weight.shape[-1] % group_size == 0
    }


def is_quantized(network: nn.Module) -> bool:
    """Whether any layer of a network is quantised."""
    return any(hasattr(module, "bits") for module in network.modules())


def write_out_position_table(network: nn.Module) -> None:
    """The tower adds its position table whole, so a quantised one becomes a plain one."""
    embeddings = network.vision_tower.embeddings
    if isinstance(embeddings.position_embedding, nn.QuantizedEmbedding):
        table = written_out(embeddings.position_embedding)
        mx.eval(table)
        embeddings.position_embedding = nn.Embedding(1, 1)
        embeddings.position_embedding.weight = table


def written_out(layer: nn.Module) -> mx.array:
    """The matrix of a quantised layer."""
    return mx.dequantize(
        layer.weight, layer.scales, layer.biases, group_size=layer.group_size, bits=layer.bits
    )
