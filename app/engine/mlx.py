"""The engine that runs LLaVA here: one long-lived thread loads the model and does all MLX work.

MLX's streams belong to threads, so the caches never leave this one. Requests come in through a
bounded queue, events go out through outboxes; no event loop ever runs MLX.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from app.engine.base import EngineState, EngineStatus, Progress, Watch
from app.engine.outbox import Outbox
from app.errors import ChatError, EngineError, LineFull, NotReady
from app.failures import log_failure
from app.messages import ChatRequest, Event, Reading, Shortened

if TYPE_CHECKING:  # the thread imports them: it takes seconds
    from app.engine.loading import Loaded
    from app.engine.scheduler import Scheduler
    from app.engine.sequence import Sequence

log = logging.getLogger(__name__)

CAPACITY = 32  # answers at once; memory may allow fewer
STALLED_AFTER = 30.0  # seconds without a step while there is work
_CLOSE_WITHIN = 2.0  # seconds for the thread to end; it looks up between steps
_NOT_LOADED = "It could not be loaded: the log says more."
_CLOSED = "The program is being closed: the answer ends here."


class MlxEngine:
    """Answers with what `load` returns, which is called on the engine's own thread.

    `names` are those of the model, the one to be shown first; `source` as in `EngineStatus`.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        load: Callable[[Watch], "Loaded"],
        *,
        source: str = "",
        capacity: int = CAPACITY,
    ) -> None:
        self._names = names
        self._source = source
        self._load = load
        self._capacity = capacity
        self._state: EngineState = "loading"
        self._detail = f"Loading {names[0]}."
        self._progress: Callable[[], Progress] | None = None
        self._loaded: Loaded | None = None
        self._inbox: queue.Queue[Sequence | None] = queue.Queue(2 * capacity)
        self._live: set[Outbox] = set()
        self._closing = False
        self._working_since: float | None = None
        self._preparers = ThreadPoolExecutor(2, thread_name_prefix="preparation")
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    @property
    def capacity(self) -> int:
        return self._capacity

    def status(self) -> EngineStatus:
        since = self._working_since
        stalled = since is not None and time.monotonic() - since > STALLED_AFTER
        watched = self._progress if self._state == "loading" else None
        progress = None if watched is None else watched()
        name, *also = self._names
        loaded = self._loaded
        status = EngineStatus(
            self._state,
            name,
            self._detail,
            also=tuple(also),
            stalled=stalled,
            figures={} if loaded is None else loaded.scheduler.figures(),
            clips=loaded is None or loaded.preparation.takes_clips,
            source=self._source,
        )
        if progress is None:
            return status
        detail = progress.sentence(name)
        return replace(status, detail=detail, progress=progress.share, doing=progress.doing)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        begun = time.monotonic()
        sequence = await self._prepare(request)
        sequence.started = begun
        try:
            self._submit(sequence)
            if sequence.unseen_messages:
                yield Shortened(sequence.unseen_messages)
            yield Reading(0, len(sequence.ids))
            async for event in sequence.outbox.events():
                yield event
        finally:
            self._live.discard(sequence.outbox)
            sequence.cancel()

    async def read_ahead(self, request: ChatRequest) -> None:
        sequence = await self._prepare(request, ahead=True)
        try:
            self._submit(sequence)
            async for _ in sequence.outbox.events():
                pass
        finally:
            self._live.discard(sequence.outbox)
            sequence.cancel()

    async def _prepare(self, request: ChatRequest, *, ahead: bool = False) -> "Sequence":
        loaded = self._loaded
        if loaded is None:
            raise NotReady(f"The model can't answer now: it is {self._state}.")
        preparation = loaded.preparation
        prepare = preparation.prepare_ahead if ahead else preparation.prepare
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._preparers, prepare, request, Outbox())

    async def aclose(self) -> None:
        self._closing = True
        with suppress(queue.Full):  # then the thread isn't waiting
            self._inbox.put_nowait(None)
        await asyncio.to_thread(self._thread.join, _CLOSE_WITHIN)
        self._preparers.shutdown(wait=False, cancel_futures=True)
        self._end("closed", "It has been closed.", EngineError(_CLOSED))

    def _submit(self, sequence: "Sequence") -> None:
        self._live.add(sequence.outbox)  # before the look: a thread that ends tells all who live
        if self._closing or self._state != "ready":
            raise NotReady(_CLOSED)
        try:
            self._inbox.put_nowait(sequence)
        except queue.Full:
            raise LineFull("Too many questions came at once: try again in a moment.") from None

    def _run(self) -> None:
        """The model thread."""
        try:
            self._load_and_serve()
        except BaseException as error:  # whatever ends this thread is said
            self._fail(error)
        finally:
            self._loaded = None
            _leave_mlx()

    def _load_and_serve(self) -> None:
        """Apart from `_run`, so that nothing of the model is held any more when MLX is left."""
        loaded = self._load(self._watch)
        if not self._closing:
            self._loaded, self._state, self._detail = loaded, "ready", "It is ready."
            self._serve(loaded.scheduler)

    def _watch(self, progress: Callable[[], Progress]) -> None:
        self._progress = progress

    def _serve(self, scheduler: "Scheduler") -> None:
        while not self._closing:
            self._take_in(scheduler)
            if scheduler.busy:
                self._working_since = time.monotonic()
                scheduler.step()
            if not scheduler.busy:
                self._working_since = None

    def _take_in(self, scheduler: "Scheduler") -> None:
        """Hand new sequences to the scheduler; wait for one where there is nothing to do."""
        while not self._closing:
            try:
                sequence = self._inbox.get(block=not scheduler.busy)
            except queue.Empty:
                return
            if sequence is not None:
                scheduler.add(sequence)

    def _fail(self, error: BaseException) -> None:
        from model.errors import ModelError

        if isinstance(error, ModelError):
            detail = str(error)
            log.debug("the model can't be loaded: %s", detail)
        else:
            loaded = self._state == "ready"
            detail = "It broke down while it answered." if loaded else _NOT_LOADED
            log_failure(log, "the model thread ended", error)
        self._end("failed", detail, EngineError("The model broke down: the answer ends here."))

    def _end(self, state: EngineState, detail: str, error: ChatError) -> None:
        self._state, self._detail, self._working_since = state, detail, None
        for outbox in list(self._live):
            outbox.fail(error)


def _leave_mlx() -> None:
    """Let go of this thread's streams: a process that ends with them may abort."""
    try:
        import mlx.core as mx
    except ImportError:
        return
    mx.synchronize()
    mx.clear_cache()
    mx.clear_streams()
