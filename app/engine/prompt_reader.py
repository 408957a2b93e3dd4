"""Takes a sequence from its prompt to the logits of its next token, a small piece of work a step.

First what the prefix cache knows of it, then the pictures through the vision tower, then the rest
of the prompt in chunks. Runs on the model thread.
"""

from dataclasses import dataclass, field

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from app.engine.feature_cache import FeatureCache
from app.engine.prefix_cache import PrefixCache
from app.engine.sequence import PromptPicture, Sequence
from model.generation import CHUNK, Prefill
from model.kv_cache import Cache, Packing, new_cache
from model.llava import Llava


@dataclass(frozen=True, slots=True)
class Caches:
    """What is known of earlier prompts and pictures; `packing` is that of all keys and values.

    `drafts` are a draft model's keys and values of past words, which are never packed.
    """

    prefixes: PrefixCache
    features: FeatureCache
    packing: Packing | None = None
    drafts: PrefixCache = field(default_factory=lambda: PrefixCache(0))

    def clear(self) -> None:
        self.prefixes.clear()
        self.drafts.clear()
        self.features.clear()
        mx.clear_cache()


class PromptReader:
    """Reads one sequence's prompt; after that also what it has written, if it begins anew.

    A step reads `chunk` tokens, or looks at `tiles` tiles: several pictures, or a part of one.
    """

    def __init__(
        self, llava: Llava, caches: Caches, sequence: Sequence, chunk: int = CHUNK, tiles: int = 1
    ) -> None:
        self.sequence = sequence
        self._llava = llava
        self._caches = caches
        self._chunk = chunk
        self._tiles = tiles
        self._known = 0  # tokens whose keys and values are had already
        self._cache: Cache | None = None
        self._features: dict[str, mx.array] = {}  # held, whatever the cache lets go meanwhile
        self._looked_at = ""  # the key of a picture that was seen in part, at most
        self._unseen: NDArray[np.float32] | None = None  # its tiles that are left
        self._seen: list[mx.array] = []  # what became of those before
        self._prefill: Prefill | None = None

    @property
    def logits(self) -> mx.array | None:
        """Of the token after the last, `[1, V]`, when all has been read."""
        return None if self._prefill is None else self._prefill.logits

    @property
    def cache(self) -> Cache:
        """Keys and values of what has been read so far."""
        return self._cache or []

    def step(self) -> None:
        """Do one piece of work: encode pictures, or read a chunk; behind the last picture both.

        So who asks about a picture waits for one step less of those who write, and they for a tower
        more. Ahead of a question, each by itself: any answer comes first.
        """
        if self._cache is None:
            self._cache = self._look_up()
            if self._known == len(self.sequence.ids):
                self.sequence.read(self._known)
                return
        missing = self._missing()
        if missing:
            self._encode(missing)
            if self.sequence.ahead or self._missing():
                return
        if self._prefill is None:
            embeddings = self._embed()
            self._prefill = Prefill(self._llava.network, embeddings, self._cache, self._chunk)
        self._prefill.step()
        self.sequence.read(min(self._known + self._prefill.done, len(self.sequence.ids)))

    def _look_up(self) -> Cache:
        keys = self.sequence.all_keys
        # The last token is always read: its logits are what all this is for. But ahead of the
        # question, where nothing is written.
        most = len(keys) if self.sequence.ahead else len(keys) - 1
        known, self._known = self._caches.prefixes.fetch(self.sequence.owner, keys, most)
        return known or new_cache(self._llava.network.language_model, self._caches.packing)

    def _unread(self) -> list[PromptPicture]:
        """The pictures of which visual tokens are still to be read."""
        return [picture for picture in self.sequence.pictures if picture.end > self._known]

    def _missing(self) -> list[PromptPicture]:
        """The pictures whose visual tokens must be made first, each once."""
        missing = {}
        for picture in self._unread():
            if picture.key in self._features:
                continue
            features = self._caches.features.get((self.sequence.owner, picture.key))
            if features is None:
                missing[picture.key] = picture
            else:
                self._features[picture.key] = features
        return list(missing.values())

    def _encode(self, missing: list[PromptPicture]) -> None:
        """Look at the next tiles of the first of them, and of others where it has few."""
        first, *others = missing
        if self._unseen is None or self._looked_at != first.key:  # another request saw it meanwhile
            self._looked_at, self._unseen, self._seen = first.key, self._pixels(first), []
        if self._seen or len(self._unseen) > self._tiles:
            self._seen.append(self._llava.look_at(self._unseen[: self._tiles]))
            self._unseen = self._unseen[self._tiles :]
            if len(self._unseen) == 0:
                self._put(first, self._llava.pack(mx.concatenate(self._seen), first.view))
            return
        chosen, tiles = [first], [self._unseen]
        for picture in others:
            pixels = self._pixels(picture)
            if sum(map(len, tiles)) + len(pixels) > self._tiles:
                break
            chosen.append(picture)
            tiles.append(pixels)
        encoded = self._llava.encode_tiles(tiles, [picture.view for picture in chosen])
        for picture, features in zip(chosen, encoded, strict=True):
            self._put(picture, features)

    def _put(self, picture: PromptPicture, features: mx.array) -> None:
        self._features[picture.key] = features
        self._caches.features.put((self.sequence.owner, picture.key), features)
        self._unseen, self._seen = None, []

    def _pixels(self, picture: PromptPicture) -> NDArray[np.float32]:
        if picture.pixels is not None:
            return picture.pixels
        # It was known when the prompt was prepared.
        return self._llava.image_processor.tiles(picture.picture.shown(), picture.view)

    def _embed(self) -> mx.array:
        """Embeddings `[T, D]` of what isn't known yet; a picture may be known in part."""
        visual = [
            self._features[picture.key][max(0, self._known - picture.start) :]
            for picture in self._unread()
        ]
        ids = mx.array(self.sequence.all_ids[self._known :])
        return self._llava.network.embed(ids, visual)
