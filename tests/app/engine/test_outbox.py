import asyncio
import threading

import pytest

from app.engine.outbox import Outbox
from app.errors import EngineError
from app.messages import Delta, Event, Finished, Reading

pytestmark = pytest.mark.anyio


async def collect(outbox: Outbox) -> list[Event]:
    return [event async for event in outbox.events()]


async def test_events_of_another_thread_come_in_order() -> None:
    outbox = Outbox()
    letters = "abcdefghijklmnopqrstuvwxyz" * 20

    def work() -> None:
        outbox.put(Reading(1, 2))
        for letter in letters:
            outbox.put(Delta(letter))
        outbox.put(Finished("stop"))

    thread = threading.Thread(target=work)
    thread.start()
    events = await collect(outbox)
    thread.join()
    assert events[0] == Reading(1, 2)
    assert "".join(event.text for event in events if isinstance(event, Delta)) == letters
    assert events[-1] == Finished("stop")


async def test_what_is_not_taken_in_time_is_joined() -> None:
    outbox = Outbox()
    for event in (Reading(1, 9), Reading(9, 9), Delta("a"), Delta("b"), Delta("c")):
        outbox.put(event)
    outbox.put(Finished("length"))
    assert await collect(outbox) == [Reading(9, 9), Delta("abc"), Finished("length")]


async def test_an_error_comes_after_what_was_put() -> None:
    outbox = Outbox()
    outbox.put(Delta("so far"))
    outbox.fail(EngineError("broken"))
    events = outbox.events()
    assert await anext(events) == Delta("so far")
    with pytest.raises(EngineError, match="broken"):
        await anext(events)


async def test_who_waits_is_woken_by_an_error() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(collect(outbox))
    await asyncio.sleep(0)
    threading.Thread(target=outbox.fail, args=[EngineError("broken")]).start()
    with pytest.raises(EngineError):
        await waiting


async def test_nothing_comes_after_the_end() -> None:
    outbox = Outbox()
    outbox.put(Finished("stop"))
    outbox.put(Delta("late"))
    assert await collect(outbox) == [Finished("stop")]


def test_putting_for_a_loop_that_is_gone_does_no_harm() -> None:
    async def make() -> Outbox:
        return Outbox()

    outbox = asyncio.run(make())
    outbox.put(Delta("nobody hears"))
    outbox.fail(EngineError("nobody cares"))
