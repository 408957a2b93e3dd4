"""Sends an answer as server-sent events while it is being made.

A comment keeps the connection alive while nothing comes; a client that leaves, or doesn't read,
cancels the answer; an answer that breaks off ends with an error event and without `[DONE]`.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.api.errors import answer
from app.api.feed import Feed
from app.errors import ChatError
from app.messages import Event

PING_AFTER = 10.0  # seconds without an event
TAKEN_WITHIN = 10.0  # seconds for a client to take what it is sent

Chunk = Mapping[str, Any]
Chunks = Callable[[Event], Iterable[Chunk]]


class EventStream(Response):
    """A response that turns each event of `feed` into JSON chunks, `first` before them, if any."""

    media_type = "text/event-stream"

    def __init__(self, first: Event | None, feed: Feed, chunks: Chunks) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._first = first
        self._feed = feed
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(gone(receive))
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writing.cancel()
            leaving.cancel()
            await self._feed.aclose()
            await asyncio.wait({writing, leaving})
        if not writing.cancelled() and (failure := writing.exception()):
            raise failure

    async def _write(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await _send(send, start)
        try:
            await self._write_events(send)
            await _send(send, _body(b"data: [DONE]\n\n"))
        except ChatError as error:
            await _send(send, _body(b"data: " + bytes(answer(error).body) + b"\n\n"))
        await _send(send, _body(b"", more=False))

    async def _write_events(self, send: Send) -> None:
        event = self._first or await self._next(send)
        while event is not None:
            for chunk in self._chunks(event):
                await _send(send, _body(f"data: {json.dumps(chunk)}\n\n".encode()))
            event = await self._next(send)

    async def _next(self, send: Send) -> Event | None:
        while True:
            try:
                return await self._feed.next_within(PING_AFTER)
            except TimeoutError:
                await _send(send, _body(b": ping\n\n"))


async def gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(data: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def _send(send: Send, message: Message) -> None:
    """Send, or take a client that reads nothing for one that left."""
    try:
        async with asyncio.timeout(TAKEN_WITHIN):
            await send(message)
    except TimeoutError:
        raise ClientDisconnect from None
