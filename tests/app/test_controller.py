"""The line in front of the engine, tried on the echo engine and on small broken ones."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from app.controller import MOST_AHEAD, Controller
from app.engine.base import EngineState, EngineStatus
from app.engine.echo import EchoEngine
from app.errors import EngineError, InvalidRequest, LineFull, NotReady, UnknownModel
from app.messages import ChatRequest, Delta, Event, Finished, Message, Reading, Waiting

pytestmark = pytest.mark.anyio


def ask(text: str = "one two three", model: str = "default") -> ChatRequest:
    return ChatRequest((Message("user", text),), model=model)


async def collect(controller: Controller, request: ChatRequest) -> list[Event]:
    return [event async for event in controller.stream(request)]


async def until(active: int, waiting: int, controller: Controller) -> None:
    """Let the others run until so many are at the engine and in the line."""
    while True:
        status = controller.status()
        if (status.active, status.waiting) == (active, waiting):
            return
        await asyncio.sleep(0)


class OneAtATime:
    """An engine of capacity 1 that answers when `go` is set, with its state to be chosen."""

    def __init__(self, state: EngineState = "ready") -> None:
        self.state = state
        self.go = asyncio.Event()
        self.answered: list[str] = []
        self.ahead: list[str] = []  # what is being read ahead
        self.capacity = 1
        self.closed = False

    def status(self) -> EngineStatus:
        return EngineStatus(self.state, "one", "It is tried.")

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        yield Reading()
        await self.go.wait()
        self.answered.append(request.messages[-1].text)
        yield Finished("stop")

    async def read_ahead(self, request: ChatRequest) -> None:
        self.ahead.append(request.messages[-1].text)
        try:
            await self.go.wait()
        finally:
            self.ahead.remove(request.messages[-1].text)

    async def aclose(self) -> None:
        self.closed = True


class Broken(OneAtATime):
    """An engine that raises what it was given after its first piece."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        yield Delta("so")
        raise self.error


async def test_a_free_engine_answers_without_a_line() -> None:
    controller = Controller(EchoEngine())
    events = await collect(controller, ask("hello"))
    assert not any(isinstance(event, Waiting) for event in events)
    assert Delta("hello") in events
    assert controller.status().active == 0


async def test_those_who_wait_see_their_places_move_up_and_are_answered_in_order() -> None:
    engine = OneAtATime()
    controller = Controller(engine)
    first = controller.stream(ask("a"))
    assert await anext(first) == Reading()
    second, third = controller.stream(ask("b")), controller.stream(ask("c"))
    assert await anext(second) == Waiting(1)
    assert await anext(third) == Waiting(2)
    moved = asyncio.create_task(anext(third))
    await first.aclose()
    assert await moved == Waiting(1)
    engine.go.set()
    assert [event async for event in second] == [Reading(), Finished("stop")]
    assert [event async for event in third] == [Reading(), Finished("stop")]
    assert engine.answered == ["b", "c"]


async def test_a_full_line_is_refused_with_a_time_to_come_back() -> None:
    engine = OneAtATime()
    controller = Controller(engine, max_waiting=2)
    asked = [asyncio.create_task(collect(controller, ask(name))) for name in "abc"]
    await until(1, 2, controller)
    assert not controller.status().accepting
    with pytest.raises(LineFull) as refusal:
        await collect(controller, ask("d"))
    assert refusal.value.retry_after == 2
    engine.go.set()
    await asyncio.gather(*asked)
    assert engine.answered == ["a", "b", "c"]
    assert controller.status().accepting


async def test_who_leaves_the_line_makes_room_and_is_never_answered() -> None:
    engine = OneAtATime()
    controller = Controller(engine)
    first = asyncio.create_task(collect(controller, ask("a")))
    leaving = asyncio.create_task(collect(controller, ask("b")))
    last = asyncio.create_task(collect(controller, ask("c")))
    await until(1, 2, controller)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert controller.status().waiting == 1
    engine.go.set()
    await first
    assert [type(event) for event in (await last)[:2]] == [Waiting, Waiting]
    assert engine.answered == ["a", "c"]


async def test_many_who_leave_the_line_leave_nothing_behind() -> None:
    engine = OneAtATime()
    controller = Controller(engine)
    tasks = [asyncio.create_task(collect(controller, ask(str(n)))) for n in range(41)]
    await until(1, 40, controller)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    status = controller.status()
    assert (status.active, status.waiting) == (0, 0)
    assert controller.totals.cancelled == 41
    assert engine.answered == []


async def test_closing_a_stream_frees_the_engine_for_the_next() -> None:
    engine = OneAtATime()
    controller = Controller(engine)
    async with aclosing(controller.stream(ask("a"))) as stream:
        assert await anext(stream) == Reading()
        waiting = asyncio.create_task(collect(controller, ask("b")))
        await until(1, 1, controller)
    engine.go.set()
    await waiting
    assert engine.answered == ["b"]


@pytest.mark.parametrize("state", ["loading", "failed", "closed"])
async def test_an_engine_that_is_not_ready_is_said_before_the_first_event(
    state: EngineState,
) -> None:
    controller = Controller(OneAtATime(state))
    with pytest.raises(NotReady) as refusal:
        await collect(controller, ask())
    assert refusal.value.retry_after
    assert controller.status().active == 0
    assert controller.totals.refused == 1


async def test_an_unknown_model_is_refused_and_the_resident_ones_name_is_not() -> None:
    controller = Controller(EchoEngine())
    with pytest.raises(UnknownModel, match="echo"):
        await collect(controller, ask(model="gpt-4"))
    assert await collect(controller, ask(model="echo"))


async def test_an_engines_own_refusal_passes_unchanged() -> None:
    controller = Controller(Broken(InvalidRequest("too long")))
    with pytest.raises(InvalidRequest, match="too long"):
        await collect(controller, ask())
    assert controller.status().active == 0


async def test_an_unexpected_failure_becomes_an_engine_error_without_its_text() -> None:
    controller = Controller(Broken(RuntimeError("0x7f00 at /home/user")))
    with pytest.raises(EngineError) as failure:
        await collect(controller, ask())
    assert "home" not in str(failure.value)
    assert controller.totals.failed == 1
    assert controller.totals.cancelled == 0
    assert controller.status().active == 0


async def test_of_one_place_only_the_newest_is_read_ahead() -> None:
    engine = OneAtATime()
    controller = Controller(engine)
    for words in ("a", "b"):
        controller.read_ahead("page", ask(words))
        await _rest()
    controller.read_ahead("another page", ask("c"))
    await _rest()
    assert engine.ahead == ["b", "c"]
    controller.read_ahead("page", None)
    await _rest()
    assert engine.ahead == ["c"]
    assert controller.status().active == 0


async def test_no_more_is_read_ahead_than_there_are_places() -> None:
    engine = OneAtATime()
    controller = Controller(engine)
    for place in range(MOST_AHEAD + 3):
        controller.read_ahead(place, ask(str(place)))
        await _rest()
    assert engine.ahead == [str(place) for place in range(3, MOST_AHEAD + 3)]
    engine.go.set()
    await _rest()
    assert (engine.ahead, controller._ahead) == ([], {})


@pytest.mark.parametrize("error", [InvalidRequest("too long"), RuntimeError("broken")])
async def test_what_can_not_be_read_ahead_is_left(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OneAtATime()
    controller = Controller(engine)

    async def failing(request: ChatRequest) -> None:
        raise error

    monkeypatch.setattr(engine, "read_ahead", failing)
    controller.read_ahead("page", ask())
    await _rest()
    assert controller._ahead == {}


async def test_draining_ends_what_is_read_ahead() -> None:
    engine = OneAtATime()
    controller = Controller(engine)
    controller.read_ahead("page", ask())
    await _rest()
    await controller.drain(0.01)
    await _rest()
    assert engine.ahead == []
    controller.read_ahead("page", ask())
    await _rest()
    assert engine.ahead == []


async def _rest() -> None:
    """Let every task go on as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_draining_lets_a_short_answer_end_and_nobody_in() -> None:
    engine = OneAtATime()
    controller = Controller(engine)
    running = asyncio.create_task(collect(controller, ask("a")))
    await until(1, 0, controller)
    draining = asyncio.create_task(controller.drain(60))
    await asyncio.sleep(0)
    with pytest.raises(NotReady, match="closed"):
        await collect(controller, ask("b"))
    assert not engine.closed
    engine.go.set()
    await draining
    assert engine.closed
    assert Finished("stop") in await running


async def test_draining_cuts_off_what_does_not_end() -> None:
    controller = Controller(EchoEngine(delay=0.005))
    running = asyncio.create_task(collect(controller, ask("word " * 4000)))
    await until(1, 0, controller)
    await controller.drain(0.01)
    with pytest.raises(EngineError):
        await running


async def test_loaded_waits_for_the_engine() -> None:
    controller = Controller(EchoEngine(loading=0.05))
    assert (await controller.loaded()).state == "ready"
    assert (await Controller(OneAtATime("failed")).loaded()).state == "failed"


async def test_the_totals_add_up() -> None:
    controller = Controller(EchoEngine())
    await collect(controller, ask("one two"))
    totals = controller.totals
    assert (totals.requests, totals.finished, totals.failed) == (1, 1, 0)
    assert (totals.prompt_tokens, totals.completion_tokens) == (2, 2)
