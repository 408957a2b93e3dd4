"""Writes an answer into the store while it comes: at its first word, now and then, at its end.

Writing goes on beside the answer and never holds it up. Knows nothing of how answers are made.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from app.errors import ChatError, NotFound
from app.messages import FinishReason, Usage
from app.store import Store

SAVE_EVERY = 0.5  # seconds between two writes of an answer that is coming

OnDisk: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]


class AnswerKeeper:
    """Keeps the answer to one question. `failure` is why the last write could not be made."""

    def __init__(
        self,
        store: Store,
        on_disk: OnDisk,
        owner: str,
        conversation: str,
        question: str,
        model: str,
    ) -> None:
        self._store = store
        self._on_disk = on_disk
        self._owner, self._conversation, self._question = owner, conversation, question
        self._model = model
        self._text = ""
        self._begun = 0.0
        self._ended = False
        self._writing: asyncio.Task[None] | None = None
        self.message: str | None = None  # the answer's id, once it is in the store
        self.failure: ChatError | None = None

    def add(self, text: str) -> None:
        """Take the next words. Raises NotFound when the chat was deleted meanwhile."""
        self._text += text
        if isinstance(self.failure, NotFound):
            raise self.failure
        is_idle = self._writing is None or self._writing.done()
        if is_idle and time.monotonic() - self._begun > SAVE_EVERY:
            self._writing = asyncio.create_task(self._write(None, None))

    async def end(self, reason: FinishReason | None, usage: Usage | None = None) -> None:
        """Keep how it ended, once; None for an answer that the program's end cuts off.

        An answer without a word is kept only where it ended by itself: else an older one is shown.
        """
        if not self._ended:
            self._ended = True
            self._writing = asyncio.create_task(self._end(reason, usage, self._writing))
        if self._writing is not None:
            # Whoever is cancelled now doesn't take the last words along.
            await asyncio.shield(self._writing)

    async def _end(
        self,
        reason: FinishReason | None,
        usage: Usage | None,
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await before
        if self._text or reason in ("stop", "length", "context"):
            await self._write(reason, usage)
        else:
            await self._try(
                lambda: self._store.show(self._owner, self._conversation, self._question)
            )

    async def _write(self, reason: FinishReason | None, usage: Usage | None) -> None:
        self._begun = time.monotonic()
        text = self._text
        await self._try(lambda: self._keep(text, reason, usage))

    async def _try(self, action: Callable[[], None]) -> None:
        """The answer goes on where it can't be kept; whoever asked is told at its end."""
        try:
            await self._on_disk(action)
            self.failure = None
        except ChatError as error:
            self.failure = error

    def _keep(self, text: str, reason: FinishReason | None, usage: Usage | None) -> None:
        if self.message is None:
            self.message = self._store.add_answer(
                self._owner, self._conversation, self._question, text, self._model
            )
        self._store.write_answer(self._owner, self.message, text, reason, usage)
