"""Guesses what an answer goes on with by a small text model of the same vocabulary.

Speculative decoding (Leviathan et al. 2023). The draft model knows the words of a conversation, not
its pictures. It draws with the answer's own sampler and the same random key at each place: so what
it draws is likely to be just what the large model draws there. Knows nothing of that one.

Letters: T tokens, V vocabulary.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx import nn

from model.kv_cache import Cache, new_cache, token_bytes
from model.language_model import next_logits
from model.pace import Pace
from model.sampling import Sampler, draw

SHORTEST, LONGEST = 2, 8  # tokens of a guess
_CHUNK = 256  # tokens that are read at once of what it has not read yet


@dataclass(frozen=True, slots=True)
class DraftModel:
    """A language model that drafts for another; `text` is its filled configuration."""

    language_model: nn.Module
    text: Mapping[str, Any]

    @property
    def token_bytes(self) -> int:
        """What the keys and values of one token take."""
        embedded = self.language_model.model.embed_tokens(mx.array([0]))
        return token_bytes(self.text, embedded.dtype)


class Draft:
    """The guesses for one answer: `tokens` are all words until its newest, `written` of them its.

    `cache` may have the first of them already; what `allowed` `[V]` says no to isn't guessed.
    """

    def __init__(
        self,
        model: DraftModel,
        tokens: Iterable[int],
        written: int,
        sampler: Sampler,
        allowed: mx.array,
        cache: Cache | None = None,
    ) -> None:
        self.tokens = list(tokens)
        self.cache = cache or new_cache(model.language_model)
        self._language_model = model.language_model
        self._written = written
        self._sampler = sampler
        self._allowed = allowed
        self._pace = Pace(SHORTEST, LONGEST)

    @property
    def read(self) -> int:
        """How many of the tokens it has read."""
        return int(self.cache[0].offset)

    def add(self, token: int) -> None:
        """The answer's next token."""
        self.tokens.append(token)
        self._written += 1
        self._pace.add()

    def guess(self, coming: mx.array) -> mx.array | None:
        """What may follow `coming` `[1]`, the token after the newest: `[T]`, or nothing.

        Nothing is waited for: `coming` and the guess may both be still on their way.
        """
        if self._pace.rests:
            return None
        unread = self.tokens[self.read :]
        if len(unread) > _CHUNK:
            self._language_model.model(mx.array([unread[:_CHUNK]], mx.int32), self.cache)
            mx.async_eval([(layer.keys, layer.values) for layer in self.cache])
            return None
        inputs = mx.concatenate([mx.array(unread, mx.int32), coming])
        guessed = []
        for place in range(self._written + 1, self._written + 1 + self._pace.length):
            logits = self._fitted(next_logits(self._language_model, inputs[None], self.cache))
            inputs = draw(logits, [self._sampler], [place], self._allowed).astype(mx.int32)
            guessed.append(inputs)
        return mx.concatenate(guessed)

    def learn(self, guessed: int, right: int) -> None:
        """How many of the tokens that were checked were right; the wrong ones are forgotten."""
        read = guessed - 1  # the last one has not gone in
        for layer in self.cache:
            layer.trim(read - min(right, read))
        self._pace.learn(guessed, right)

    def _fitted(self, logits: mx.array) -> mx.array:
        """As wide as the large model's: tables are padded to different sizes."""
        missing = self._allowed.size - logits.shape[-1]
        if missing > 0:
            return mx.pad(logits, [(0, 0), (0, missing)], constant_values=-mx.inf)
        return logits[:, : self._allowed.size]
