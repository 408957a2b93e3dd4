"""Reads request bodies, with a bound on what all requests hold in memory together."""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import Request

from app.errors import LineFull
from app.messages import Event

MOST_HELD = 256 << 20  # bytes of bodies and pictures
NEXT_WITHIN = 30.0  # seconds for the next piece of a body to come


class Memory:
    """What requests hold; over the bound they are asked to come back."""

    def __init__(self, most: int = MOST_HELD) -> None:
        self.most = most
        self.held = 0

    def take(self, size: int) -> None:
        """Raises LineFull where so much isn't to be had."""
        if self.held + size > self.most:
            raise LineFull("Too many pictures are on their way: try again soon.", retry_after=5)
        self.held += size

    def give_back(self, size: int) -> None:
        self.held -= size

    async def hold(
        self, size: int, events: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """The events of an answer, which holds `size` bytes until its end."""
        self.take(size)
        try:
            async for event in events:
                yield event
        finally:
            self.give_back(size)
            await events.aclose()


class Body:
    """One request's body. `await read()` it in `with`: after that, its memory is given back."""

    def __init__(self, request: Request, memory: Memory) -> None:
        self._request = request
        self._memory = memory
        self._size = 0

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.give_back(self._size)

    async def read(self) -> bytes:
        """All of it. Raises TimeoutError where nothing comes for long, and LineFull."""
        pieces = self._request.stream().__aiter__()
        body = bytearray()
        while True:
            try:
                async with asyncio.timeout(NEXT_WITHIN):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return bytes(body)
            self._memory.take(len(piece))
            self._size += len(piece)
            body += piece
