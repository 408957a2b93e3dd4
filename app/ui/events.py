"""What happens at each event of the page, and what is drawn after it.

Actions are short and return at once; one event, `follow`, streams the answer that is being
written. Each checks the owner through `Conversations`. Knows nothing of engines and SQL.
"""

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, NamedTuple

import gradio as gr

from app.controller import Controller, ControllerStatus
from app.conversations import ChatSettings, Conversations
from app.errors import ChatError, NotFound
from app.failures import log_failure
from app.ui.answers import Answers
from app.ui.model_card import badge, empty_page
from app.ui.owner import owner_of
from app.ui.render import live, thread
from app.ui.shelf_desk import ShelfDesk
from app.ui.sidebar import chat_list
from app.ui.words import Words

log = logging.getLogger(__name__)
SKIP = gr.skip()
GONE = "This chat doesn't exist any more."
BROKEN = "Something went wrong here. Try again; the server's log says more."
LOOK, LOOK_LOADING = 5.0, 1.0  # seconds between a page's looks at the model's state
NEWS = 90.0  # seconds for which a change is told: a tab in the background looks once a minute
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
    conversation, title, busy, notice, and the token of the message that was sent or refused. `view`
    is the number the page gave this action: an answer that comes later than that of the next
    action is not drawn.
    """

    state: dict[str, Any]
    system: Any = SKIP
    temperature: Any = SKIP
    top_p: Any = SKIP
    length: Any = SKIP


def safely(action: Callable[..., Awaitable[Drawn]]) -> Callable[..., Awaitable[Drawn]]:
    """What goes wrong is said in the page; all else in it stays, what was typed too."""

    async def safe(self: "Desk", event: gr.EventData, request: gr.Request, *knobs: Any) -> Drawn:
        owner, words = owner_of(request), Words(event)
        try:
            return await action(self, owner, words, *knobs)
        except ChatError as error:
            notice = error.message
        except Exception as error:
            log_failure(log, f"the page's {action.__name__} failed", error)
            notice = BROKEN
        return await self.complain(owner, words, notice)

    safe.__name__ = action.__name__
    return safe


class Desk:
    """Takes the page's events. An action is named like the event it answers."""

    def __init__(self, conversations: Conversations, controller: Controller) -> None:
        self._conversations = conversations
        self._controller = controller
        self._answers = Answers(controller)
        self.shelf = ShelfDesk(controller)
        self._seen: tuple[object, ...] = ()  # of the model's state
        self._changed = time.monotonic()

    @safely
    async def show(self, owner: str, words: Words) -> Drawn:
        """Another conversation, or none: a new one begins with its first message."""
        wanted = words.maybe("conversation")
        try:
            return await self._draw(owner, words, wanted, knobs=True)
        except NotFound:
            return await self._draw(owner, words, None, notice=GONE)

    @safely
    async def send(self, owner: str, words: Words, *knobs: Any) -> Drawn:
        """A message, kept before anything else; its answer begins."""
        settings, text = _settings(*knobs), words.text("text")
        pictures, shown = words.texts("pictures"), words.maybe("conversation")
        conversation = shown or await self._conversations.create(owner, settings)
        try:
            return await self._answer(
                owner,
                words,
                conversation,
                self._conversations.ask(owner, conversation, text, pictures, settings),
            )
        except ChatError:
            if shown is None:
                await self._conversations.delete(owner, conversation)
            raise

    @safely
    async def edit(self, owner: str, words: Words, *knobs: Any) -> Drawn:
        """Another version of a message, with its pictures; its answer begins."""
        conversation, message = words.text("conversation"), words.text("message")
        kept = self._conversations.edit(
            owner, conversation, message, words.text("text"), _settings(*knobs)
        )
        return await self._answer(owner, words, conversation, kept)

    @safely
    async def regenerate(self, owner: str, words: Words, *knobs: Any) -> Drawn:
        """Another answer to the same message."""
        conversation, message = words.text("conversation"), words.text("message")
        kept = self._conversations.again(owner, conversation, message, _settings(*knobs))
        return await self._answer(owner, words, conversation, kept)

    @safely
    async def version(self, owner: str, words: Words) -> Drawn:
        """Turn to another version of a message."""
        conversation = words.text("conversation")
        if self._answers.get(owner, conversation) is None:
            await self._conversations.switch(owner, conversation, words.text("message"))
        return await self._draw(owner, words, conversation)

    @safely
    async def stop(self, owner: str, words: Words) -> Drawn:
        """End the answer that is being written; what it said stays."""
        conversation = words.text("conversation")
        await self._answers.stop(owner, conversation)
        return await self._draw(owner, words, conversation)

    @safely
    async def search(self, owner: str, words: Words) -> Drawn:
        """The chats in which these words stand."""
        chats = await self._chats(owner, words, words.maybe("conversation"))
        return Drawn({"view": words.view, "chats": chats})

    @safely
    async def rename(self, owner: str, words: Words) -> Drawn:
        """Another name for a chat."""
        await self._conversations.rename(owner, words.text("target"), words.text("title"))
        return await self._draw(owner, words, words.maybe("conversation"))

    @safely
    async def remove(self, owner: str, words: Words) -> Drawn:
        """A chat and its pictures, for good."""
        target, shown = words.text("target"), words.maybe("conversation")
        await self._answers.stop(owner, target)
        await self._conversations.delete(owner, target)
        return await self._draw(owner, words, None if shown == target else shown)

    async def ahead(self, event: gr.EventData, request: gr.Request, *knobs: Any) -> None:
        """Pictures were added or taken away: the model looks at them while one types."""
        words = Words(event)
        try:
            await self._conversations.read_ahead(
                owner_of(request),
                words.text("page"),
                words.maybe("conversation"),
                words.texts("pictures"),
                _settings(*knobs),
            )
        except ChatError as error:  # the question will say it
            log.debug("nothing is read ahead: %s", error.message)

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
            yield {"view": words.view, "busy": False, "notice": error.message}

    def model(self, request: gr.Request) -> tuple[Any, gr.Timer]:
        """Name and state of the model, and when to look again."""
        return badge(self._status(), shelf=self.shelf.is_open_to(request)), self._again()

    def news_of_model(self, request: gr.Request) -> tuple[Any, gr.Timer]:
        """The same, but only where it has changed of late: what is drawn anew loses the focus."""
        self._status()
        if time.monotonic() - self._changed > NEWS:
            return SKIP, self._again()
        return self.model(request)

    async def choose(
        self, event: gr.EventData, request: gr.Request
    ) -> tuple[dict[str, Any], Any, gr.Timer]:
        """What one does at the shelf of models; the model's state is drawn along."""
        return await self.shelf.act(event, request), *self.news_of_model(request)

    def _status(self) -> ControllerStatus:
        status = self._controller.status()
        engine = status.engine
        seen = (engine.model, engine.state, engine.doing, engine.progress)
        if seen != self._seen:
            self._seen, self._changed = seen, time.monotonic()
        return status

    def _again(self) -> gr.Timer:
        loading = self._controller.status().engine.state == "loading"
        return gr.Timer(LOOK_LOADING if loading else LOOK, active=True)

    async def _news(self, owner: str, words: Words) -> AsyncGenerator[dict[str, Any], None]:
        view, conversation = words.view, words.text("conversation")
        answer = self._answers.get(owner, conversation)
        if answer is not None:
            async with aclosing(self._answers.follow(answer)) as changes:
                async for _ in changes:
                    yield {"view": view, "live": live(answer)}
        notice = answer.error if answer else ""
        yield (await self._draw(owner, words, conversation, notice=notice)).state

    async def complain(self, owner: str, words: Words, notice: str) -> Drawn:
        """Say what went wrong, above the composer."""
        busy = self._answers.get(owner, words.shown) is not None
        return Drawn({"view": words.view, "busy": busy, "notice": notice, "refused": words.token})

    async def _answer(
        self, owner: str, words: Words, conversation: str, kept: Coroutine[Any, Any, str]
    ) -> Drawn:
        """Begin the answer to the message that `kept` stores; one at a time in a conversation."""
        try:
            sent = words.text("token")
            with self._answers.reserve(owner, conversation) as answer:
                message = await kept
                self._answers.begin(
                    answer, lambda: self._conversations.answer(owner, conversation, message)
                )
        finally:
            kept.close()
        return await self._draw(owner, words, conversation, sent=sent)

    async def _draw(
        self,
        owner: str,
        words: Words,
        conversation: str | None,
        *,
        knobs: bool = False,
        notice: str = "",
        sent: str = "",
    ) -> Drawn:
        answer = self._answers.get(owner, conversation)
        failure = "" if answer else self._answers.untold(owner, conversation)
        state = {
            "view": words.view,
            "conversation": conversation,
            "chats": await self._chats(owner, words, conversation),
            "live": live(answer) if answer else "",
            "busy": answer is not None,
            "notice": notice or failure,
            "sent": sent,
        }
        if conversation is None:
            start = empty_page(self._controller.status())
            return Drawn(state | {"thread": start, "title": ""})
        chat = await self._conversations.open(owner, conversation)
        messages = thread(chat.messages, busy=answer is not None, everything=words.flag("all"))
        return Drawn(
            state | {"thread": messages, "title": chat.title}, *(chat.settings if knobs else ())
        )

    async def _chats(self, owner: str, words: Words, current: str | None) -> str:
        query = words.text("query")
        chats = await self._conversations.list(owner, query)
        return chat_list(chats, current=current, query=query, now=datetime.now(UTC))


def _settings(system: str, temperature: float, top_p: float, length: float) -> ChatSettings:
    return ChatSettings(system or "", float(temperature), float(top_p), int(length))
