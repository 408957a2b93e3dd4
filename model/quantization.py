"""Weights quantised by MLX: modules for them, and the products that suit each machine.

Which layers are quantised, and how, is read off the tensors: published checkpoints differ
from layer to layer, and some have the vision tower and its position table quantised too.
"""

from collections.abc import Mapping

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_map

from model.errors import CheckpointError

BITS = (2, 3, 4, 5, 6, 8)
GROUP_SIZES = (32, 64, 128)
# With more rows than this, writing a matrix out once is faster than unpacking it for each row.
_FEW_ROWS = 16


class CpuQuantizedLinear(nn.QuantizedLinear):
    """MLX's, for CPUs: writes the matrix out to multiply many rows (25 times faster there)."""

    def __call__(self, x: mx.array) -> mx.array:
        if x.size <= _FEW_ROWS * x.shape[-1]:
            return super().__call__(x)
        out = x @ _written_out(self).T
        return out + self.bias if "bias" in self else out


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
        table = _written_out(embeddings.position_embedding)
        mx.eval(table)
        embeddings.position_embedding = nn.Embedding(1, 1)
        embeddings.position_embedding.weight = table


def use_cpu_products(network: nn.Module) -> None:
    """Let every quantised matrix multiply in the way that is fast on CPUs."""

    def for_cpu(layer: nn.Module) -> nn.Module:
        if type(layer) is nn.QuantizedLinear:
            layer.__class__ = CpuQuantizedLinear  # same parameters, another product
        return layer

    tree_map(for_cpu, network.leaf_modules(), is_leaf=nn.Module.is_module)


def _written_out(layer: nn.Module) -> mx.array:
    return mx.dequantize(
        layer.weight, layer.scales, layer.biases, group_size=layer.group_size, bits=layer.bits
    )
