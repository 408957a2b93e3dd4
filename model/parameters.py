"""Fills a network with a checkpoint's tensors, once they are known to fit it.

Names, shapes and types are compared before anything large is read; the values are looked at
as they come, so that a broken checkpoint is refused and never answers nonsense.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten

from model import fields, quantization
from model.config import LlavaConfig
from model.cpu_products import use_cpu_products
from model.devices import on_cpu
from model.errors import CheckpointError
from model.language_model import build_language_model
from model.network import LlavaNetwork
from model.weights import StoredTensor, load_tensors

_FLOATS = {"F32", "F16", "BF16"}
_HEAD = "language_model.lm_head."


def load_network(
    config: LlavaConfig,
    stored: Mapping[str, StoredTensor],
    *,
    dtype: mx.Dtype | None = None,
    quantize: int | None = None,
) -> LlavaNetwork:
    """The network with the stored weights in it, evaluated.

    `dtype` None is float32 on a CPU, where the other types are far slower, and each tensor's own
    type on a GPU. `quantize`, in bits, packs the language model's weights.
    """
    network = LlavaNetwork(config)
    _fill(network, _needed(config.text, stored), dtype, quantize)
    quantization.write_out_position_table(network)
    network.eval()
    return network


def load_language_model(text: Mapping[str, Any], stored: Mapping[str, StoredTensor]) -> nn.Module:
    """A language model alone, with the stored weights in it; their names are a LLaVA's."""
    network = nn.Module()
    network.language_model = build_language_model(text)
    _fill(network, _needed(text, stored), None, None)
    network.eval()
    return network.language_model


def _fill(
    network: nn.Module,
    needed: Mapping[str, StoredTensor],
    dtype: mx.Dtype | None,
    quantize: int | None,
) -> None:
    dtype = mx.float32 if dtype is None and on_cpu() else dtype
    quantization.quantize_modules(network, {name: t.shape for name, t in needed.items()})
    _compare(network, needed)
    packed = _to_pack(network, quantize)
    weights = dict(_evaluated(needed, dtype, packed, quantize))
    if packed:
        quantization.quantize_modules(network, {name: a.shape for name, a in weights.items()})
    network.load_weights(list(weights.items()), strict=True)
    if on_cpu():
        use_cpu_products(network)


def _needed(text: Mapping[str, Any], stored: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Without the head's tensors where the word embeddings serve as head."""
    if not text["tie_word_embeddings"]:
        return dict(stored)
    return {name: tensor for name, tensor in stored.items() if not name.startswith(_HEAD)}


def _compare(network: nn.Module, stored: Mapping[str, StoredTensor]) -> None:
    """Refuse missing and surplus tensors, and shapes and types that don't fit the configuration."""
    wanted: dict[str, mx.array] = dict(tree_flatten(network.parameters()))
    _refuse_names(wanted.keys() - stored.keys(), "lacks", "its configuration calls for")
    _refuse_names(stored.keys() - wanted.keys(), "holds", "its configuration has no place for")
    for name, tensor in stored.items():
        if tensor.shape != wanted[name].shape:
            raise CheckpointError(
                f"The tensor {name} has the shape {tensor.shape}, "
                f"its configuration calls for {wanted[name].shape}."
            )
        types = {"U32"} if wanted[name].dtype == mx.uint32 else _FLOATS
        if tensor.dtype not in types:
            raise CheckpointError(
                f"The tensor {name} is stored as {tensor.dtype}, "
                f"expected {' or '.join(sorted(types))}."
            )


def _refuse_names(names: Collection[str], verb: str, why: str) -> None:
    if names:
        count = "a tensor" if len(names) == 1 else f"{len(names)} tensors"
        some = ", ".join(fields.brief(name) for name in sorted(names)[:3])
        raise CheckpointError(
            f"The checkpoint {verb} {count} that {why} ({some}"
            + (", ...)." if len(names) > 3 else ").")
        )


def _to_pack(network: nn.Module, quantize: int | None) -> set[str]:
    if quantize is None:
        return set()
    if quantization.is_quantized(network):
        raise CheckpointError("The checkpoint is quantised already: load it without `quantize`.")
    return quantization.quantizable(network)


def _evaluated(
    stored: Mapping[str, StoredTensor],
    dtype: mx.Dtype | None,
    packed: Collection[str],
    bits: int | None,
) -> Iterator[tuple[str, mx.array]]:
    """Tensors one after the other, cast, checked and packed: never two copies of the model."""
    for name, array in load_tensors(stored):
        if array.dtype != mx.uint32:
            array = array if dtype is None else array.astype(dtype)
            if not mx.isfinite(array).all():
                raise CheckpointError(
                    f"The tensor {name} holds values that are not numbers or not finite."
                )
        path = name.removesuffix(".weight")
        parts = {"weight": array}
        if path in packed:
            matrix, scales, biases = mx.quantize(array, group_size=64, bits=bits)
            parts = {"weight": matrix, "scales": scales, "biases": biases}
        mx.eval(parts)
        for part, value in parts.items():
            yield (f"{path}.{part}" if path in packed else name), value
