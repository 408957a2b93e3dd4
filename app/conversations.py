"""Conversations as the page sees them: kept by the store, answered by the controller.

What a person sent is stored before anything is generated, and an answer as it comes, so that
neither a reload nor the end of the program loses it. Knows nothing of HTML and of models.
"""

import asyncio
import builtins
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TypeVar

from app.controller import Controller
from app.errors import InvalidRequest
from app.messages import (
    ChatRequest,
    Delta,
    Event,
    Finished,
    FinishReason,
    Message,
    Picture,
    Sampling,
    Usage,
)
from app.pictures import read_picture, thumbnail
from app.store import Store
from app.store.records import Chat, ChatMessage, ChatSettings, Conversation, StoredPicture

__all__ = ["Chat", "ChatMessage", "ChatSettings", "Conversation", "Conversations", "StoredPicture"]

SAVE_EVERY = 0.5  # seconds between two writes of an answer that is coming
LONGEST_TITLE = 60  # characters
READERS = 2  # pictures decoded at once: each may take some hundred megabytes

T = TypeVar("T")


class Conversations:
    """All that can be done with conversations. Everything is checked against the owner.

    Unknown ids, and other people's, raise NotFound.
    """

    def __init__(self, store: Store, controller: Controller) -> None:
        self._store = store
        self._controller = controller
        # SQLite waits for the disk: one thread for it, so that statements never queue on its lock.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="intake")

    async def create(self, owner: str, settings: ChatSettings | None = None) -> str:
        """A new conversation's id."""
        return await self._on_disk(lambda: self._store.create(owner, settings or ChatSettings()))

    async def list(self, owner: str, query: str = "") -> builtins.list[Conversation]:
        """Newest first; with `query`, those that hold all of its words."""
        return await self._on_disk(lambda: self._store.list(owner, query))

    async def open(self, owner: str, conversation: str) -> Chat:
        """The conversation with the messages of the path that is shown."""
        return await self._on_disk(lambda: self._store.open(owner, conversation))

    async def rename(self, owner: str, conversation: str, title: str) -> None:
        await self._on_disk(lambda: self._store.rename(owner, conversation, _title(title)))

    async def delete(self, owner: str, conversation: str) -> None:
        """The conversation and its pictures, for good."""
        await self._on_disk(lambda: self._store.delete(owner, conversation))

    async def switch(self, owner: str, conversation: str, message: str) -> None:
        """Show another version of a message and what followed it."""
        await self._on_disk(lambda: self._store.set_leaf(owner, conversation, message))

    async def add_picture(self, owner: str, data: bytes, name: str = "") -> Picture:
        """Read and keep a picture. Raises PictureError; then nothing is kept."""
        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(self._readers, read_picture, data, name)
        await self._on_disk(lambda: self._store.add_picture(owner, picture))
        return picture

    async def picture(self, owner: str, digest: str) -> Picture:
        return await self._on_disk(lambda: self._store.picture(owner, digest))

    async def thumbnail(self, owner: str, digest: str) -> bytes:
        """A small WebP of a picture, made at the first request."""
        picture = await self.picture(owner, digest)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._readers, lambda: self._store.files.thumbnail(digest, lambda: thumbnail(picture))
        )

    async def ask(
        self,
        owner: str,
        conversation: str,
        text: str,
        digests: Sequence[str],
        settings: ChatSettings,
    ) -> str:
        """Keep a message of the user at the end of the path; its id, for `answer`."""
        _check(text, digests, settings)
        return await self._on_disk(lambda: self._ask(owner, conversation, text, digests, settings))

    async def edit(
        self, owner: str, conversation: str, message: str, text: str, settings: ChatSettings
    ) -> str:
        """Keep another version of a user's message, with its pictures; its id, for `answer`."""
        return await self._on_disk(lambda: self._edit(owner, conversation, message, text, settings))

    async def again(
        self, owner: str, conversation: str, message: str, settings: ChatSettings
    ) -> str:
        """Prepare another answer in place of `message` (or to it, if a user's): the id to `answer`."""
        return await self._on_disk(lambda: self._again(owner, conversation, message, settings))

    async def answer(
        self, owner: str, conversation: str, message: str
    ) -> AsyncGenerator[Event, None]:
        """The events of the answer to a user's message, kept as they come; closing it stops.

        Raises what the controller raises; before the first event nothing of an answer is kept.
        """
        request = await self._on_disk(lambda: self._request(owner, conversation, message))
        keeper = _Keeper(self, owner, conversation, message)
        reason: FinishReason = "error"
        usage: Usage | None = None
        try:
            async with aclosing(self._controller.stream(request)) as events:
                async for event in events:
                    if isinstance(event, Delta):
                        await keeper.add(event.text)
                    elif isinstance(event, Finished):
                        reason, usage = event.reason, event.usage
                        await keeper.end(reason, usage)
                    yield event
        except (asyncio.CancelledError, GeneratorExit):
            reason = "cancelled"
            raise
        finally:
            await asyncio.shield(keeper.end(reason, usage))

    def _ask(
        self,
        owner: str,
        conversation: str,
        text: str,
        digests: Sequence[str],
        settings: ChatSettings,
    ) -> str:
        chat = self._store.open(owner, conversation)
        parent = chat.messages[-1].id if chat.messages else None
        message = self._store.add_message(owner, conversation, parent, "user", text, digests)
        self._store.set_settings(owner, conversation, settings)
        if not chat.title:
            self._store.rename(owner, conversation, _title(text) or "A picture")
        return message

    def _edit(
        self, owner: str, conversation: str, message: str, text: str, settings: ChatSettings
    ) -> str:
        old = self._store.message(owner, conversation, message)
        if old.role != "user":
            raise InvalidRequest("Only your own messages can be edited.")
        digests = [picture.digest for picture in old.pictures]
        _check(text, digests, settings)
        self._store.set_settings(owner, conversation, settings)
        return self._store.add_message(owner, conversation, old.parent, "user", text, digests)

    def _again(self, owner: str, conversation: str, message: str, settings: ChatSettings) -> str:
        old = self._store.message(owner, conversation, message)
        asked = message if old.role == "user" else old.parent
        if asked is None:
            raise InvalidRequest("There is no message to answer.")
        self._store.set_settings(owner, conversation, settings)
        self._store.set_leaf(owner, conversation, asked)
        return asked

    def _request(self, owner: str, conversation: str, message: str) -> ChatRequest:
        """The whole path up to a message, all its pictures included."""
        settings = self._store.open(owner, conversation).settings
        path = self._store.path(
            owner, conversation, self._store.message(owner, conversation, message).id
        )
        messages = [Message("system", settings.system)] if settings.system.strip() else []
        for said in path:
            if said.role == "assistant" and not said.text:
                continue  # an answer that was stopped before its first word
            pictures = tuple(self._store.picture(owner, p.digest) for p in said.pictures)
            messages.append(
                Message("user" if said.role == "user" else "assistant", said.text, pictures)
            )
        return ChatRequest(tuple(messages), settings_to_sampling(settings), owner=owner)

    async def _on_disk(self, action: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, action)


class _Keeper:
    """Writes an answer into the store while it comes: at its first word, now and then, at its end."""

    def __init__(
        self, conversations: Conversations, owner: str, conversation: str, parent: str
    ) -> None:
        self._conversations = conversations
        self._owner, self._conversation, self._parent = owner, conversation, parent
        self._message: str | None = None
        self._text = ""
        self._saved = 0.0
        self._ended = False

    async def add(self, text: str) -> None:
        self._text += text
        if self._message is None or time.monotonic() - self._saved > SAVE_EVERY:
            await self._write(None, None)

    async def end(self, reason: FinishReason, usage: Usage | None) -> None:
        """Keep the end, once. An answer without a word is kept only where it ended by itself."""
        if self._ended:
            return
        self._ended = True
        if self._text or reason in ("stop", "length", "context"):
            await self._write(reason, usage)

    async def _write(self, reason: FinishReason | None, usage: Usage | None) -> None:
        self._saved = time.monotonic()
        await self._conversations._on_disk(lambda: self._keep(self._text, reason, usage))

    def _keep(self, text: str, reason: FinishReason | None, usage: Usage | None) -> None:
        store = self._conversations._store
        if self._message is None:
            model = self._conversations._controller.status().engine.model
            self._message = store.add_message(
                self._owner, self._conversation, self._parent, "assistant", text, model=model
            )
        store.write_answer(self._owner, self._message, text, reason, usage)


def settings_to_sampling(settings: ChatSettings) -> Sampling:
    """Raises InvalidRequest for values out of their range."""
    return Sampling(settings.temperature, settings.top_p, settings.max_tokens)


def _check(text: str, digests: Sequence[str], settings: ChatSettings) -> None:
    """Refuse what could never be answered before it is kept."""
    if not text.strip() and not digests:
        raise InvalidRequest("Write a message or add a picture first.")
    Message("user", text)
    Message("system", settings.system)
    settings_to_sampling(settings)


def _title(text: str) -> str:
    words = " ".join(text.split())
    return (
        words if len(words) <= LONGEST_TITLE else words[: LONGEST_TITLE - 1].rsplit(" ", 1)[0] + "…"
    )
