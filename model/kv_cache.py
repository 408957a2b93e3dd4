"""Keys and values of past tokens, plain or packed into 8 or 4 bits, for a row or a batch of rows.

On top of mlx-lm's caches. Its own quantised one can't be batched; here what is packed of a token
stands in one run of words, so that growing, padding, cutting and sharing are the plain caches' own.

Letters: B rows, H heads, T tokens, D head width, W words of 32 bits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import BatchKVCache, KVCache

from model.devices import on_cpu
from model.errors import CheckpointError

Cache: TypeAlias = list[KVCache]  # keys and values of one row, by layer

_GROUPS = (64, 32)  # values that share a scale, the larger the better


@dataclass(frozen=True, slots=True)
class Packing:
    """Affine quantisation of `group_size` neighbouring values of a head to `bits` each."""

    bits: int
    group_size: int

    def pack(self, x: mx.array) -> mx.array:
        """`[B, H, T, D]` to `[B, H, T, W]`: the values, then their scales and biases."""
        values, *scaling = mx.quantize(x, group_size=self.group_size, bits=self.bits)
        return mx.concatenate([values, mx.concatenate(scaling, axis=-1).view(mx.uint32)], axis=-1)

    def unpack(self, packed: mx.array, width: int, dtype: mx.Dtype) -> mx.array:
        """`[B, H, T, W]` to `[B, H, T, D]`, for heads of `width` values of `dtype`."""
        words = width * self.bits // 32
        values = packed[..., :words]
        scales, biases = mx.split(packed[..., words:].view(dtype), 2, axis=-1)
        if self.bits == 8 and on_cpu():
            # Three times as fast as `dequantize` there, which goes value by value.
            groups = values.view(mx.uint8).reshape(*scales.shape, self.group_size)
            plain = groups.astype(dtype) * scales[..., None] + biases[..., None]
            return plain.reshape(*values.shape[:-1], width)
        return mx.dequantize(values, scales, biases, group_size=self.group_size, bits=self.bits)

    def nbytes(self, width: int, dtype: mx.Dtype) -> int:
        """Bytes of a head's values of one token."""
        return width * self.bits // 8 + 2 * (width // self.group_size) * dtype.size


def packing_for(text: Mapping[str, Any], bits: int) -> Packing:
    """The packing of a language model's keys and values. Raises CheckpointError."""
    for size in _GROUPS:
        if text["head_dim"] % size == 0:
            return Packing(bits, size)
    raise CheckpointError(
        f"The keys and values of this model can't be quantised: its heads have {text['head_dim']} "
        f"values, no multiple of {_GROUPS[-1]}."
    )


def token_bytes(text: Mapping[str, Any], dtype: mx.Dtype, packing: Packing | None = None) -> int:
    """What the keys and values of one token take."""
    width = int(text["head_dim"])
    head = packing.nbytes(width, dtype) if packing else width * dtype.size
    return 2 * int(text["num_hidden_layers"]) * int(text["num_key_value_heads"]) * head


def new_cache(language_model: nn.Module, packing: Packing | None = None) -> Cache:
    """An empty cache. Plain for sliding windows too, which the mask keeps: so it can be cut."""
    if packing is None:
        return [KVCache() for _ in language_model.layers]
    return [PackedKVCache(packing) for _ in language_model.layers]


class PackedKVCache(KVCache):  # type: ignore[misc]
    """One row. What was packed is what is attended to, new tokens too: chunks change nothing."""

    def __init__(self, packing: Packing) -> None:
        super().__init__()
        self.packing = packing

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        pack, unpack = self.packing.pack, self.packing.unpack
        all_keys, all_values = super().update_and_fetch(pack(keys), pack(values))
        return (
            unpack(all_keys, keys.shape[-1], keys.dtype),
            unpack(all_values, values.shape[-1], values.dtype),
        )

    @classmethod
    def merge(cls, caches: "Sequence[PackedKVCache]") -> "BatchPackedKVCache":
        return BatchPackedKVCache.merge(caches)


class BatchPackedKVCache(BatchKVCache):  # type: ignore[misc]
    """Rows that are padded on the left."""

    packing: Packing

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        pack, unpack = self.packing.pack, self.packing.unpack
        all_keys, all_values = super().update_and_fetch(pack(keys), pack(values))
        return (
            unpack(all_keys, keys.shape[-1], keys.dtype),
            unpack(all_values, values.shape[-1], values.dtype),
        )

    def extract(self, idx: int) -> PackedKVCache:
        row, plain = PackedKVCache(self.packing), super().extract(idx)
        row.keys, row.values, row.offset = plain.keys, plain.values, plain.offset
        return row

    @classmethod
    def merge(cls, caches: Sequence[PackedKVCache]) -> "BatchPackedKVCache":
        batch: BatchPackedKVCache = super().merge(caches)
        batch.packing = caches[0].packing
        return batch
