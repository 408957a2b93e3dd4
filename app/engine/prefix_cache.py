"""Keeps the keys and values of past prompts, so that a conversation goes on where it stood.

An entry is found by its prompt keys: token ids, and for each visual token a number made from the
picture's content, so that only the same picture matches. Entries belong to an owner. Bounded in
bytes; what was not used for longest goes first. Used on the model thread only.
"""

from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import count

import mlx.core as mx
from mlx_lm.models.cache import KVCache

from model.kv_cache import Cache

BLOCK = 32  # keys that are compared by one hash; less in common isn't worth a look
MOST_ENTRIES = 64


@dataclass(slots=True, eq=False)
class _Entry:
    owner: str
    keys: tuple[int, ...]
    hashes: list[int]
    cache: Cache
    used: int
    lent: bool = False  # somebody goes on with `cache` itself, behind the keys

    @property
    def nbytes(self) -> int:
        """What it holds now: who goes on with it lets it grow."""
        return sum(layer.nbytes for layer in self.cache)


class PrefixCache:
    """The caches of finished and cancelled answers, by owner and prompt keys."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.in_use: Collection[KVCache] = ()  # layers of those who are being answered
        self.hits = 0
        self.reused_tokens = 0
        self._entries: list[_Entry] = []
        self._clock = count()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        """Without what is `in_use`, which counts as theirs who use it."""
        return sum(entry.nbytes for entry in list(self._entries) if not self._is_in_use(entry))

    def fetch(self, owner: str, keys: Sequence[int], most: int) -> tuple[Cache | None, int]:
        """A cache of the longest known beginning of `keys`, `most` at most, and its length.

        Going on with it changes no entry: who asks for all of one writes behind its keys, in the
        entry's own memory, and whoever comes before that is given back (`store`) gets a copy.
        """
        keys = tuple(keys)
        hashes = _chain(keys)
        best, length = None, 0
        for entry in self._entries:
            if entry.owner == owner and (common := _common(entry, keys, hashes)) > length:
                best, length = entry, common
        length = min(length, most)
        # The hashes only choose: it is the keys that must be equal.
        if best is None or length <= 0 or best.keys[:length] != keys[:length]:
            return None, 0
        best.used = next(self._clock)
        self.hits += 1
        self.reused_tokens += length
        if length == len(best.keys) and not best.lent:
            best.lent = True
            return [*best.cache], length
        return [_beginning(layer, length) for layer in best.cache], length

    def store(self, owner: str, keys: Sequence[int], cache: Cache) -> None:
        """Keep `cache`, which begins with `keys` and is given away.

        What it holds beyond them is forgotten: the token that ended an answer, a guess. What is
        still a view of another entry isn't kept: it would hold on to all of that one's memory.
        """
        if _is_view(cache[0]):
            return
        size = min(cache[0].offset, len(keys))
        keys = tuple(keys[:size])
        if size < BLOCK or self._covers(owner, keys, cache):
            return
        _trim(cache, size)
        mx.eval([(layer.keys, layer.values) for layer in cache])  # else it holds on to a batch
        self._entries = [old for old in self._entries if not _is_beginning(old, owner, keys)]
        self._entries.append(_Entry(owner, keys, _chain(keys), cache, next(self._clock)))
        self.shrink(self.most_bytes)

    def shrink(self, most_bytes: int) -> None:
        """Let go what was not used for longest, until the rest takes `most_bytes` at most.

        To let go of what is `in_use` would free nothing.
        """
        self._entries.sort(key=lambda entry: entry.used)
        nbytes, count = self.nbytes, len(self._entries)
        for entry in [entry for entry in self._entries if not self._is_in_use(entry)]:
            if count <= MOST_ENTRIES and nbytes <= most_bytes:
                return
            self._entries.remove(entry)
            nbytes, count = nbytes - entry.nbytes, count - 1

    def clear(self) -> None:
        self._entries.clear()

    def _is_in_use(self, entry: _Entry) -> bool:
        return any(entry.cache[0] is layer for layer in self.in_use)

    def _covers(self, owner: str, keys: tuple[int, ...], cache: Cache) -> bool:
        for entry in self._entries:
            if entry.owner == owner and entry.keys[: len(keys)] == keys:
                entry.used = next(self._clock)
                if entry.cache[0] is cache[0]:
                    _trim(cache, len(entry.keys))
                    entry.lent = False
                return True
        return False


def _is_beginning(entry: _Entry, owner: str, keys: tuple[int, ...]) -> bool:
    """Whether `keys` say all that the entry does, and so make it needless."""
    return entry.owner == owner and keys[: len(entry.keys)] == entry.keys


def _trim(cache: Cache, size: int) -> None:
    for layer in cache:
        layer.trim(layer.offset - size)


def _chain(keys: tuple[int, ...]) -> list[int]:
    """A hash for the end of each whole block, of all keys up to there."""
    hashes: list[int] = []
    past = 0
    for end in range(BLOCK, len(keys) + 1, BLOCK):
        past = hash((past, keys[end - BLOCK : end]))
        hashes.append(past)
    return hashes


def _common(entry: _Entry, keys: tuple[int, ...], hashes: list[int]) -> int:
    """How many keys an entry begins with in common: whole blocks by halving, then one by one."""
    low, high = 0, min(len(hashes), len(entry.hashes))
    while low < high:
        middle = (low + high + 1) // 2
        if entry.hashes[middle - 1] == hashes[middle - 1]:
            low = middle
        else:
            high = middle - 1
    if low == 0:
        return 0
    length = low * BLOCK
    for mine, other in zip(keys[length:], entry.keys[length:], strict=False):
        if mine != other:
            break
        length += 1
    return length


def _beginning(layer: KVCache, length: int) -> KVCache:
    """The first tokens of a layer's keys and values, shared until the first write copies them."""
    piece = copy(layer)
    piece.keys = layer.keys[..., :length, :]
    piece.values = layer.values[..., :length, :]
    piece.offset = length
    piece.viewed = piece.keys
    return piece


def _is_view(layer: KVCache) -> bool:
    """Whether nothing has been written behind `_beginning`."""
    return layer.keys is not None and getattr(layer, "viewed", None) is layer.keys
