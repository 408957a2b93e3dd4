"""The engine that asks another server: any that speaks OpenAI's chat completions with pictures.

That is the way to clusters, and from one of ours to another. Knows nothing of MLX.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import httpx

from app.engine.base import EngineState, EngineStatus
from app.engine.event_lines import LineTooLong, data_lines
from app.engine.upstream import AnswerReader, choose_model, payload, refusal
from app.errors import ChatError, EngineError, NotReady
from app.messages import ChatRequest, Delta, Event, Finished, Reading, Usage

CAPACITY = 16
LOOK_EVERY = 5.0  # seconds between two looks whether the server is there
PAUSES = (0.2, 1.0)  # seconds before the second and the third try
_MOST_ERROR = 64 * 1024  # bytes of a refusal's body
_MOST_TEXT = 1 << 20  # characters of one answer
_TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=60.0, pool=None)


class _Broken(Exception):
    """The connection didn't hold, or didn't come about: another try may."""


class OpenAIEngine:
    """Answers through the server at `base_url`. `model` None takes the first that it lists."""

    def __init__(self, base_url: str, model: str | None, *, look_every: float = LOOK_EVERY) -> None:
        self._url = base_url.rstrip("/")
        self._wanted = model
        self._model = model or "upstream"
        self._state: EngineState = "loading"
        self._detail = "Looking for the model's server."
        self._client: httpx.AsyncClient | None = None
        self._closing = threading.Event()
        self._look_every = look_every
        threading.Thread(target=self._watch, name="upstream", daemon=True).start()

    @property
    def capacity(self) -> int:
        return CAPACITY

    def status(self) -> EngineStatus:
        return EngineStatus(self._state, self._model, self._detail, clips=False)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        begun = time.monotonic()
        answered = False
        for pause in (*PAUSES, None):
            if self._state != "ready":
                raise NotReady(f"The model's server can't be asked now: it is {self._state}.")
            try:
                async with aclosing(self._ask(request, begun)) as events:
                    async for event in events:
                        answered = answered or isinstance(event, Delta)
                        yield event
                return
            except _Broken as error:
                if answered or pause is None:
                    raise EngineError("The connection to the model's server broke.") from error
            await asyncio.sleep(pause)

    async def read_ahead(self, request: ChatRequest) -> None:
        """Other servers can't be asked for it."""

    async def aclose(self) -> None:
        self._closing.set()
        self._state, self._detail = "closed", "It has been closed."
        if self._client is not None:
            await self._client.aclose()

    async def _ask(self, request: ChatRequest, begun: float) -> AsyncGenerator[Event, None]:
        """One try."""
        reader = AnswerReader()
        first = newest = length = 0.0
        try:
            async with aclosing(self._lines(request)) as lines:
                async for line in lines:
                    event = reader.read(line) if line else Reading()
                    if isinstance(event, Delta):
                        newest = time.monotonic()
                        first = first or newest
                        length += len(event.text)
                        taken = _usage(reader, first - begun, newest - first)
                        event = replace(event, usage=taken)
                    if length > _MOST_TEXT:
                        raise EngineError("The model's server doesn't come to an end.")
                    if event is not None:
                        yield event
        except (httpx.TransportError, httpx.StreamError) as error:
            raise _Broken from error
        except LineTooLong as error:
            raise EngineError("The model's server sends lines without end.") from error
        if reader.reason is None:
            raise _Broken
        yield Finished(reader.reason, _usage(reader, first - begun, newest - first))

    async def _lines(self, request: ChatRequest) -> AsyncGenerator[bytes, None]:
        """The data of one answer's events; an empty line first, when it has been accepted."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_TIMEOUT)
        body = await asyncio.to_thread(payload, request, self._model)  # pictures take time
        url = f"{self._url}/chat/completions"
        async with self._client.stream("POST", url, json=body) as response:
            if response.status_code != 200:
                raise await _refused(response)
            yield b""
            async with aclosing(data_lines(response.aiter_bytes())) as lines:
                async for line in lines:
                    yield line
                    if line == b"[DONE]":
                        return

    def _watch(self) -> None:
        """On a thread of its own: whether the server is there, and which model it has."""
        with httpx.Client(timeout=5.0) as client:
            while not self._closing.is_set():
                self._look(client)
                self._closing.wait(self._look_every)

    def _look(self, client: httpx.Client) -> None:
        state: EngineState = "ready"
        detail = "It answers through another server."
        try:
            response = client.get(f"{self._url}/models")
            self._model = choose_model(response.status_code, response.content, self._wanted)
        except (httpx.HTTPError, NotReady):
            state, detail = "loading", "The model's server doesn't answer yet."
        except ChatError as error:
            state, detail = "failed", error.message
        if not self._closing.is_set():
            self._state, self._detail = state, detail


async def _refused(response: httpx.Response) -> Exception:
    """What an answer other than 200 means; its body is read no further than a message goes."""
    if response.status_code in (502, 504):
        return _Broken()
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _MOST_ERROR:
            break
    return refusal(response.status_code, response.headers, body)


def _usage(reader: AnswerReader, first: float, writing: float) -> Usage:
    written = reader.count("completion_tokens", reader.pieces)
    speed = (written - 1) / writing if written > 1 and writing > 0 else 0.0
    return Usage(reader.count("prompt_tokens", 0), written, max(first, 0.0), speed)
