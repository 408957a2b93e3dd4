"""What happens at each event of the page, and what is drawn after it.

Actions are short and return at once; one event, `follow`, streams the answer that is being
written. Each checks the owner through `Conversations`. Knows nothing of engines and SQL.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, NamedTuple

import gradio as gr

from app.controller import Controller
from app.conversations import ChatSettings, Conversations
from app.errors import ChatError, NotFound
from app.failures import log_failure
from app.ui.answers import Answers
from app.ui.model_card import badge, empty_page
from app.ui.owner import owner_of
from app.ui.render import live, thread
from app.ui.sidebar import chat_list
from app.ui.words import Words

log = logging.getLogger(__name__)
SKIP = gr.skip()
GONE = "This chat doesn't exist any more."
BROKEN = "Something went wrong here. Try again; the server's log says more."
# The events that redraw the conversation, and whether they take the settings along.
ACTIONS = {
    "show": False,
    "send": True,
    "edit": True,
    "regenerate": True,
    "version": False,
    "stop": False,
    "rename": False,
    "remove": False,
}


class Drawn(NamedTuple):
    """What an action draws: the state for `static/js/chat.js`, and the settings where they change.

    Of the state's keys only those that are there are drawn: thread, live, chats (HTML),
    conversation, title, busy, notice, sent. `view` is the number the page gave this action: an
    answer that comes later than that of the next action is not drawn.
    """

    state: dict[str, Any]
    system: Any = SKIP
    temperature: Any = SKIP
    top_p: Any = SKIP
    length: Any = SKIP


def safely(action: Callable[..., Awaitable[Drawn]]) -> Callable[..., Awaitable[Drawn]]:
    """What goes wrong is said in the page; all else in it stays, what was typed too."""

    async def safe(self: "Desk", event: gr.EventData, request: gr.Request, *knobs: Any) -> Drawn:
        words = Words(event)
        try:
            return await action(self, owner_of(request), words, *knobs)
        except ChatError as error:
            notice = error.message
        except Exception as error:
            log_failure(log, f"the page's {action.__name__} failed", error)
            notice = BROKEN
        return await self.complain(words, notice)

    safe.__name__ = action.__name__
    return safe


class Desk:
    """Takes the page's events. An action is named like the event it answers."""

    def __init__(self, conversations: Conversations, controller: Controller) -> None:
        self._conversations = conversations
        self._controller = controller
        self._answers = Answers(controller)

    @safely
    async def show(self, owner: str, words: Words) -> Drawn:
        """Another conversation, or none: a new one begins with its first message."""
        wanted, everything = words.maybe("conversation"), words.flag("all")
        try:
            return await self._draw(owner, words, wanted, everything=everything, knobs=True)
        except NotFound:
            return await self._draw(owner, words, None, notice=GONE)

    @safely
    async def send(self, owner: str, words: Words, *knobs: Any) -> Drawn:
        """A message, kept before anything else; its answer begins."""
        conversation, settings = words.maybe("conversation"), _settings(*knobs)
        self._answers.refuse_second(conversation)
        text, pictures = words.text("text"), words.texts("pictures")
        if conversation is not None:
            message = await self._conversations.ask(owner, conversation, text, pictures, settings)
        else:
            conversation, message = await self._begin(owner, text, pictures, settings)
        return await self._answer(owner, words, conversation, message)

    @safely
    async def edit(self, owner: str, words: Words, *knobs: Any) -> Drawn:
        """Another version of a message, with its pictures; its answer begins."""
        conversation = words.text("conversation")
        self._answers.refuse_second(conversation)
        message = await self._conversations.edit(
            owner, conversation, words.text("message"), words.text("text"), _settings(*knobs)
        )
        return await self._answer(owner, words, conversation, message)

    @safely
    async def regenerate(self, owner: str, words: Words, *knobs: Any) -> Drawn:
        """Another answer to the same message."""
        conversation = words.text("conversation")
        self._answers.refuse_second(conversation)
        message = await self._conversations.again(
            owner, conversation, words.text("message"), _settings(*knobs)
        )
        return await self._answer(owner, words, conversation, message)

    @safely
    async def version(self, owner: str, words: Words) -> Drawn:
        """Turn to another version of a message."""
        conversation = words.text("conversation")
        self._answers.refuse_second(conversation)
        await self._conversations.switch(owner, conversation, words.text("message"))
        return await self._draw(owner, words, conversation)

    @safely
    async def stop(self, owner: str, words: Words) -> Drawn:
        """End the answer that is being written; what it said stays."""
        conversation = words.text("conversation")
        await self._conversations.open(owner, conversation)
        await self._answers.stop(conversation)
        return await self._draw(owner, words, conversation)

    @safely
    async def search(self, owner: str, words: Words) -> Drawn:
        """The chats in which these words stand."""
        chats = await self._chats(owner, words, words.maybe("conversation"))
        return Drawn({"view": words.number("view"), "chats": chats})

    @safely
    async def rename(self, owner: str, words: Words) -> Drawn:
        """Another name for a chat."""
        await self._conversations.rename(owner, words.text("target"), words.text("title"))
        return await self._draw(owner, words, words.maybe("conversation"))

    @safely
    async def remove(self, owner: str, words: Words) -> Drawn:
        """A chat and its pictures, for good."""
        target, shown = words.text("target"), words.maybe("conversation")
        await self._conversations.open(owner, target)
        await self._answers.stop(target)
        await self._conversations.delete(owner, target)
        return await self._draw(owner, words, None if shown == target else shown)

    async def follow(
        self, event: gr.EventData, request: gr.Request
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Draw the answer that is being written until it ends."""
        words = Words(event)
        try:
            async with aclosing(self._news(owner_of(request), words)) as news:
                async for state in news:
                    yield state
        except ChatError as error:
            yield {"view": words.number("view"), "busy": False, "notice": error.message}

    def model(self) -> tuple[str, gr.Timer]:
        """Name and state of the model; looked at until it has loaded, or has failed to."""
        status = self._controller.status()
        return badge(status), gr.Timer(active=status.engine.state == "loading")

    async def _news(self, owner: str, words: Words) -> AsyncGenerator[dict[str, Any], None]:
        view, conversation = words.number("view"), words.text("conversation")
        await self._conversations.open(owner, conversation)  # the owner's, or NotFound
        answer = self._answers.get(conversation)
        if answer is not None:
            async with aclosing(self._answers.follow(answer)) as changes:
                async for _ in changes:
                    yield {"view": view, "live": live(answer)}
        notice = answer.error if answer else ""
        yield (await self._draw(owner, words, conversation, notice=notice)).state

    async def complain(self, words: Words, notice: str) -> Drawn:
        """Say what went wrong, above the composer."""
        shown = words.maybe("conversation")
        busy = shown is not None and self._answers.get(shown) is not None
        return Drawn({"view": words.number("view"), "busy": busy, "notice": notice})

    async def _begin(
        self, owner: str, text: str, pictures: list[str], settings: ChatSettings
    ) -> tuple[str, str]:
        """A new conversation with its first message, or, where that can't be, neither."""
        conversation = await self._conversations.create(owner, settings)
        try:
            return conversation, await self._conversations.ask(
                owner, conversation, text, pictures, settings
            )
        except ChatError:
            await self._conversations.delete(owner, conversation)
            raise

    async def _answer(self, owner: str, words: Words, conversation: str, message: str) -> Drawn:
        self._answers.start(
            conversation, lambda: self._conversations.answer(owner, conversation, message)
        )
        return await self._draw(owner, words, conversation, sent=words.text("token"))

    async def _draw(
        self,
        owner: str,
        words: Words,
        conversation: str | None,
        *,
        everything: bool = False,
        knobs: bool = False,
        notice: str = "",
        sent: str = "",
    ) -> Drawn:
        answer = None if conversation is None else self._answers.get(conversation)
        state = {
            "view": words.number("view"),
            "conversation": conversation,
            "chats": await self._chats(owner, words, conversation),
            "live": live(answer) if answer else "",
            "busy": answer is not None,
            "notice": notice,
            "sent": sent,
        }
        if conversation is None:
            start = empty_page(self._controller.status().engine.model)
            return Drawn(state | {"thread": start, "title": ""})
        chat = await self._conversations.open(owner, conversation)
        messages = thread(chat.messages, busy=answer is not None, everything=everything)
        return Drawn(
            state | {"thread": messages, "title": chat.title}, *(chat.settings if knobs else ())
        )

    async def _chats(self, owner: str, words: Words, current: str | None) -> str:
        query = words.text("query")
        chats = await self._conversations.list(owner, query)
        return chat_list(chats, current=current, query=query, now=datetime.now(UTC))


def _settings(system: str, temperature: float, top_p: float, length: float) -> ChatSettings:
    return ChatSettings(system or "", float(temperature), float(top_p), int(length))
