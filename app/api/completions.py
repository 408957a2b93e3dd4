"""`POST /v1/chat/completions` in OpenAI's shape, as a thin client of the controller."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from app.api import event_stream
from app.api.body import Body, Memory
from app.api.dependencies import ControllerOf, OwnerOf
from app.api.event_stream import Chunk, EventStream, gone
from app.api.feed import Feed
from app.api.pictures import read_turns
from app.api.schema import Completion, parse
from app.errors import EngineError, InvalidRequest
from app.messages import ChatRequest, Delta, Event, Finished, FinishReason, Usage
from app.refusal import refusal

router = APIRouter()

# OpenAI knows one reason for every limit.
_REASONS: dict[FinishReason, str] = {"stop": "stop", "length": "length", "context": "length"}


@router.post("/v1/chat/completions")
async def complete(request: Request, controller: ControllerOf, owner: OwnerOf) -> Response:
    """Answer a conversation, whole or as a stream of chunks."""
    controller.check()  # before the body is waited for and its pictures are read
    _check_content_type(request)
    memory: Memory = request.app.state.memory
    with Body(request, memory) as body:
        try:
            content = await body.read()
        except TimeoutError:
            return refusal(408, "request_timeout", "The rest of the request did not come in time.")
        asked = await asyncio.to_thread(parse, content)
        controller.check(asked.model)
        chat = ChatRequest(await read_turns(asked.turns), asked.sampling, asked.model, owner)
    size = sum(len(picture.data) for picture in chat.pictures)
    feed = Feed(memory.hold(size, controller.stream(chat)))
    shape = _Shape(controller.models()[0], asked)
    try:
        if asked.stream:
            first = await _unless_gone(request, _soon(feed))
            return EventStream(first, feed, shape.chunks)
        return JSONResponse(await _unless_gone(request, shape.whole(feed)))
    except BaseException:
        await feed.aclose()
        raise


def _check_content_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidRequest("The body's Content-Type is application/json, and this one's isn't.")


async def _soon(feed: Feed) -> Event | None:
    """The first event: until it comes, an error has a status of its own. None: it takes long."""
    try:
        return await feed.next_within(event_stream.PING_AFTER)
    except TimeoutError:
        return None


async def _unless_gone(request: Request, work: Any) -> Any:
    """What `work` returns; a client that leaves meanwhile ends it with ClientDisconnect."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.create_task(gone(request.receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


@dataclass(slots=True)
class _Shape:
    """Writes one answer in OpenAI's shape."""

    model: str
    asked: Completion
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    begun: bool = False

    def chunks(self, event: Event) -> Iterator[Chunk]:
        """The chunks that an event becomes; those of the line and of reading become none."""
        if isinstance(event, Delta | Finished) and not self.begun:
            self.begun = True
            yield self._chunk({"role": "assistant", "content": ""})
        if isinstance(event, Delta):
            yield self._chunk({"content": event.text})
        if isinstance(event, Finished):
            yield self._chunk({}, _reason(event))
            if self.asked.include_usage:
                yield self._head("chat.completion.chunk") | {
                    "choices": [],
                    "usage": _usage(event.usage),
                }

    async def whole(self, feed: Feed) -> Chunk:
        """The answer in one piece, when it is done."""
        pieces = []
        while (event := await feed.next()) is not None:
            if isinstance(event, Delta):
                pieces.append(event.text)
            if isinstance(event, Finished):
                message = {"role": "assistant", "content": "".join(pieces), "refusal": None}
                return self._head("chat.completion") | {
                    "choices": [self._choice({"message": message}, _reason(event))],
                    "usage": _usage(event.usage),
                }
        raise EngineError("The answer broke off.")

    def _chunk(self, delta: dict[str, str], reason: str | None = None) -> Chunk:
        chunk = self._head("chat.completion.chunk")
        chunk["choices"] = [self._choice({"delta": delta}, reason)]
        if self.asked.include_usage:
            chunk["usage"] = None
        return chunk

    def _choice(self, content: dict[str, Any], reason: str | None) -> dict[str, Any]:
        return {"index": 0, **content, "logprobs": None, "finish_reason": reason}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _reason(event: Finished) -> str:
    if event.reason not in _REASONS:
        raise EngineError("The answer broke off.")
    return _REASONS[event.reason]


def _usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's counts, and how long the answer took, which clients ignore that don't know it."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "time_to_first_token": round(usage.time_to_first_token, 6),
        "tokens_per_second": round(usage.tokens_per_second, 3),
    }
