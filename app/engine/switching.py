"""Holds one model at a time: lets go of it for another, or while nobody asks, and gets it back.

Each model has an engine and a thread of its own, and the next begins to load when the one before
has given its memory back. Who is answered meanwhile is for the controller to say.
"""

import asyncio
import ctypes
import gc
import logging
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import replace

from app.engine.base import Engine, EngineStatus
from app.engine.catalogue import shown
from app.errors import EngineError, NotReady
from app.messages import ChatRequest, Event

log = logging.getLogger(__name__)

_WATCH = 0.05  # seconds between looks at an engine that loads
_RESTING = "It rests and gives its memory to others: the next question loads it again."


class SwitchingEngine:
    """Answers with the engine of one model, which `choose` knows how to start.

    `choose(model)` gives what begins to load it, and raises SettingsError for an unknown name.
    """

    def __init__(self, model: str, choose: Callable[[str], Callable[[], Engine]]) -> None:
        self._choose = choose
        self._start = choose(model)
        self._engine = self._start()
        self._shown: EngineStatus | None = None  # while there is no engine
        self._closed = False

    @property
    def capacity(self) -> int:
        return self._engine.capacity

    def status(self) -> EngineStatus:
        return self._shown or self._engine.status()

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        return self._engine.stream(request)

    async def read_ahead(self, request: ChatRequest) -> None:
        await self._engine.read_ahead(request)

    async def switch(self, model: str) -> None:
        """Answer with another model from now on; nobody may be answered meanwhile.

        Where it can't be loaded the one before is loaded again, and EngineError says why.
        Raises SettingsError for an unknown name; then nothing has changed.
        """
        before, status = self._start, self.status()
        name = status.model
        start, title = self._choose(model), shown(model)
        await self._let_go(EngineStatus("loading", title, f"Making room for {title}."))
        failure = await self._load(start)
        if not failure:
            return
        await self._let_go(_again(status))
        again = await self._load(before)
        after = f"{name} could not be loaded again either." if again else f"{name} answers again."
        raise EngineError(f"{title} could not be loaded. {failure} {after}")

    async def unload(self) -> None:
        """Let go of the model until `wake`; nobody may be answered meanwhile."""
        status = self.status()
        if status.state == "ready":
            resting = replace(_again(status), state="unloaded", detail=_RESTING)
            await self._let_go(resting)

    async def reload(self) -> None:
        """Load the model again whose engine failed; `status` says how that went."""
        await self._let_go(_again(self.status()))
        await self._load(self._start)

    def wake(self) -> None:
        """Begin to load the model again that was let go of."""
        if self._shown is not None and self._shown.state == "unloaded" and not self._closed:
            self._engine = self._start()
            self._shown = None

    async def aclose(self) -> None:
        self._closed = True
        await self._engine.aclose()
        self._shown = replace(self.status(), state="closed", detail="It has been closed.")

    async def _let_go(self, shown: EngineStatus) -> None:
        """Close the engine and give its memory back; `shown` is the status until the next."""
        self._shown = shown
        await self._engine.aclose()
        await asyncio.to_thread(_give_memory_back)
        log.info("let go of a model")

    async def _load(self, start: Callable[[], Engine]) -> str:
        """Start an engine and wait until it has loaded; why it failed to, or nothing."""
        if self._closed:
            raise NotReady("The program is being closed.")
        self._start, self._engine, self._shown = start, start(), None
        while (status := self.status()).state == "loading":  # noqa: ASYNC110 - a thread loads
            await asyncio.sleep(_WATCH)
        return status.detail if status.state == "failed" else ""


def _again(status: EngineStatus) -> EngineStatus:
    """While the same model is loaded another time."""
    name = status.model
    detail = f"Loading {name} again."
    return EngineStatus("loading", name, detail, also=status.also, source=status.source)


def _give_memory_back() -> None:
    """What was a model's is garbage now, some of it in cycles; MLX would keep its buffers.

    And Linux's C library would keep matrices below 32 MB, which are most of a small model's.
    """
    import mlx.core as mx

    gc.collect()
    mx.clear_cache()
    if sys.platform == "linux":
        with suppress(AttributeError):  # it is glibc's alone
            ctypes.CDLL(None).malloc_trim(0)
