"""Answers run by themselves; pages follow, leave and come back."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest

from app.controller import Controller
from app.engine.base import EngineStatus
from app.engine.echo import EchoEngine
from app.errors import EngineError, InvalidRequest
from app.messages import ChatRequest, Delta, Event, Finished, Message, Reading, Shortened, Waiting
from app.ui import answers as module
from app.ui.answers import MOST_UNTOLD, Answer, Answers, Phase

pytestmark = pytest.mark.anyio
Opening = Callable[[], AsyncGenerator[Event, None]]


def answers(engine: EchoEngine | None = None) -> Answers:
    return Answers(Controller(engine or EchoEngine()))


def begin(running: Answers, open_: Opening, conversation: str = "c") -> Answer:
    with running.reserve("o", conversation) as answer:
        running.begin(answer, open_)
    return answer


async def follow(running: Answers, answer: Answer) -> list[tuple[Phase, str]]:
    """What a page would draw, in order."""
    async with aclosing(running.follow(answer)) as news:
        return [(answer.phase, answer.text) async for _ in news]


def saying(*events: Event, go: asyncio.Event | None = None) -> Opening:
    """A stream of these events, the last of them when `go` is set."""

    async def stream() -> AsyncGenerator[Event, None]:
        for event in events[:-1]:
            yield event
            await asyncio.sleep(0)
        if go is not None:
            await go.wait()
        yield events[-1]

    return stream


async def test_a_page_sees_each_phase_and_the_growing_text() -> None:
    running, go = answers(), asyncio.Event()
    answer = begin(running, saying(Waiting(2), Reading(5, 10), Delta("a"), Delta("b"), go=go))
    following = asyncio.create_task(follow(running, answer))
    while answer.text != "a":
        await answer.newer_than(answer.version)
    go.set()
    seen = await following
    assert (Phase.WRITING, "a") in seen
    assert answer.text == "ab"
    assert answer.done
    assert running.get("o", "c") is None


async def test_phases_are_what_the_events_say() -> None:
    answer = Answer("o", "c")
    answer.take(Waiting(3))
    assert (answer.phase, answer.place) == (Phase.IN_LINE, 3)
    answer.take(Shortened(4))
    assert answer.unseen == 4
    answer.take(Reading(1, 4))
    assert (answer.phase, answer.read) == (Phase.READING, 0.25)
    answer.take(Reading())
    assert answer.read == 0.0
    answer.take(Delta("a"))
    version = answer.version
    answer.take(Finished("stop"))
    assert (answer.phase, answer.text, answer.version) == (Phase.WRITING, "a", version)


async def test_the_answer_goes_on_when_its_page_leaves_and_another_may_join() -> None:
    running, go = answers(), asyncio.Event()
    answer = begin(running, saying(Delta("a"), Delta("b"), go=go))
    async with aclosing(running.follow(answer)) as news:
        await anext(news)
    assert answer.followers == 0
    joining = asyncio.create_task(follow(running, answer))
    await asyncio.sleep(0.01)
    go.set()
    await joining
    assert answer.text == "ab"


async def test_many_quick_words_are_few_updates() -> None:
    running = answers(EchoEngine(delay=0.001))
    request = ChatRequest((Message("user", "word " * 100),))
    answer = begin(running, lambda: Controller(EchoEngine(delay=0.001)).stream(request))
    seen = await follow(running, answer)
    assert answer.text.count("word") == 100
    assert len(seen) < 50


async def test_an_abandoned_answer_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ABANDONED", 0.02)
    running = answers()
    answer = begin(running, saying(Delta("a"), Delta("b"), go=asyncio.Event()))
    assert answer.task is not None
    await asyncio.wait([answer.task])
    assert answer.task.cancelled()
    assert answer.done


async def test_a_followed_answer_is_not_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ABANDONED", 0.02)
    running, go = answers(), asyncio.Event()
    answer = begin(running, saying(Delta("a"), Delta("b"), go=go))
    following = asyncio.create_task(follow(running, answer))
    await asyncio.sleep(0.1)
    assert not answer.done
    go.set()
    await following
    assert answer.text == "ab"


async def test_stop_closes_the_stream() -> None:
    running = answers()
    closed = asyncio.Event()

    async def stream() -> AsyncGenerator[Event, None]:
        try:
            yield Delta("a")
            await asyncio.Event().wait()
        finally:
            closed.set()

    answer = begin(running, stream)
    while not answer.text:
        await answer.newer_than(answer.version)
    await running.stop("o", "c")
    assert closed.is_set()
    assert answer.done
    await running.stop("o", "c")  # nothing is there any more: nothing happens


async def test_a_conversation_is_answered_once_at_a_time() -> None:
    running = answers()
    begin(running, saying(Delta("a"), Delta("b"), go=asyncio.Event()))
    with pytest.raises(InvalidRequest, match="still being written"), running.reserve("o", "c"):
        pytest.fail("reserved twice")
    with running.reserve("another owner", "c"), running.reserve("o", "another"):
        pass
    await running.stop("o", "c")


async def test_a_place_is_free_again_when_the_question_can_not_be_stored() -> None:
    running = answers()
    with pytest.raises(InvalidRequest, match="no"), running.reserve("o", "c") as answer:
        raise InvalidRequest("no")
    assert answer.done
    assert running.get("o", "c") is None
    assert await follow(running, answer) == []


async def test_an_error_is_said_in_the_applications_words() -> None:
    async def failing() -> AsyncGenerator[Event, None]:
        yield Delta("a")
        raise EngineError("It broke: ask again.")

    answer = begin(running := answers(), failing)
    await follow(running, answer)
    assert (answer.text, answer.error) == ("a", "It broke: ask again.")
    assert running.untold("o", "other") == ""
    assert running.untold("o", "c") == "It broke: ask again."
    assert running.untold("o", "c") == ""


async def test_failures_that_nobody_asks_for_are_bounded_and_end_with_the_next_answer() -> None:
    async def failing() -> AsyncGenerator[Event, None]:
        raise EngineError("It broke: ask again.")
        yield Delta("a")

    running = answers()
    for number in range(MOST_UNTOLD + 1):
        await follow(running, begin(running, failing, f"c{number}"))
    assert running.untold("o", "c0") == ""
    assert running.untold("o", "c1") != ""
    begin(running, saying(Delta("a")), "c2")
    assert running.untold("o", "c2") == ""


async def test_an_unexpected_error_tells_nothing_of_the_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = " ".join(("what", "a", "user", "wrote"))

    async def failing() -> AsyncGenerator[Event, None]:
        yield Delta("a")
        raise ValueError(words)

    answer = begin(running := answers(), failing)
    await follow(running, answer)
    assert answer.error == "The answer could not be finished. Answer again."
    assert words not in caplog.text
    assert "ValueError" in caplog.text


async def test_a_question_waits_for_the_model_to_load() -> None:
    running = answers(EchoEngine(loading=0.1))
    answer = begin(running, saying(Delta("a"), Delta("b")))
    assert answer.phase is Phase.LOADING
    seen = await follow(running, answer)
    assert seen[0] == (Phase.LOADING, "")
    assert answer.text == "ab"


async def test_a_model_that_can_not_load_is_an_error() -> None:
    class Failing(EchoEngine):
        def status(self) -> EngineStatus:
            return EngineStatus("failed", "broken", "There is no such folder.")

    answer = begin(running := answers(Failing()), saying(Delta("a")))
    await follow(running, answer)
    assert answer.error == "The model can't be used. There is no such folder."
    assert answer.text == ""
