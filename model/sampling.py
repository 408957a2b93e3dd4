"""Draws the next token from logits, for each row of a batch by its own rules and its own seed.

MLX has one random state for all, and mlx-lm's samplers draw from it: two requests in a batch would
change each other's answers. Here a draw's key comes from a row's seed and a token's place alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

_GREEDY_BELOW = 1e-4  # dividing logits by less leaves nothing to chance, or overflows
_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Sampler:
    """How one answer's tokens are drawn; the same seed gives the same ones, whoever runs beside.

    `top_p` keeps the likeliest tokens, after the temperature, that together reach that mass, and
    those that are just as likely as the last of them. `presence` is taken from the logit of each
    token that the answer has said already, `frequency` for each time it has (OpenAI's penalties).
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    presence: float = 0.0
    frequency: float = 0.0

    @property
    def greedy(self) -> bool:
        return self.temperature < _GREEDY_BELOW or self.top_p <= 0

    def said(self, tokens: Sequence[int], size: int) -> mx.array | None:
        """How often each of `size` tokens is among `tokens`, `[size]`; None where none counts."""
        if not self.presence and not self.frequency:
            return None
        counts = np.bincount(np.array(tokens, np.int64), minlength=size)
        return mx.array(counts.astype(np.float32))

    def penalised(self, logits: mx.array, said: mx.array) -> mx.array:
        """Logits `[1, V]` of an answer that has `said` `[V]` so far."""
        lost = self.frequency * said + self.presence * (said > 0)
        return logits - lost.astype(logits.dtype)

    def draw(self, logits: mx.array, place: int) -> mx.array:
        """The token `[1]` at `place` of the answer, from its logits `[1, V]`."""
        if self.greedy:
            return mx.argmax(logits, axis=-1)
        logits = logits.astype(mx.float32)
        logits = (logits - logits.max(axis=-1, keepdims=True)) / self.temperature
        key = mx.random.key(_mix(self.seed, place))
        if self.top_p >= 1:
            return mx.random.categorical(logits, key=key)
        falling = -mx.sort(-logits, axis=-1)  # [1, V]
        likely = mx.softmax(falling, axis=-1)
        before = mx.cumsum(likely, axis=-1) - likely  # the mass ahead of each, 0 for the first
        least = mx.where(before < self.top_p, falling, mx.inf).min(axis=-1, keepdims=True)
        # Over the vocabulary in its own order, not by rank: there one random number finds the same
        # token for models that nearly agree, so a draft model is likely to draw the same.
        return mx.random.categorical(mx.where(logits >= least, logits, -mx.inf), key=key)


GREEDY = Sampler()


def draw(
    logits: mx.array,
    samplers: Sequence[Sampler],
    places: Sequence[int],
    allowed: mx.array,
    said: Sequence[mx.array | None] = (),
) -> mx.array:
    """The next tokens `[B]` for logits `[B, V]`; never one that `allowed_tokens` says no to.

    `said` as `Sampler.said` gives it for each row; nothing for rows without penalties.
    """
    logits = logits + allowed.astype(logits.dtype)
    counts = [*said] or [None] * len(samplers)
    if all(sampler.greedy for sampler in samplers) and not any(c is not None for c in counts):
        return mx.argmax(logits, axis=-1)
    rows = []
    for row, (sampler, place, count) in enumerate(zip(samplers, places, counts, strict=True)):
        own = logits[row : row + 1]
        rows.append(sampler.draw(own if count is None else sampler.penalised(own, count), place))
    return mx.concatenate(rows)


def draw_one(
    logits: mx.array,
    sampler: Sampler,
    place: int,
    allowed: mx.array,
    said: mx.array | None = None,
) -> int:
    """The next token for logits `[1, V]`, at once."""
    token: Any = draw(logits, [sampler], [place], allowed, [said]).item()
    return int(token)


def allowed_tokens(size: int, known: int, *refused: int) -> mx.array:
    """What is added to `size` logits so that none is drawn but `known` tokens not `refused`.

    Embedding tables are padded beyond the tokenizer's vocabulary, and an image's id is no word.
    """
    ids = mx.arange(size)
    allowed = ids < known
    for token in refused:
        allowed = allowed & (ids != token)
    added = mx.where(allowed, 0.0, -mx.inf)  # a third of the time that choosing takes at each token
    mx.eval(added)
    return added


def _mix(seed: int, place: int) -> int:
    """64 bits from both, so that neighbours in seed or place share nothing (SplitMix64)."""
    value = seed & _MASK
    for step in (1, place + 1):
        value = (value + step * 0x9E3779B97F4A7C15) & _MASK
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
        value ^= value >> 31
    return value
