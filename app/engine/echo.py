"""An engine that says the last message back, word by word: it tries all that is not the model.

Deterministic, with delays that can be set. Knows nothing of models.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator

from app.engine.base import EngineState, EngineStatus
from app.errors import EngineError, NotReady
from app.messages import (
    ChatRequest,
    Delta,
    Event,
    Finished,
    FinishReason,
    Message,
    Picture,
    Reading,
    Usage,
)

PICTURE_TOKENS = 16  # what a picture counts in the usage
_WORD = re.compile(r"\s*\S+|\s+")


class EchoEngine:
    """Answers with the user's own words; a picture comes first, as `[picture 640x480]`.

    `delay` seconds before each word, `loading` seconds before it is ready.
    """

    def __init__(self, *, delay: float = 0.0, loading: float = 0.0, capacity: int = 16) -> None:
        self.delay = delay
        self.active = 0  # streams that run now
        self._capacity = capacity
        self._loading = loading
        self._ready_at = time.monotonic() + loading
        self._closed = False

    @property
    def capacity(self) -> int:
        return self._capacity

    def status(self) -> EngineStatus:
        left = self._ready_at - time.monotonic()
        state: EngineState = "closed" if self._closed else "loading" if left > 0 else "ready"
        progress = 1 - left / self._loading if state == "loading" else None
        return EngineStatus(state, "echo", "It says your own words back.", progress)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        state = self.status().state
        if state != "ready":
            raise NotReady(f"The model can't answer now, it is {state}: try again in a moment.")
        self.active += 1
        try:
            async for event in self._answer(request):
                yield event
        finally:
            self.active -= 1

    async def read_ahead(self, request: ChatRequest) -> None:
        """There is nothing to read."""

    async def _answer(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        started = time.monotonic()
        prompt = count_tokens(request)
        yield Reading(0, prompt)
        words = _WORD.findall(_echo(request))
        said = words[: request.sampling.max_tokens]
        first, usage = 0.0, Usage(prompt)
        for written, word in enumerate(said, start=1):
            await asyncio.sleep(self.delay)
            if self._closed:
                raise EngineError("The program is being closed: the answer ends here.")
            now = time.monotonic() - started
            first = first or now
            rate = (written - 1) / (now - first) if now > first else 0.0
            usage = Usage(prompt, written, first, rate)
            yield Delta(word, usage)
        reason: FinishReason = "stop" if len(said) == len(words) else "length"
        yield Finished(reason, usage)

    async def aclose(self) -> None:
        self._closed = True


def count_tokens(request: ChatRequest) -> int:
    """What a conversation counts here: its words, and 16 for each picture."""
    words = sum(len(message.text.split()) for message in request.messages)
    return words + PICTURE_TOKENS * len(request.pictures)


def _seen(picture: Picture) -> str:
    kind = f"clip of {picture.frames} frames" if picture.frames else "picture"
    return f"[{kind} {picture.width}x{picture.height}]"


def _echo(request: ChatRequest) -> str:
    """The last message with its pictures in words, cut before the first stop string."""
    message: Message = request.messages[-1]
    answer = " ".join((*map(_seen, message.pictures), message.text))
    stops = [answer.find(stop) for stop in request.sampling.stop if stop in answer]
    return answer[: min(stops, default=len(answer))]
