"""The one bridge from the model thread to the event loops: each answer's events, in order.

Putting never waits. Text that isn't taken in time is joined to what follows, so that an outbox
never holds more than one answer, and a slow client costs nobody anything.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator

from app.errors import ChatError
from app.messages import Delta, Event, Finished, Reading


class Outbox:
    """Made on the loop that takes from it; `put` and `fail` belong to any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._failure: ChatError | None = None

    def put(self, event: Event) -> None:
        with self._lock:
            last = self._events[-1] if self._events else None
            if isinstance(event, Delta) and isinstance(last, Delta):
                self._events[-1] = Delta(last.text + event.text, event.usage)
            elif isinstance(event, Reading) and isinstance(last, Reading):
                self._events[-1] = event
            else:
                self._events.append(event)
        self._wake()

    def fail(self, error: ChatError) -> None:
        """End the answer with an error, after what has been put."""
        with self._lock:
            self._failure = error
        self._wake()

    async def events(self) -> AsyncGenerator[Event, None]:
        """What is put, until it is finished. Raises the error it ends with."""
        while True:
            self._news.clear()
            with self._lock:
                taken = list(self._events)
                self._events.clear()
                failure = self._failure
            for event in taken:
                yield event
                if isinstance(event, Finished):
                    return
            if failure is not None:
                raise failure
            if not taken:
                await self._news.wait()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop is closed, and with it whoever was waiting
            return
