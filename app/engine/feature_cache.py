"""Keeps the visual tokens of pictures by their content, so that the tower sees each only once.

Each owner has their own: how soon an answer comes must not tell what pictures others have.
Bounded in bytes; what was not used for longest goes first.
"""

from collections import OrderedDict
from typing import TypeAlias

import mlx.core as mx

Key: TypeAlias = tuple[str, str]  # owner, and what names picture and view


class FeatureCache:
    """Visual tokens `[P, D]` of pictures. Filled on the model thread, asked from any."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._features: OrderedDict[Key, mx.array] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._features)

    def __contains__(self, key: Key) -> bool:
        return key in self._features

    def get(self, key: Key) -> mx.array | None:
        if key in self._features:
            self._features.move_to_end(key)
        return self._features.get(key)

    def put(self, key: Key, features: mx.array) -> None:
        if key in self._features:
            return
        self._features[key] = features
        self.nbytes += features.nbytes
        while self.nbytes > self.most_bytes and len(self._features) > 1:
            self.nbytes -= self._features.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        self._features.clear()
        self.nbytes = 0
