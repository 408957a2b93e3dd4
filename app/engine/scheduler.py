"""Decides what the model does next: one piece of reading, one token for all who write, in turns.

So a long prompt stalls nobody's stream, new answers join between tokens and cancelled ones leave.
Runs on the model thread; knows nothing of threads, loops or text.
"""

import logging
from collections import deque

import mlx.core as mx

from app.engine.memory import Memory
from app.engine.prompt_reader import Caches, PromptReader
from app.engine.sequence import Sequence
from app.errors import EngineError
from app.failures import log_failure
from model.draft import Draft, DraftModel
from model.generation import CHUNK, Decoder, Row
from model.kv_cache import Cache
from model.llava import Llava
from model.prompt_lookup import PromptLookup
from model.sampling import allowed_tokens, draw_one

log = logging.getLogger(__name__)


class Scheduler:
    """All sequences that are being answered, those `memory` has room for. `step` moves them on.

    With `speculate`, one who writes alone guesses what it copies from the conversation, and what a
    `draft` model would say.
    """

    def __init__(
        self,
        llava: Llava,
        caches: Caches,
        memory: Memory,
        *,
        chunk: int = CHUNK,
        tiles: int = 1,
        draft: DraftModel | None = None,
    ) -> None:
        self.caches = caches
        self.memory = memory
        self.speculate = True
        self._llava = llava
        self._chunk = chunk
        self._tiles = tiles
        self._draft_model = draft
        self._allowed = _allowed(llava)
        self._waiting: deque[Sequence] = deque()  # for memory
        self._reserved = 0  # bytes of keys and values that those being answered will take
        self._readers: deque[PromptReader] = deque()
        self._ahead: deque[PromptReader] = deque()  # of questions that nobody has asked yet
        self._decoder = Decoder(llava.network, self._allowed)
        self._writers: dict[Row, Sequence] = {}

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._readers or self._writers or self._ahead)

    def figures(self) -> dict[str, float]:
        """Numbers for the metrics; reading them needs no MLX."""
        prefixes, features = self.caches.prefixes, self.caches.features
        return {
            "waiting_for_memory": len(self._waiting),
            "reading": len(self._readers),
            "reading_ahead": len(self._ahead),
            "writing": len(self._writers),
            "prefix_cache_bytes": prefixes.nbytes,
            "draft_cache_bytes": self.caches.drafts.nbytes,
            "prefix_cache_entries": len(prefixes),
            "prefix_cache_hits": prefixes.hits,
            "prefix_cache_tokens_reused": prefixes.reused_tokens,
            "picture_cache_bytes": features.nbytes,
            "weights_bytes": self.memory.weights,
            "conversation_bytes_allowed": self.memory.limit,
            "conversation_bytes_reserved": self._reserved,
            "memory_bytes": mx.get_active_memory(),
            "memory_peak_bytes": mx.get_peak_memory(),
        }

    def add(self, sequence: Sequence) -> None:
        """Let a sequence in; its prompt has been checked."""
        if sequence.ahead:
            self._ahead.append(self._reader(sequence))
            return
        try:
            self._put_aside()
        except Exception as error:
            self._trouble([], error)
        self._waiting.append(sequence)
        self._let_in()
        if self._waiting:
            sequence.wait(len(self._waiting))

    def step(self) -> None:
        """Let the cancelled go, read a piece of one prompt, write a token of each answer.

        Only where there is nothing to answer, read ahead.
        """
        try:
            self._let_go()
            self._let_in()
            if self._readers:
                self._read(self._readers.popleft())
            if self._writers:
                self._write()
            elif self._ahead and not self._readers:
                self._read_ahead(self._ahead[0])
        except Exception as error:  # nobody knows in what state it left the batch
            self._trouble(self._disband(), error)

    def _let_in(self) -> None:
        """Begin with those for whom there is memory, in the order they came."""
        before = len(self._waiting)
        while self._waiting and self._has_room(self._waiting[0]):
            self._readers.append(self._reader(self._waiting.popleft()))
        if len(self._waiting) < before:
            self._tell_places()

    def _tell_places(self) -> None:
        for place, sequence in enumerate(self._waiting, start=1):
            sequence.wait(place)

    def _has_room(self, sequence: Sequence) -> bool:
        """Whoever is alone is let in: a conversation that is too long has been refused before."""
        lengths = self._lengths()
        return not lengths or self.memory.needed([*lengths, sequence.longest]) <= self.memory.limit

    def _lengths(self) -> list[int]:
        """What each of those who are being answered will come to, in tokens."""
        readers = [reader for reader in self._ahead if reader.cache] + [*self._readers]
        return [one.longest for one in (*(r.sequence for r in readers), *self._writers.values())]

    def _make_room(self) -> None:
        """The prefix cache has what is left by those who are being answered.

        What they go on with in its own memory is theirs meanwhile, until a batch has copied it.
        """
        caches = [reader.cache for reader in (*self._readers, *self._ahead)]
        caches += [row.cache for row in self._writers]
        self.caches.prefixes.in_use = [cache[0] for cache in caches if cache]
        self._reserved = self.memory.needed(self._lengths())
        left = self.memory.limit - self._reserved
        drafts = left * self.memory.draft_per_token // self.memory.per_token
        self.caches.drafts.shrink(drafts)
        self.caches.prefixes.shrink(left - drafts)

    def _let_go(self) -> None:
        waiting = [sequence for sequence in self._waiting if not sequence.cancelled]
        if len(waiting) < len(self._waiting):
            self._waiting = deque(waiting)
            self._tell_places()
        for readers in (self._readers, self._ahead):
            for reader in [reader for reader in readers if reader.sequence.cancelled]:
                readers.remove(reader)
                self._keep(reader.sequence, reader.cache)
        self._retire([row for row, sequence in self._writers.items() if sequence.cancelled])

    def _read(self, reader: PromptReader) -> None:
        """The readers take turns, so that a short prompt doesn't wait for a long one."""
        sequence = reader.sequence
        try:
            reader.step()
            if reader.logits is None:
                self._readers.append(reader)
                self._make_room()  # now that it has what it knew of its beginning
                return
            place = len(sequence.tokens)
            sampler, size = sequence.sampler, self._allowed.size
            said = sampler.said(sequence.tokens, size)
            token = draw_one(reader.logits, sampler, place, self._allowed, said)
            sequence.write(token)
        except Exception as error:
            self._trouble([sequence], error)
            return
        if sequence.finished:
            self._keep(sequence, reader.cache)
        else:
            row = Row(reader.cache, token, place + 1, sampler)
            row.most = sequence.limits.most
            row.said = sampler.said(sequence.tokens, size)
            row.lookup, row.draft = self._lookup(sequence), self._draft(sequence)
            self._writers[row] = sequence
            self._decoder.add(row)
            self._make_room()

    def _read_ahead(self, reader: PromptReader) -> None:
        try:
            reader.step()
            self._make_room()
        except Exception as error:
            self._ahead.remove(reader)
            log_failure(log, "a prompt could not be read ahead", error)
            self.caches.clear()
            reader.sequence.fail(EngineError("It could not be read ahead."))
            return
        if reader.sequence.finished:
            self._ahead.remove(reader)
            self._keep(reader.sequence, reader.cache)

    def _put_aside(self) -> None:
        """Keep what is read ahead by now: it may be just what the next answer begins with."""
        for place, reader in enumerate(self._ahead):
            if reader.cache:
                self._ahead[place] = self._reader(reader.sequence)
                self._keep(reader.sequence, reader.cache)

    def _lookup(self, sequence: Sequence) -> PromptLookup | None:
        if not self.speculate:
            return None
        return PromptLookup(sequence.all_ids, (self._llava.config.image_token_index,))

    def _draft(self, sequence: Sequence) -> Draft | None:
        if self._draft_model is None or not self.speculate:
            return None
        words, written = self._words(sequence), len(sequence.tokens)
        known, _ = self.caches.drafts.fetch(sequence.owner, words, len(words))
        return Draft(
            self._draft_model, words, written, sequence.sampler, self._allowed, cache=known
        )

    def _words(self, sequence: Sequence) -> list[int]:
        """What a draft model knows of it: all but the pictures."""
        image = self._llava.config.image_token_index
        return [token for token in sequence.all_ids if token != image]

    def _reader(self, sequence: Sequence) -> PromptReader:
        return PromptReader(self._llava, self.caches, sequence, self._chunk, self._tiles)

    def _write(self) -> None:
        for row, token in self._decoder.step():
            sequence = self._writers[row]
            if sequence.finished:
                continue  # it came to its end amid a guess
            try:
                sequence.write(token)
            except Exception as error:
                log_failure(log, "a token could not be written", error)
                sequence.fail(EngineError("The answer broke off here: ask again, please."))
        self._retire([row for row, sequence in self._writers.items() if sequence.finished])

    def _retire(self, rows: list[Row]) -> None:
        if not rows:
            return
        self._decoder.remove(rows)
        for row in rows:
            sequence = self._writers.pop(row)
            if row.draft is not None:
                self.caches.drafts.store(sequence.owner, row.draft.tokens, row.draft.cache)
            self._keep(sequence, row.cache)

    def _keep(self, sequence: Sequence, cache: Cache) -> None:
        if cache:
            self.caches.prefixes.store(sequence.owner, sequence.all_keys, cache)
        self._make_room()

    def _trouble(self, sequences: list[Sequence], error: Exception) -> None:
        """Begin anew with what was written, in freed memory; twice is once too often."""
        log_failure(log, f"{len(sequences)} answers begin anew, or fail", error)
        self.caches.clear()
        again = [sequence for sequence in sequences if not sequence.retried]
        for sequence in sequences:
            if sequence.retried:
                sequence.fail(EngineError("The model failed while answering: ask again, please."))
            sequence.retried = True
        self._waiting.extendleft(reversed(again))  # they had been let in before
        self._let_in()
        self._tell_places()

    def _disband(self) -> list[Sequence]:
        """Give up the batch; those who are still being answered."""
        sequences = [*self._writers.values()]
        self._writers.clear()
        self._decoder = Decoder(self._llava.network, self._allowed)
        return [sequence for sequence in sequences if not sequence.finished]


def _allowed(llava: Llava) -> mx.array:
    """Embedding tables are padded beyond what the tokenizer knows, and an image is no word."""
    size = int(llava.config.text["vocab_size"])
    return allowed_tokens(size, llava.tokenizer.vocab_size, llava.config.image_token_index)
