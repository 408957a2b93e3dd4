"""Answers that are being written: each runs as a task of its own, pages only follow it.

So a reload, a closed tab or a glance at another conversation doesn't end an answer; Stop does,
and so does a minute in which no page follows. Knows nothing of HTML and Gradio.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from enum import Enum

from app.controller import Controller
from app.errors import ChatError, EngineError, InvalidRequest
from app.failures import log_failure
from app.messages import Delta, Event, Finished, Reading, Shortened, Waiting

FLUSH = 0.05  # seconds between two updates of a page; more often, browsers fall behind
SHARE = 0.1  # of the time may go into drawing updates: long answers are drawn less often
MOST_UNTOLD = 256  # failures that no page has drawn yet
ABANDONED = 60.0  # seconds without a follower after which an answer is stopped

log = logging.getLogger(__name__)


class Phase(Enum):
    """What an answer is at."""

    LOADING = "loading"
    IN_LINE = "in line"
    READING = "reading"
    WRITING = "writing"


@dataclass(slots=True)
class Answer:
    """One answer on its way, in a conversation of an owner."""

    owner: str
    conversation: str
    phase: Phase = Phase.READING
    place: int = 0
    read: float = 0.0  # share of the prompt
    unseen: int = 0  # the oldest messages, which the model is not given any more
    text: str = ""
    error: str = ""
    done: bool = False
    followers: int = 0
    version: int = 0
    task: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: Event) -> None:
        """What an event of the stream changes."""
        match event:
            case Waiting(place=place):
                self.phase, self.place = Phase.IN_LINE, place
            case Shortened(messages=messages):
                self.unseen = messages
            case Reading(done=done, total=total):
                self.phase, self.read = Phase.READING, done / total if total else 0.0
            case Delta(text=text):
                self.phase, self.text = Phase.WRITING, self.text + text
            case Finished():
                return
        self.tell()

    def tell(self) -> None:
        """Wake all who follow."""
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    async def newer_than(self, seen: int) -> int:
        """Wait until there is more to know than at version `seen`; the version it is then."""
        while self.version == seen and not self.done:
            await self._news.wait()
        return self.version


class Answers:
    """The answers on their way, one a conversation at most."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._running: dict[tuple[str, str], Answer] = {}
        self._untold: dict[tuple[str, str], str] = {}

    def get(self, owner: str, conversation: str | None) -> Answer | None:
        """The answer on its way in this conversation."""
        return None if conversation is None else self._running.get((owner, conversation))

    def untold(self, owner: str, conversation: str | None) -> str:
        """Why the last answer of a conversation failed, once: it may before a page follows it."""
        return "" if conversation is None else self._untold.pop((owner, conversation), "")

    @contextmanager
    def reserve(self, owner: str, conversation: str) -> Iterator[Answer]:
        """A place for an answer, while its question is stored; free again if that fails.

        Raises InvalidRequest when this conversation is being answered already.
        """
        if self.get(owner, conversation):
            raise InvalidRequest(
                "An answer is still being written in this chat. Stop it or wait for its end."
            )
        loading = self._controller.status().engine.state in ("loading", "unloaded")
        answer = Answer(owner, conversation, Phase.LOADING if loading else Phase.READING)
        self._running[owner, conversation] = answer
        self._untold.pop((owner, conversation), None)
        try:
            yield answer
        except BaseException:
            self._end(answer)
            raise

    def begin(self, answer: Answer, open_: Callable[[], AsyncGenerator[Event, None]]) -> None:
        """Write a reserved answer in the background; `open_` opens its stream of events."""
        answer.task = asyncio.create_task(self._run(answer, open_))
        self._watch(answer)

    async def stop(self, owner: str, conversation: str) -> None:
        """End the answer of this conversation; what it said until now stays."""
        answer = self.get(owner, conversation)
        if answer is not None and answer.task is not None:
            answer.task.cancel()
            await asyncio.wait([answer.task])

    async def follow(self, answer: Answer) -> AsyncGenerator[None, None]:
        """One item each time there is something new to draw; ends with the answer."""
        answer.followers += 1
        seen = -1
        try:
            while (seen := await answer.newer_than(seen)) >= 0 and not answer.done:
                began = time.perf_counter()
                yield
                drawing = time.perf_counter() - began
                # What comes before the first word is passed on at once, and so is that word.
                await asyncio.sleep(max(FLUSH, drawing / SHARE) if answer.text else 0)
        finally:
            answer.followers -= 1
            self._watch(answer)

    async def _run(self, answer: Answer, open_: Callable[[], AsyncGenerator[Event, None]]) -> None:
        try:
            await self._until_ready(answer)
            async with aclosing(open_()) as events:
                async for event in events:
                    answer.take(event)
        except ChatError as error:
            answer.error = error.message
        except Exception as error:
            log_failure(log, "an answer failed", error)
            answer.error = "The answer could not be finished. Answer again."
        finally:
            self._end(answer)

    def _end(self, answer: Answer) -> None:
        answer.done = True
        key = answer.owner, answer.conversation
        del self._running[key]
        if answer.error:
            self._untold[key] = answer.error
            if len(self._untold) > MOST_UNTOLD:
                del self._untold[next(iter(self._untold))]
        answer.tell()

    async def _until_ready(self, answer: Answer) -> None:
        engine = await self._controller.loaded()
        if engine.state == "failed":
            raise EngineError(f"The model can't be used. {engine.detail}")
        if answer.phase is Phase.LOADING:
            answer.phase = Phase.READING
            answer.tell()

    def _watch(self, answer: Answer) -> None:
        """Look again in a while whether anybody still follows."""
        if answer.done or answer.followers:
            return
        asyncio.get_running_loop().call_later(ABANDONED, self._end_if_abandoned, answer)

    @staticmethod
    def _end_if_abandoned(answer: Answer) -> None:
        if not answer.followers and not answer.done and answer.task is not None:
            answer.task.cancel()
