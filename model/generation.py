"""Reads prompts in chunks and writes answers token by token, several rows at once.

On top of mlx-lm's decoders. Knows nothing of text, requests or threads: all of
it runs on the thread that calls it.

Letters: B rows, T tokens, D text width, V vocabulary, P visual tokens of a picture.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import BatchKVCache, KVCache

from model.devices import in_bulk
from model.draft import Draft
from model.kv_cache import Cache, Packing, new_cache
from model.language_model import head, read
from model.network import LlavaNetwork
from model.prompt_lookup import PromptLookup
from model.sampling import GREEDY, Sampler, draw, draw_one

CHUNK = 256  # tokens of a prompt that are read at once


class Prefill:
    """Reads embeddings `[T, D]` into `cache`, a chunk a step; after the last there are `logits`.

    A step reads `chunk` tokens, or up to half as many more where they are the last.

    Whoever stops before has a cache of `done` tokens more than it had.
    """

    def __init__(
        self, network: LlavaNetwork, embeddings: mx.array, cache: Cache, chunk: int = CHUNK
    ) -> None:
        self._language_model = network.language_model
        self._embeddings = embeddings
        self._chunk = chunk
        self.cache = cache
        self.done = 0
        self.logits: mx.array | None = None  # [1, V], of the token after the last

    @property
    def total(self) -> int:
        return self._embeddings.shape[0]

    def step(self) -> None:
        """Read the next chunk."""
        left = self.total - self.done
        # A short rest goes along: few rows are multiplied at half the speed of many.
        size = left if left <= self._chunk * 3 // 2 else self._chunk
        piece = self._embeddings[None, self.done : self.done + size]  # [1, chunk, D]
        with in_bulk():
            last = read(self._language_model, piece, self.cache)  # [1, D]
            mx.eval([(layer.keys, layer.values) for layer in self.cache])
        self.done += piece.shape[1]
        if self.done == self.total:
            # For one position: for all it costs as much as some layers.
            self.logits = head(self._language_model, last)


@dataclass(slots=True, eq=False)
class Row:
    """One answer being written: `last`, its newest token, goes in next; `cache` holds all before.

    `written` counts the answer's tokens so far, `last` among them: its next draw goes on there.
    With a `lookup` or a `draft` of all tokens until `last`, several may come in one step while it
    is alone; the lookup is asked first, for its guesses cost nothing. It ends with `most` tokens.
    """

    cache: Cache
    last: int
    written: int
    sampler: Sampler = GREEDY
    lookup: PromptLookup | None = None
    draft: Draft | None = None
    most: float = math.inf
    said: mx.array | None = None  # as `Sampler.said` gives it of the answer, `last` among it
    fresh: bool = field(default=True, init=False)  # nothing of it has gone in yet

    @property
    def ends(self) -> bool:
        """Whether the next token that goes out is its last."""
        return not self.fresh and self.written + 1 >= self.most


class Decoder:
    """Writes a token or more for each of its rows a step; rows come and go between steps.

    A step hands out the tokens of the one before while its own are being computed, or, where a row
    alone is multiplied by `row_products`, which waits, after they were. A row alone has
    its own cache, which is fastest; several are padded on the left into one.
    """

    def __init__(self, network: LlavaNetwork, allowed: mx.array) -> None:
        self._network = network
        self._allowed = allowed
        self._cache: list[KVCache] | list[BatchKVCache] = []
        self._next = mx.array([], mx.int32)  # [B], what goes in next
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Let a row join. Its next token comes with the second step from now."""
        if not self.rows:
            self._cache = row.cache
        elif len(self.rows) == 1:
            pairs = zip(self._cache, row.cache, strict=True)
            self._cache = [pair[0].merge(pair) for pair in pairs]
        else:
            for batch, one in zip(self._cache, row.cache, strict=True):
                batch.extend(one.merge([one]))
        self.rows.append(row)
        self._next = mx.concatenate([self._next, mx.array([row.last], mx.int32)])
        if len(self.rows) > 1:
            for member in self.rows:
                member.cache = []  # it is in the common one now

    def step(self) -> list[tuple[Row, int]]:
        """Each row's next tokens; a row that has just joined has none yet.

        Nothing is computed where all rows end with what goes out now.
        """
        if all(row.ends for row in self.rows):
            return self._hand_out(self._next)
        guess = next(self._guesses(), None)
        return self._write() if guess is None else self._check(*guess)

    def _guesses(self) -> Iterator[tuple[PromptLookup | Draft, mx.array]]:
        """What a row alone may go on with after its next token, `[T]`, and who guesses it."""
        row = self.rows[0]
        if len(self.rows) > 1 or row.fresh or row.said is not None:
            return
        if row.lookup is not None:
            next_one, *guess = row.lookup.guess() or [-1]
            # To look costs the step's head start, so it is done only where there is a guess.
            if guess and self._next.item() == next_one:
                yield row.lookup, mx.array(guess, mx.int32)
        if row.draft is not None:
            drafted = row.draft.guess(self._next)
            if drafted is not None:
                yield row.draft, drafted

    def _check(self, guesser: PromptLookup | Draft, guess: mx.array) -> list[tuple[Row, int]]:
        """Put a guess in at once; what the row would have drawn by itself is right.

        Each draw depends on its logits, seed and place alone, so the tokens are those of single
        steps, and so is their distribution.
        """
        row = self.rows[0]
        inputs = mx.concatenate([self._next, guess])  # [T + 1]
        logits = self._network(inputs[None], cache=self._cache)[0]  # [T + 1, V]
        places = [row.written + 1 + place for place in range(inputs.size)]
        drawn = draw(logits, [row.sampler] * inputs.size, places, self._allowed).astype(mx.int32)
        mx.eval(inputs, drawn)
        given: Any = inputs.tolist()
        tokens: Any = drawn.tolist()
        right = _same(tokens, given[1:])
        for layer in self._cache:
            layer.trim(guess.size - right)
        self._next = drawn[right : right + 1]
        written = [(row, token) for token in given[: right + 1] if _goes_out(row, token)]
        guesser.learn(guess.size, right)
        return written

    def _write(self) -> list[tuple[Row, int]]:
        inputs = self._next
        logits = self._network(inputs[:, None], cache=self._cache)[:, -1]  # [B, V]
        samplers = [row.sampler for row in self.rows]
        places = [row.written + (not row.fresh) for row in self.rows]
        said = [self._said(row, inputs[place]) for place, row in enumerate(self.rows)]
        self._next = draw(logits, samplers, places, self._allowed, said).astype(mx.int32)  # [B]
        mx.async_eval(self._next)
        return self._hand_out(inputs)  # waits for the step before only

    def _said(self, row: Row, token: mx.array) -> mx.array | None:
        """What a row has said with the token that goes in now, which nobody has looked at yet."""
        if row.said is not None and not row.fresh:
            row.said = row.said.at[token].add(1)
        return row.said

    def _hand_out(self, drawn: mx.array) -> list[tuple[Row, int]]:
        tokens: Any = drawn.tolist()
        written = zip(self.rows, tokens, strict=True)
        return [(row, token) for row, token in written if _goes_out(row, token)]

    def remove(self, gone: Collection[Row]) -> None:
        """Let rows go. Each one's `cache` then holds all that has gone in for it."""
        keep = [place for place, row in enumerate(self.rows) if row not in gone]
        if len(self.rows) == 1:
            self.rows[0].cache = self._cache
        else:
            for place, row in enumerate(self.rows):
                if row in gone:
                    row.cache = [layer.extract(place) for layer in self._cache]
        self._keep(keep)

    def _keep(self, places: list[int]) -> None:
        if len(places) == len(self.rows):
            return
        if len(places) == 1:
            self._cache = [layer.extract(places[0]) for layer in self._cache]
        elif places:
            for layer in self._cache:
                layer.filter(places)
        else:
            self._cache = []
        self.rows = [self.rows[place] for place in places]
        self._next = self._next[mx.array(places, mx.int32)]


def _goes_out(row: Row, token: int) -> bool:
    """Note a token; what a fresh row put in was known before."""
    if row.fresh:
        row.fresh = False
        return False
    row.last = token
    row.written += 1
    for guesser in (row.lookup, row.draft):
        if guesser is not None:
            guesser.add(token)
    return True


def _same(tokens: Sequence[int], others: Sequence[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(tokens, others, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(tokens), len(others)))


def generate(
    network: LlavaNetwork,
    ids: Sequence[int],
    visual: Sequence[mx.array],
    allowed: mx.array,
    *,
    sampler: Sampler = GREEDY,
    stop: Collection[int] = (),
    most: int = 512,
    packing: Packing | None = None,
) -> Iterator[int]:
    """The tokens of one answer to `ids` (an image id for each visual token), without the stop.

    `visual` is `[P, D]` for each picture, in order; `packing` quantises keys and values.
    """
    cache = new_cache(network.language_model, packing)
    prefill = Prefill(network, network.embed(mx.array(list(ids)), visual), cache)
    while prefill.logits is None:
        prefill.step()
    token = draw_one(prefill.logits, sampler, 0, allowed)
    decoder = Decoder(network, allowed)
    decoder.add(Row(cache, token, 1, sampler, said=sampler.said([token], allowed.size)))
    decoder.step()
    for _ in range(most):
        if token in stop:
            return
        yield token
        token = decoder.step()[0][1]
