"""Conversations as the page sees them: kept by the store, answered by the controller.

What a person sent is stored before anything is generated, and an answer as it comes, so that
neither a reload nor the end of the program loses it. Knows nothing of HTML and of models.
"""

import asyncio
import builtins
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from typing import TypeVar

from app.answer_keeper import AnswerKeeper
from app.chat_request import chat_request, sampling
from app.clips import read_media
from app.controller import Controller
from app.errors import InvalidRequest, NotReady, PictureError, StorageError
from app.messages import (
    ChatRequest,
    Delta,
    Event,
    Finished,
    FinishReason,
    Picture,
    Shortened,
    Usage,
)
from app.pictures import file_name, thumbnail
from app.store import Store
from app.store.records import Chat, ChatMessage, ChatSettings, Conversation, StoredPicture

__all__ = ["Chat", "ChatMessage", "ChatSettings", "Conversation", "Conversations", "StoredPicture"]

LONGEST_TITLE = 60  # characters
READERS = 2  # pictures decoded at once: each may take some hundred megabytes
BUSY = "An answer is still being written in this chat. Stop it or wait for its end."
NO_CLIPS = "{} is a video, and this model can't look at videos: LLaVA-OneVision can."
CLOSING = "The program is being closed: try again when it is back."

T = TypeVar("T")


class Conversations:
    """All that can be done with conversations. Everything is checked against the owner.

    Unknown ids, and other people's, raise NotFound; a disk that refuses, StorageError.
    """

    def __init__(self, store: Store, controller: Controller) -> None:
        self._store = store
        self._controller = controller
        # SQLite waits for the disk: one thread for it, so that statements never queue on its lock.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="intake")
        self._answers: dict[tuple[str, str], AnswerKeeper] = {}  # that are being written
        self._closed = False

    async def create(self, owner: str, settings: ChatSettings | None = None) -> str:
        """A new conversation's id."""
        chosen = settings or ChatSettings()
        sampling(chosen)
        return await self._on_disk(lambda: self._store.create(owner, chosen))

    async def list(self, owner: str, query: str = "") -> builtins.list[Conversation]:
        """Newest first, 500 at most; with `query`, those that hold all of its words."""
        return await self._on_disk(lambda: self._store.list(owner, query))

    async def open(self, owner: str, conversation: str) -> Chat:
        """The conversation with the messages of the path that is shown.

        The answer that is being written isn't among them: who follows it knows more of it.
        """
        return await self._on_disk(lambda: self._open(owner, conversation))

    async def rename(self, owner: str, conversation: str, title: str) -> None:
        await self._on_disk(lambda: self._store.rename(owner, conversation, _title(title)))

    async def delete(self, owner: str, conversation: str) -> None:
        """The conversation and its pictures, for good; an answer that is being written ends."""
        await self._on_disk(lambda: self._store.delete(owner, conversation))

    async def switch(self, owner: str, conversation: str, message: str) -> None:
        """Show another version of a message and what followed it."""
        await self._on_disk(lambda: self._store.show(owner, conversation, message))

    async def add_picture(self, owner: str, data: bytes, name: str = "") -> Picture:
        """Read and keep a picture or a clip. Raises PictureError; then nothing is kept."""
        picture = await self._read(lambda: read_media(data, name))
        if picture.frames and not self._controller.status().engine.clips:
            raise PictureError(NO_CLIPS.format(file_name(name, "The video")))
        await self._on_disk(lambda: self._store.pictures.add(owner, picture))
        return picture

    async def picture(self, owner: str, digest: str) -> Picture:
        return await self._on_disk(lambda: self._store.pictures.get(owner, digest))

    async def thumbnail(self, owner: str, digest: str) -> bytes:
        """A small WebP of a picture, made at the first request."""
        pictures = self._store.pictures
        kept = await self._on_disk(lambda: pictures.thumbnail(owner, digest))
        if kept is not None:
            return kept
        picture = await self.picture(owner, digest)
        made = await self._read(lambda: thumbnail(picture))
        with suppress(StorageError):  # then it is made anew the next time
            await self._on_disk(lambda: pictures.keep_thumbnail(owner, digest, made))
        return made

    async def ask(
        self,
        owner: str,
        conversation: str,
        text: str,
        digests: Sequence[str],
        settings: ChatSettings,
    ) -> str:
        """Keep a message of the user at the end of the path; its id, for `answer`.

        Raises InvalidRequest for what could never be answered; then nothing is kept.
        """
        self._refuse_second(owner, conversation)
        return await self._on_disk(lambda: self._ask(owner, conversation, text, digests, settings))

    async def edit(
        self, owner: str, conversation: str, message: str, text: str, settings: ChatSettings
    ) -> str:
        """Keep another version of a user's message, with its pictures; its id, for `answer`."""
        self._refuse_second(owner, conversation)
        return await self._on_disk(lambda: self._edit(owner, conversation, message, text, settings))

    async def again(
        self, owner: str, conversation: str, message: str, settings: ChatSettings
    ) -> str:
        """Prepare another answer in place of `message`, or to a user's; the id to `answer`."""
        self._refuse_second(owner, conversation)
        return await self._on_disk(lambda: self._again(owner, conversation, message, settings))

    async def answer(
        self, owner: str, conversation: str, message: str
    ) -> AsyncGenerator[Event, None]:
        """The events of the answer to a user's message, kept as they come; closing it stops.

        Raises what the controller raises; before the first word nothing of an answer is kept.
        After the last event StorageError when the answer could not be kept.
        """
        with self._only_answer(owner, conversation, message) as keeper:
            reason: FinishReason = "error"
            usage: Usage | None = None  # what is known until now: an answer may end early
            try:
                request = await self._on_disk(lambda: self._request(owner, conversation, message))
                async with aclosing(self._controller.stream(request)) as events:
                    async for event in events:
                        if isinstance(event, Delta):
                            keeper.add(event.text)
                            usage = event.usage or usage
                        elif isinstance(event, Shortened):
                            usage = Usage(unseen_messages=event.messages)
                        elif isinstance(event, Finished):
                            reason, usage = event.reason, event.usage
                            await keeper.end(reason, usage)
                        yield event
            except (asyncio.CancelledError, GeneratorExit):
                reason = "cancelled"
                raise
            finally:
                await keeper.end(reason, usage)
        if keeper.failure:
            raise keeper.failure

    async def read_ahead(
        self,
        owner: str,
        page: str,
        conversation: str | None,
        digests: Sequence[str],
        settings: ChatSettings,
    ) -> None:
        """Have the model look at pictures whose question is still being typed in `page`.

        `conversation` None is one that doesn't exist yet. What was read ahead for the page before
        ends, without pictures too.
        """

        def request() -> ChatRequest | None:
            return self._ahead(owner, conversation, digests, settings) if digests else None

        # By the disk's thread in either case: so the later of two calls is the later one there too.
        self._controller.read_ahead((owner, page), await self._on_disk(request))

    async def aclose(self) -> None:
        """Keep what answers say by now, then close the store."""
        for keeper in tuple(self._answers.values()):
            await keeper.end(None)
        self._closed = True
        self._readers.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._disk.shutdown)
        self._store.close()

    def _open(self, owner: str, conversation: str) -> Chat:
        chat = self._store.open(owner, conversation)
        keeper = self._answers.get((owner, conversation))
        if keeper and chat.messages and chat.messages[-1].id == keeper.message:
            return Chat(chat.id, chat.title, chat.settings, chat.messages[:-1])
        return chat

    def _ask(
        self,
        owner: str,
        conversation: str,
        text: str,
        digests: Sequence[str],
        settings: ChatSettings,
    ) -> str:
        path = self._store.open(owner, conversation).messages
        return self._add(owner, conversation, path, text, digests, settings)

    def _edit(
        self, owner: str, conversation: str, message: str, text: str, settings: ChatSettings
    ) -> str:
        *before, old = self._store.path(owner, conversation, message)
        if old.role != "user":
            raise InvalidRequest("Only your own messages can be edited.")
        digests = [picture.digest for picture in old.pictures]
        return self._add(owner, conversation, before, text, digests, settings)

    def _add(
        self,
        owner: str,
        conversation: str,
        path: Sequence[ChatMessage],
        text: str,
        digests: Sequence[str],
        settings: ChatSettings,
    ) -> str:
        """Keep a question after `path`, if it can be answered there."""
        if not text.strip() and not digests:
            raise InvalidRequest("Write a message or add a picture first.")
        parent = path[-1].id if path else None
        pictures = self._store.pictures.find(owner, digests)
        question = ChatMessage("", "user", text, parent, pictures, ())
        chat_request((*path, question), settings, owner, _without_pixels)
        title = _title(text) or ("A video" if pictures[0].frames else "A picture")
        return self._store.add_question(owner, conversation, parent, text, digests, settings, title)

    def _ahead(
        self, owner: str, conversation: str | None, digests: Sequence[str], settings: ChatSettings
    ) -> ChatRequest | None:
        if (owner, conversation) in self._answers:
            return None  # nobody knows yet what comes before the question
        pictures = self._store.pictures
        path = self._store.open(owner, conversation).messages if conversation else ()
        question = ChatMessage("", "user", "", None, pictures.find(owner, digests), ())
        return chat_request(
            (*path, question), settings, owner, lambda shown: pictures.get(owner, shown.digest)
        )

    def _again(self, owner: str, conversation: str, message: str, settings: ChatSettings) -> str:
        sampling(settings)
        old = self._store.message(owner, conversation, message)
        question = message if old.role == "user" else old.parent
        if question is None:
            raise InvalidRequest("There is no message to answer.")
        self._store.show_up_to(owner, conversation, question, settings)
        return question

    def _request(self, owner: str, conversation: str, message: str) -> ChatRequest:
        path = self._store.path(owner, conversation, message)
        settings = self._store.open(owner, conversation).settings
        pictures = self._store.pictures
        return chat_request(path, settings, owner, lambda shown: pictures.get(owner, shown.digest))

    def _refuse_second(self, owner: str, conversation: str) -> None:
        if (owner, conversation) in self._answers:
            raise InvalidRequest(BUSY)

    @contextmanager
    def _only_answer(self, owner: str, conversation: str, message: str) -> Iterator[AnswerKeeper]:
        """The keeper of the one answer that this conversation is being given."""
        self._refuse_second(owner, conversation)
        model = self._controller.status().engine.model
        keeper = AnswerKeeper(self._store, self._on_disk, owner, conversation, message, model)
        self._answers[owner, conversation] = keeper
        try:
            yield keeper
        finally:
            del self._answers[owner, conversation]

    async def _on_disk(self, action: Callable[[], T]) -> T:
        return await self._on_thread(self._disk, action)

    async def _read(self, action: Callable[[], T]) -> T:
        return await self._on_thread(self._readers, action)

    async def _on_thread(self, threads: ThreadPoolExecutor, action: Callable[[], T]) -> T:
        if self._closed:
            raise NotReady(CLOSING, retry_after=5)
        return await asyncio.get_running_loop().run_in_executor(threads, action)


def _without_pixels(picture: StoredPicture) -> Picture:
    return Picture(picture.digest, b"", picture.width, picture.height, picture.frames)


def _title(text: str) -> str:
    words = " ".join("".join(c for c in text if c >= " " or c.isspace()).split())
    if len(words) <= LONGEST_TITLE:
        return words
    return words[: LONGEST_TITLE - 1].rsplit(" ", 1)[0] + "…"
