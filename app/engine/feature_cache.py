"""Keeps the visual tokens of pictures by their content, so that the tower sees each only once.

Bounded in bytes; what was not used for longest goes first.
"""

from collections import OrderedDict

import mlx.core as mx


class FeatureCache:
    """Visual tokens `[P, D]` by picture digest. Filled on the model thread, asked from any."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._features: OrderedDict[str, mx.array] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._features)

    def __contains__(self, digest: str) -> bool:
        return digest in self._features

    def get(self, digest: str) -> mx.array | None:
        if digest in self._features:
            self._features.move_to_end(digest)
        return self._features.get(digest)

    def put(self, digest: str, features: mx.array) -> None:
        if digest in self._features:
            return
        self._features[digest] = features
        self.nbytes += features.nbytes
        while self.nbytes > self.most_bytes and len(self._features) > 1:
            self.nbytes -= self._features.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        self._features.clear()
        self.nbytes = 0
