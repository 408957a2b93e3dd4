"""Drives an answer's events in a task of its own, so that waiting for the next can be given up.

An asynchronous generator that is cancelled while it is asked for its next item is over; a feed is
not. Closing it cancels the answer. Knows nothing of HTTP.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from app.messages import Event


class Feed:
    """The events of one answer; at most one of them waits to be taken."""

    def __init__(self, events: AsyncGenerator[Event, None]) -> None:
        self._outbox: asyncio.Queue[Event | BaseException | None] = asyncio.Queue(1)
        self._task = asyncio.create_task(self._drive(events))

    async def next(self) -> Event | None:
        """The next event, None after the last. Raises what the answer raised."""
        item = await self._outbox.get()
        if isinstance(item, BaseException):
            raise item
        return item

    async def next_within(self, seconds: float) -> Event | None:
        """As `next`. Raises TimeoutError, and nothing is lost, where none comes in time."""
        async with asyncio.timeout(seconds):
            return await self.next()

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _drive(self, events: AsyncGenerator[Event, None]) -> None:
        try:
            async with aclosing(events):
                async for event in events:
                    await self._outbox.put(event)
        except Exception as error:
            await self._outbox.put(error)
        else:
            await self._outbox.put(None)
