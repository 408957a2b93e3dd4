from collections.abc import AsyncGenerator

import pytest
from fastapi import Request

from app.api.body import Body, Memory
from app.errors import LineFull
from app.messages import Delta, Event
from tests.app.asgi import inbox, scope

pytestmark = pytest.mark.anyio


class Answer:
    """Two pieces of text, and whether anybody closed it."""

    def __init__(self) -> None:
        self.closed = False

    async def events(self) -> AsyncGenerator[Event, None]:
        try:
            yield Delta("one")
            yield Delta("two")
        finally:
            self.closed = True


def request(*pieces: bytes) -> Request:
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    return Request(scope("/", "POST"), inbox(*messages))


async def test_a_body_is_counted_while_it_is_used_and_no_longer() -> None:
    memory = Memory(100)
    with Body(request(b"one", b"two"), memory) as body:
        assert await body.read() == b"onetwo"
        assert memory.held == 6
    assert memory.held == 0


async def test_a_body_that_does_not_fit_beside_the_others_is_refused() -> None:
    memory = Memory(100)
    memory.take(95)
    with pytest.raises(LineFull), Body(request(b"one", b"two"), memory) as body:
        await body.read()
    assert memory.held == 95


async def test_an_answer_holds_its_pictures_to_its_end() -> None:
    memory, answer = Memory(100), Answer()
    held = [memory.held async for _ in memory.hold(60, answer.events())]
    assert held == [60, 60]
    assert memory.held == 0


async def test_an_answer_that_is_left_gives_back_what_it_held() -> None:
    memory, answer = Memory(100), Answer()
    events = memory.hold(60, answer.events())
    await anext(events)
    await events.aclose()
    assert memory.held == 0
    assert answer.closed


async def test_pictures_that_do_not_fit_beside_the_others_are_refused() -> None:
    memory = Memory(100)
    memory.take(50)
    with pytest.raises(LineFull, match="pictures"):
        await anext(memory.hold(60, Answer().events()))
    assert memory.held == 50
