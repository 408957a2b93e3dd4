"""Who is answered, and when: a bounded line in front of the engine, first come, first served.

The page and the HTTP API are two clients of one `Controller`. It knows neither models nor HTTP
nor storage.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Hashable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field, replace

from app.engine.base import Engine, EngineStatus, ModelHolder
from app.errors import (
    ChatError,
    EngineError,
    InvalidRequest,
    LineFull,
    NotReady,
    SettingsError,
    UnknownModel,
)
from app.failures import log_failure
from app.messages import DEFAULT_MODEL, ChatRequest, Event, Finished, Waiting

log = logging.getLogger(__name__)

MOST_WAITING = 64
MOST_AHEAD = 16  # conversations that are read ahead of their questions
_WATCH = 0.05  # seconds between looks at an engine that loads


@dataclass(frozen=True, slots=True)
class ControllerStatus:
    """How engine and line are; `accepting` says whether a request would be let in now."""

    engine: EngineStatus
    active: int
    waiting: int
    accepting: bool


@dataclass(slots=True)
class Totals:
    """What has happened since the start, for the metrics."""

    requests: int = 0
    refused: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token: float = 0.0  # seconds, summed


@dataclass(slots=True)
class _Ticket:
    """A place in the line: 0 is at the engine, 1 is next."""

    place: int
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def move(self, place: int) -> None:
        if place != self.place:
            self.place = place
            self.moved.set()


class Controller:
    """Lets `engine.capacity` requests to the engine and `max_waiting` wait for it.

    Belongs to one event loop; only `status` may be called from elsewhere.
    """

    def __init__(self, engine: Engine, *, max_waiting: int = MOST_WAITING) -> None:
        self.engine = engine
        self.max_waiting = max_waiting
        self.totals = Totals()
        self._active = 0
        self._line: deque[_Ticket] = deque()
        self._ahead: dict[Hashable, asyncio.Task[None]] = {}
        self._draining = False
        self._changing = False  # the model: who comes now waits
        self._last_use = time.monotonic()
        self._idle = asyncio.Event()
        self._idle.set()

    def status(self) -> ControllerStatus:
        engine = self.engine.status()
        waiting = len(self._line)
        if self._changing and engine.state in ("ready", "unloaded"):
            said = "It answers what was asked before, then gives way."
            engine = replace(engine, state="loading", detail=said, doing="finishing")
        free = self._active < self.engine.capacity or waiting < self.max_waiting
        accepting = engine.state in ("ready", "unloaded") and free and not self._draining
        return ControllerStatus(engine, self._active, waiting, accepting)

    def models(self) -> tuple[str, ...]:
        """The ids of the models served here, the resident one first."""
        return (self.engine.status().model,)

    def check(self, model: str = DEFAULT_MODEL) -> None:
        """Raise what `stream` would raise now, before a request's body has been looked at."""
        status = self.status()
        if self._draining or status.engine.state == "closed":
            raise NotReady("The program is being closed: try again when it is back.", retry_after=5)
        if status.engine.state == "loading":
            raise NotReady("The model is still loading: try again in a moment.", retry_after=2)
        if status.engine.state == "failed":
            raise NotReady(f"The model can't be used: {status.engine.detail}", retry_after=30)
        if model not in (DEFAULT_MODEL, status.engine.model, *status.engine.also):
            raise UnknownModel(
                f"There is no model of the name asked for; here is {', '.join(self.models())}."
            )
        if not status.accepting:
            raise LineFull(
                f"{status.waiting} questions are waiting already: try again in a moment.",
                retry_after=max(1, min(60, status.waiting // self.engine.capacity)),
            )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """The events of one answer. Closing the generator cancels, in the line too.

        Raises NotReady, UnknownModel, LineFull and InvalidRequest before the first event other
        than Waiting, EngineError where an answer breaks off.
        """
        ticket = self._enter(request)
        ended = False
        try:
            while ticket.place > 0:
                ticket.moved.clear()
                yield Waiting(ticket.place)
                await ticket.moved.wait()
            await self._awake()
            async with aclosing(self.engine.stream(request)) as events:
                async for event in events:
                    ended = self._count(event)
                    yield event
        except ChatError:
            self.totals.failed += 1
            ended = True
            raise
        except Exception as error:
            self.totals.failed += 1
            ended = True
            log_failure(log, "the engine failed", error)
            raise EngineError("The answer could not be finished: ask again, please.") from error
        finally:
            self.totals.cancelled += not ended
            self._leave(ticket)

    def read_ahead(self, place: Hashable, request: ChatRequest | None) -> None:
        """Read a conversation while its last message is being written, as the engine finds time.

        It takes the place of what was read ahead for `place` before; None only ends that. What
        can't be read ahead is left: the question will say what is wrong.
        """
        before = self._ahead.pop(place, None)
        if before is not None:
            before.cancel()
        if request is None or self._draining:
            return
        if len(self._ahead) >= MOST_AHEAD:
            self._ahead.pop(next(iter(self._ahead))).cancel()
        task = asyncio.create_task(self._read_ahead(request))
        self._ahead[place] = task
        task.add_done_callback(lambda done: self._forget(place, done))

    async def loaded(self) -> EngineStatus:
        """Wait until the engine has loaded, or has failed to; what rests is loaded again."""
        while (status := self.status().engine).state in ("loading", "unloaded"):
            if status.state == "unloaded" and isinstance(self.engine, ModelHolder):
                self.engine.wake()
            await asyncio.sleep(_WATCH)
        return status

    @property
    def can_switch(self) -> bool:
        """Whether the engine can answer with another model."""
        return isinstance(self.engine, ModelHolder)

    async def switch(self, model: str) -> None:
        """Answer with another model: what was asked before is answered first, by the one before.

        Raises InvalidRequest where that can't be, EngineError where it can't be loaded; then the
        model before answers on.
        """
        if not isinstance(self.engine, ModelHolder):
            raise InvalidRequest("This server answers with one model.")
        with self._change():
            await self._idle.wait()
            try:
                await self.engine.switch(model)
            except SettingsError as error:
                raise InvalidRequest(error.message) from None

    async def mend(self) -> None:
        """Load the model again where it has failed; nothing to do where it hasn't, or can't be."""
        failed = self.status().engine.state == "failed"
        if failed and isinstance(self.engine, ModelHolder) and not self._draining:
            with suppress(ChatError), self._change():  # it is being closed, or changed already
                await self.engine.reload()

    async def rest(self, idle: float) -> None:
        """Let go of the model when nobody has asked for `idle` seconds."""
        busy = self._active or self._ahead or self._changing or self._draining
        if busy or self.status().engine.state != "ready":
            self._last_use = time.monotonic()
        elif isinstance(self.engine, ModelHolder) and time.monotonic() - self._last_use >= idle:
            with self._change():
                await self.engine.unload()

    @contextmanager
    def _change(self) -> Iterator[None]:
        """While the model changes nobody is let in."""
        if self._changing or self._draining or self.engine.status().state == "loading":
            raise InvalidRequest("A model is being loaded already: wait until it is ready.")
        self._changing = True
        for task in self._ahead.values():
            task.cancel()
        try:
            yield
        finally:
            self._changing = False
            self._last_use = time.monotonic()

    async def _awake(self) -> None:
        """Wait for a model that rested. Raises NotReady when it can't be loaded any more."""
        if self.engine.status().state == "unloaded":
            status = await self.loaded()
            if status.state != "ready":
                raise NotReady(f"The model can't be used: {status.detail}", retry_after=30)

    async def drain(self, grace: float = 2.0) -> None:
        """Let nobody in any more, give the answers `grace` seconds to end, close the engine."""
        self._draining = True
        for task in self._ahead.values():
            task.cancel()
        try:
            await asyncio.wait_for(self._idle.wait(), grace)
        except TimeoutError:
            log.info("answers cut off: %d", self._active + len(self._line))
        await self.engine.aclose()

    async def _read_ahead(self, request: ChatRequest) -> None:
        try:
            await self.loaded()
            await self.engine.read_ahead(request)
        except ChatError as error:
            log.debug("a conversation can't be read ahead: %s", error.message)
        except Exception as error:
            log_failure(log, "reading ahead failed", error)

    def _forget(self, place: Hashable, done: asyncio.Task[None]) -> None:
        if self._ahead.get(place) is done:
            del self._ahead[place]

    def _enter(self, request: ChatRequest) -> _Ticket:
        self.totals.requests += 1
        try:
            self.check(request.model)
        except ChatError:
            self.totals.refused += 1
            raise
        self._idle.clear()
        self._last_use = time.monotonic()
        if self._active < self.engine.capacity:
            self._active += 1
            return _Ticket(0)
        ticket = _Ticket(len(self._line) + 1)
        self._line.append(ticket)
        return ticket

    def _leave(self, ticket: _Ticket) -> None:
        if ticket.place > 0:
            self._line.remove(ticket)
        elif self._line:
            self._line.popleft().move(0)
        else:
            self._active -= 1
        for place, waiting in enumerate(self._line, start=1):
            waiting.move(place)
        self._last_use = time.monotonic()
        if not self._active:
            self._idle.set()

    def _count(self, event: Event) -> bool:
        """Add up what an answer took; True at its end."""
        if not isinstance(event, Finished):
            return False
        self.totals.finished += 1
        self.totals.prompt_tokens += event.usage.prompt_tokens
        self.totals.completion_tokens += event.usage.completion_tokens
        self.totals.first_token += event.usage.time_to_first_token
        return True
