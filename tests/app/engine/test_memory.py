"""What conversations may take, who is let in, and what Metal is told."""

from typing import Any

import mlx.core as mx
import pytest

from app.engine import loading, memory
from app.engine.memory import STEP, Memory, default_limit
from app.engine.outbox import Outbox
from app.engine.preparation import Preparation
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.errors import TooLong
from app.messages import ChatRequest, Event, Waiting
from model.errors import CheckpointError
from model.shelf.memory import machine_memory
from tests.app.engine.model_thread import Cold, ask, picture, text, write_speaker

pytestmark = pytest.mark.anyio

LONG = "tell me what there is to be seen here and there " * 3


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Cold:
    return Cold(write_speaker(tmp_path_factory.mktemp("memory")))


class Room:
    """A scheduler with room for `rows` sequences of `tokens`."""

    def __init__(self, cold: Cold, rows: int, tokens: int) -> None:
        served = loading.serve(cold.llava)
        per_token = served.scheduler.memory.per_token
        self.memory = Memory(rows * (tokens + STEP) * per_token, per_token)
        caches = served.scheduler.caches
        self.scheduler = Scheduler(cold.llava, caches, self.memory, chunk=16)
        self.preparation = Preparation(cold.llava, caches.features, self.memory)
        self.highest = 0

    def add(self, request: ChatRequest) -> Sequence:
        sequence = self.preparation.prepare(request, Outbox())
        self.scheduler.add(sequence)
        return sequence

    def step(self) -> None:
        self.scheduler.step()
        decoder = self.scheduler._decoder
        readers = [layer for one in self.scheduler._readers for layer in one.cache]
        taken = sum(layer.nbytes for layer in [*decoder._cache, *readers])
        self.highest = max(self.highest, taken + self.scheduler.caches.prefixes.nbytes)

    def run(self) -> None:
        while self.scheduler.busy:
            self.step()


async def events(sequence: Sequence) -> list[Event]:
    return [event async for event in sequence.outbox.events()]


async def test_who_finds_no_room_waits_and_is_answered_then(cold: Cold) -> None:
    requests = [ask(LONG + word, max_tokens=20) for word in ("one", "two", "three", "four")]
    room = Room(cold, 2, 280)
    sequences = [room.add(request) for request in requests]
    room.step()
    assert room.scheduler.figures()["waiting_for_memory"] == 2
    room.run()
    for number, (request, sequence) in enumerate(zip(requests, sequences, strict=True)):
        came = await events(sequence)
        assert text(came) == cold.answer(request)[0]
        places = [event.place for event in came if isinstance(event, Waiting)]
        assert places == [[], [], [1], [2, 1]][number]


async def test_nobody_overtakes_who_waits(cold: Cold) -> None:
    room = Room(cold, 2, 280)
    first, second, third = (room.add(ask(words, max_tokens=20)) for words in (LONG, LONG, LONG))
    short = room.add(ask("hi", max_tokens=2))
    while not short.finished:
        room.step()
    assert third.tokens
    assert first.finished or second.finished
    room.run()


async def test_who_leaves_while_waiting_is_never_begun(cold: Cold) -> None:
    room = Room(cold, 1, 280)
    room.add(ask(LONG, max_tokens=20))
    leaving = room.add(ask(LONG, max_tokens=20))
    behind = room.add(ask(LONG, max_tokens=20))
    leaving.cancel()
    room.step()
    room.run()
    assert not leaving.tokens
    assert room.scheduler.figures()["waiting_for_memory"] == 0
    assert [event.place for event in await events(behind) if isinstance(event, Waiting)] == [2, 1]


async def test_keys_and_values_never_take_more_than_is_allowed(cold: Cold) -> None:
    room = Room(cold, 3, 280)
    for number in range(9):
        room.add(ask(f"{number} {LONG}"[: 60 + 20 * number], max_tokens=5 + 3 * number))
        for _ in range(4):
            room.step()
    room.run()
    assert room.memory.limit // 3 < room.highest <= room.memory.limit


async def test_the_prefix_a_question_goes_on_from_is_not_what_makes_room(cold: Cold) -> None:
    room = Room(cold, 2, 330)
    for words in (LONG, f"another {LONG}", f"a third {LONG}"):
        room.add(ask(words, max_tokens=8))
        room.run()
    before = room.scheduler.caches.prefixes.reused_tokens
    first = ask(LONG, max_tokens=8)
    room.add(ask(LONG, cold.answer(first)[0], "go on", max_tokens=8))
    room.run()
    assert room.scheduler.caches.prefixes.reused_tokens > before + 100


async def test_what_would_never_fit_is_refused(cold: Cold) -> None:
    room = Room(cold, 1, 200)
    with pytest.raises(TooLong, match=r"memory for conversations takes 199 at most") as caught:
        room.add(ask(LONG))
    assert (caught.value.status, caught.value.code) == (400, "context_length_exceeded")
    sequence = room.add(ask("hi", max_tokens=4096))
    assert sequence.longest == 200
    assert sequence.limits.reason == "context"


async def test_the_estimate_counts_the_padding_of_a_batch() -> None:
    assert Memory(10**9, 10).needed([]) == 0
    assert Memory(10**9, 10).needed([1000, 1]) == 2 * (1000 + STEP) * 10
    assert Memory((700 + STEP) * 10 + 9, 10).tokens == 700


def test_the_default_is_half_of_what_the_model_leaves() -> None:
    whole = machine_memory()
    assert whole > 10**8
    assert default_limit(whole // 2, 10) == (whole - whole // 2) // 2
    assert default_limit(2 * whole, 10) == (512 + STEP) * 10


def test_metal_is_told_to_keep_what_it_recommends_and_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(mx, "set_wired_limit", told.append)
    monkeypatch.setattr(mx, "device_info", lambda: {"total_memory": 5})
    memory.wire()
    assert told == []
    monkeypatch.setattr(mx, "device_info", lambda: {"max_recommended_working_set_size": 12})
    memory.wire()
    assert told == [12]


def test_a_memory_without_room_for_a_conversation_is_refused(cold: Cold) -> None:
    with pytest.raises(CheckpointError, match=r"--memory has no room .* give it 0\.01 or more"):
        loading.serve(cold.llava, 1000)
    assert loading.serve(cold.llava, 10**7).scheduler.memory.limit == 10**7


async def test_the_figures_tell_what_is_taken(cold: Cold) -> None:
    room = Room(cold, 1, 280)
    room.add(ask((LONG, [picture(1)]), max_tokens=20))
    room.step()
    figures = room.scheduler.figures()
    assert figures["conversation_bytes_allowed"] == room.memory.limit
    assert 0 < figures["conversation_bytes_reserved"] <= room.memory.limit
    assert loading.serve(cold.llava).scheduler.figures()["weights_bytes"] > 10**5
    assert figures["memory_bytes"] > 0
    room.run()
    assert room.scheduler.figures()["conversation_bytes_reserved"] == 0
