"""Random histories of conversations: every answer is that of a cold run alone, whatever was before.

Turns are added, edited, regenerated and branched, answers stopped in the middle, pictures added
and taken away, steps made to fail, by two people at once, in conversations that grow too long, over
caches and a memory that are too small for all.
"""

import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import mlx.core as mx
import pytest
from mlx_lm.models.cache import KVCache

from app.engine.catalogue import ALIASES, BUNDLED
from app.engine.loading import serve
from app.engine.memory import Memory
from app.engine.outbox import Outbox
from app.engine.preparation import Preparation
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.messages import ChatRequest, Message, Sampling
from model.draft import DraftModel
from model.draft_checkpoint import load_draft
from model.generation import Prefill
from model.kv_cache import Cache, PackedKVCache, Packing, new_cache
from model.prompt_lookup import PromptLookup
from tests.app.engine.model_thread import Cold, Solo, finished, picture, text, write_speaker
from tests.checkpoints import ONEVISION

pytestmark = pytest.mark.anyio

PICTURES = [picture(seed) for seed in range(4)]
WORDS = (
    "What is in the picture?",
    "Where is it, and what colour has it?",
    "Say that again.",
    "How many things are there?",
    "Who are you?",
    "Tell me more.",
)
SAMPLINGS = (
    Sampling(0.0),
    Sampling(0.0),
    Sampling(1.2, seed=3),
    Sampling(0.0, presence_penalty=1.5, frequency_penalty=0.5),
)


@dataclass(frozen=True)
class Case:
    """A model, how long its histories are, and how small the caches."""

    cold: Cold
    questions: int
    longest: int  # tokens of a prompt
    context: int  # tokens; of longer prompts the beginning is left out
    memory: int  # tokens of all who are answered at once, and of the prefix cache beside them
    room: int  # tokens that the prefix cache holds
    pictures: int  # that the feature cache holds
    chunk: int = 24  # tokens of a prompt that are read at once
    steps: int = 5  # between two events, at most: few, so that they crowd
    packing: Packing | None = None  # of keys and values
    draft: DraftModel | None = None

    @property
    def level(self) -> float:
        """By how much a kept value may differ: of 4 bits, a level is a fifteenth of a range."""
        return {None: 1e-3, 8: 0.2, 4: 1.5}[self.packing.bits if self.packing else None]


@pytest.fixture(
    scope="module",
    params=["random", "at once", "tiled", "bundled", "drafted", "8 bits", "4 bits"],
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Random weights say something else after the least mistake; the bundled model's are real."""
    if request.param in ("random", "at once", "tiled"):
        family = ONEVISION if request.param == "tiled" else {}  # where one picture changes another
        folder = write_speaker(tmp_path_factory.mktemp("histories"), **family)
        # As it is served, a prompt is read in one piece, and so sooner.
        chunk, steps = (256, 2) if request.param == "at once" else (24, 8)
        return Case(Cold(folder), 60, 460, 320, 2000, 900, 2, chunk, steps)
    folder = Path(ALIASES[BUNDLED])
    packing = Packing(int(request.param[0]), 32) if "bits" in request.param else None
    cold = Solo(folder, packing)
    # Its own language model without eyes, which is right now and then.
    draft = load_draft(folder, cold.llava.tokenizer) if request.param == "drafted" else None
    memory = 1300 if draft else 2000  # whoever has a draft is sooner gone
    return Case(cold, 42, 400, 240, memory, 1100, 2, packing=packing, draft=draft)


@dataclass
class People:
    """Their conversations, changed at random; each is a list of messages that ends with theirs."""

    chance: random.Random
    case: Case
    chats: dict[str, list[list[Message]]] = field(
        default_factory=lambda: {"ann": [[]], "bob": [[]]}
    )

    def ask(self) -> ChatRequest:
        """Somebody's next question, in a new or changed conversation."""
        owner = self.chance.choice(("ann", "bob"))
        chats = self.chats[owner]
        chat = [*self.chance.choice(chats[-4:])]
        if chat and self.chance.random() < 0.4:  # edit, or branch off, at an earlier question
            chat = chat[: 2 * self.chance.randrange(len(chat) // 2 + 1)]
        if chat and self.chance.random() < 0.15:  # a picture is taken away
            chat = [Message(m.role, m.text) for m in chat]
        if chat and self.chance.random() < 0.3:  # the same question again
            chat = chat[:-1]
        else:
            chat.append(self._question())
        sampling = replace(self.chance.choice(SAMPLINGS), max_tokens=self.chance.randint(1, 9))
        request = ChatRequest(tuple(chat), sampling, owner=owner, shorten=True)
        if len(self.case.cold.prompt(request)[0]) > self.case.longest:
            chats[:] = [[]]
            return self.ask()
        chats.append([*chat, Message("assistant", self.case.cold.answer(request)[0])])
        return request

    def _question(self) -> Message:
        words = self.chance.choices(WORDS, k=self.chance.randint(1, 2))
        pictures = self.chance.choices(PICTURES, k=self.chance.choice((0, 0, 0, 1, 1, 2)))
        return Message("user", " ".join(words), tuple(pictures))


class History:
    """A scheduler over small caches, and all that it was asked."""

    def __init__(self, case: Case, chance: random.Random) -> None:
        self.case = case
        self.chance = chance
        bits = case.packing.bits if case.packing else None
        served = serve(case.cold.llava, kv_bits=bits, draft=case.draft)
        self.preparation: Preparation = served.preparation
        self.preparation.context = case.context
        per_token = served.scheduler.memory.per_token
        of_draft = served.scheduler.memory.draft_per_token
        memory = Memory(case.memory * per_token, per_token, draft_per_token=of_draft)
        caches = served.scheduler.caches
        self.scheduler = Scheduler(
            case.cold.llava, caches, memory, chunk=case.chunk, draft=case.draft
        )
        vars(self.scheduler)["_lookup"] = self._guesser
        caches.prefixes.most_bytes = case.room * per_token
        [one] = case.cold.visual([PICTURES[0]])
        caches.features.most_bytes = case.pictures * one.nbytes
        self.asked: list[tuple[ChatRequest, Sequence]] = []
        self.ahead: list[Sequence] = []
        self.waited = 0  # steps with somebody who finds no room
        self.checked = 0  # entries of the prefix cache

    def happen(self, request: ChatRequest) -> None:
        """A question comes, some steps are made, and now and then something goes wrong."""
        if request.messages[-1].pictures and self.chance.random() < 0.5:
            self._read_ahead(request)
        sequence = self.preparation.prepare(request, Outbox())
        # What is left out is as if it had never been said.
        request = replace(request, messages=request.messages[sequence.unseen_messages :])
        self.case.cold.answer(request)
        self.asked.append((request, sequence))
        self.scheduler.add(sequence)
        for _ in range(self.chance.randint(0, self.case.steps)):
            self.step()
        if self.chance.random() < 0.3:
            self.chance.choice(self.asked[-3:])[1].cancel()
        if self.chance.random() < 0.1:
            self._fail()

    def _read_ahead(self, request: ChatRequest) -> None:
        """The question is still being typed; its pictures may be taken away again."""
        sequence = self.preparation.prepare_ahead(request, Outbox())
        self.ahead.append(sequence)
        self.scheduler.add(sequence)
        for _ in range(self.chance.randint(0, 12)):
            self.step()
        if self.chance.random() < 0.5:
            sequence.cancel()

    def _guesser(self, sequence: Sequence) -> "Guesser | None":
        if self.case.draft:
            return None
        request = next(request for request, one in self.asked if one is sequence)
        return Guesser(self.case.cold.tokens[request], len(sequence.tokens), self.chance)

    def _fail(self) -> None:
        """The batch breaks down in its next step; nobody has failed before."""
        live = [one for _, one in self.asked if not (one.finished or one.cancelled)]
        if live and not any(sequence.retried for sequence in live):
            self.check_prefixes()  # the failure clears them
            vars(self.scheduler._decoder)["step"] = _failing

    def end(self) -> None:
        while self.scheduler.busy:
            self.step()

    def step(self) -> None:
        self.scheduler.step()
        figures = self.scheduler.figures()
        self.waited += figures["waiting_for_memory"] > 0
        caches = self.scheduler.caches
        kept = caches.prefixes.nbytes + caches.drafts.nbytes
        reserved = figures["conversation_bytes_reserved"]
        assert kept + reserved <= self.scheduler.memory.limit
        if not self.case.draft:  # whose own caches aren't looked at here
            assert self._held() <= self.scheduler.memory.limit

    def _held(self) -> int:
        """Bytes of all keys and values there are, each counted once."""
        scheduler = self.scheduler
        readers = [*scheduler._readers, *scheduler._ahead]
        caches = [scheduler._decoder._cache, *(reader.cache for reader in readers)]
        caches += [entry.cache for entry in scheduler.caches.prefixes._entries]
        arrays = [
            array
            for cache in caches
            for layer in cache
            for array in (layer.keys, layer.values)
            if array is not None
        ]
        return sum({id(array): array.nbytes for array in arrays}.values())

    def check_prefixes(self) -> None:
        """What is kept for the next question is what a cold prefill makes."""
        known = [*self.ahead, *(sequence for _, sequence in self.asked)]
        for entry in self.scheduler.caches.prefixes._entries:
            self.checked += 1
            size = len(entry.keys)
            sequence = next(one for one in known if (*one.keys, *one.tokens)[:size] == entry.keys)
            for kept, cold in zip(entry.cache, self._read(sequence, size), strict=True):
                assert cold.offset == size
                assert kept.offset == size or (entry.lent and kept.offset > size)
                for whole, other in zip(_plain(kept), _plain(cold), strict=True):
                    mine = whole[..., :size, :]
                    near = mx.isclose(mine, other, rtol=1e-3, atol=1e-3)
                    # What lies between two levels may fall to either.
                    assert float(near.mean()) > (0.9 if self.case.packing else 0.9999999)
                    assert mx.allclose(mine, other, rtol=1e-3, atol=self.case.level)

    def _read(self, sequence: Sequence, size: int) -> Cache:
        llava = self.case.cold.llava
        whole = self.case.cold.visual([one.picture for one in sequence.pictures])
        visual = [
            tokens[: max(0, size - one.start)]
            for tokens, one in zip(whole, sequence.pictures, strict=True)
        ]
        embeddings = llava.network.embed(mx.array(sequence.all_ids[:size]), visual)
        cache = new_cache(llava.network.language_model, self.case.packing)
        prefill = Prefill(llava.network, embeddings, cache, size)
        prefill.step()
        return prefill.cache


class Guesser(PromptLookup):
    """Guesses what comes, and now and then something else: texts this short copy nothing."""

    def __init__(self, coming: list[int], said: int, chance: random.Random) -> None:
        super().__init__(())
        self._coming = coming
        self._said = said
        self._chance = chance

    def add(self, token: int) -> None:
        self._said += 1

    def guess(self) -> list[int]:
        coming = self._coming[self._said : self._said + 4]
        return [token + (self._chance.random() < 0.2) for token in coming]


def _plain(layer: KVCache) -> tuple[mx.array, mx.array]:
    """Keys and values `[1, H, T, D]`, whatever they are kept as."""
    keys, values = layer.keys_and_values()
    if not isinstance(layer, PackedKVCache):
        return keys, values
    packing = layer.packing
    width = packing.group_size  # the bundled model's heads are a group wide
    return packing.unpack(keys, width, mx.float32), packing.unpack(values, width, mx.float32)


def _failing() -> list[object]:
    raise RuntimeError("broken for the test")


async def test_every_answer_is_that_of_a_cold_run_alone(case: Case) -> None:
    chance = random.Random(0)
    people, history = People(chance, case), History(case, chance)
    for number in range(case.questions):
        history.happen(people.ask())
        if number % 10 == 0:  # what memory leaves of them at the end may be little
            history.check_prefixes()
    history.end()
    assert history.waited > 10
    assert len([one for _, one in history.asked if one.unseen_messages]) > 1
    answered = [(request, sequence) for request, sequence in history.asked if sequence.finished]
    assert len(answered) > case.questions // 2
    assert any(sequence.retried for _, sequence in answered)
    assert len([sequence for sequence in history.ahead if sequence.finished]) > 1
    assert history.scheduler.caches.prefixes.hits > case.questions // 3
    for request, sequence in answered:
        events = [event async for event in sequence.outbox.events()]
        said = (text(events), finished(events).usage.completion_tokens)
        assert said == case.cold.answer(request)
    history.check_prefixes()
    assert history.checked > 4
    assert bool(history.scheduler.caches.drafts.hits) == bool(case.draft)
