"""What each event does and draws, on a real store and the echo engine, without a browser."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from app.chat_request import WORDLESS
from app.controller import Controller
from app.conversations import Conversations
from app.engine.echo import EchoEngine
from app.errors import EngineError
from app.messages import ChatRequest
from app.store import Store
from app.ui.events import BROKEN, GONE, NEWS, SKIP, Desk, Drawn

pytestmark = pytest.mark.anyio
KNOBS = ("", 0.2, 1, 512)


class Tab:
    """A page of `owner` that speaks with a desk as the script does."""

    def __init__(self, desk: Desk, owner: str = "me") -> None:
        self.desk = desk
        self.request = gr.Request(request=SimpleNamespace(state=SimpleNamespace(owner=owner)))
        self.shown: dict[str, Any] = {"conversation": None, "query": "", "view": 1}

    async def act(self, name: str, *knobs: Any, **data: Any) -> dict[str, Any]:
        return (await self.draw(name, *knobs, **data)).state

    async def draw(self, name: str, *knobs: Any, **data: Any) -> Drawn:
        event = gr.EventData(None, self.shown | data)
        drawn: Drawn = await getattr(self.desk, name)(event, self.request, *knobs)
        self.shown["conversation"] = drawn.state.get("conversation", self.shown["conversation"])
        return drawn

    async def send(self, text: str, **data: Any) -> dict[str, Any]:
        return await self.act("send", *KNOBS, text=text, **data)

    async def follow(self) -> list[dict[str, Any]]:
        event = gr.EventData(None, self.shown)
        return [state async for state in self.desk.follow(event, self.request)]

    async def ask(self, text: str, **data: Any) -> dict[str, Any]:
        """Send, and wait for the end."""
        assert not (await self.send(text, **data)).get("notice")
        return (await self.follow())[-1]


@pytest.fixture
async def conversations(tmp_path: Path) -> AsyncIterator[Conversations]:
    store = Store(tmp_path)
    yield Conversations(store, Controller(EchoEngine(delay=0.002)))
    store.close()


@pytest.fixture
def tab(conversations: Conversations) -> Tab:
    return Tab(Desk(conversations, conversations._controller))


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (31, 17), "red").save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_sent_message_is_taken_and_its_answer_streams(tab: Tab) -> None:
    taken = await tab.send("hello there", token="t1")
    assert taken["sent"] == "t1"
    assert taken["busy"] is True
    assert "hello there" in taken["thread"]
    assert taken["title"] == "hello there"
    states = await tab.follow()
    assert any("hello" in state["live"] for state in states[:-1])
    assert states[-1]["busy"] is False
    assert states[-1]["live"] == ""
    assert states[-1]["thread"].count('data-testid="bot"') == 1


async def test_pictures_are_read_ahead_until_they_are_taken_away(
    tab: Tab, conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tab.ask("hello")
    picture = (await conversations.add_picture("me", _png())).digest
    asked: list[tuple[Any, ChatRequest | None]] = []
    controller = conversations._controller
    monkeypatch.setattr(controller, "read_ahead", lambda *given: asked.append(given))
    knobs = ("Be brief.", 0.2, 1, 512)
    event = gr.EventData(None, tab.shown | {"page": "p", "pictures": [picture]})
    await tab.desk.ahead(event, tab.request, *knobs)
    await tab.desk.ahead(gr.EventData(None, {"page": "p"}), tab.request, *knobs)
    (place, request), (then, nothing) = asked
    assert place == then
    assert request is not None
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user"]
    assert [one.digest for one in request.messages[-1].pictures] == [picture]
    assert request.messages[-1].text == WORDLESS  # which stands behind all that is read ahead
    assert nothing is None


async def test_nothing_of_others_is_read_ahead(
    tab: Tab, conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = (await conversations.add_picture("another", _png())).digest
    asked: list[object] = []
    monkeypatch.setattr(conversations._controller, "read_ahead", lambda *given: asked.append(given))
    event = gr.EventData(None, {"page": "p", "pictures": [picture]})
    await tab.desk.ahead(event, tab.request, *KNOBS)
    assert asked == []


async def test_each_state_carries_the_number_of_its_action(tab: Tab) -> None:
    tab.shown["view"] = 7
    assert (await tab.send("a b c"))["view"] == 7
    assert {state["view"] for state in await tab.follow()} == {7}


async def test_the_empty_page_and_an_unknown_chat(tab: Tab) -> None:
    assert "Talk with a picture" in (await tab.act("show"))["thread"]
    gone = await tab.act("show", conversation="nowhere")
    assert gone["notice"] == GONE
    assert gone["conversation"] is None


async def test_a_refused_message_leaves_no_chat_behind(tab: Tab) -> None:
    refused = await tab.send("   ")
    assert "Write a message" in refused["notice"]
    assert "thread" not in refused
    assert "sent" not in refused
    unknown = await tab.send("with a picture", pictures=["0" * 64])
    assert unknown["notice"]
    assert "data-chat" not in (await tab.act("show"))["chats"]


async def test_settings_come_back_with_their_chat(tab: Tab) -> None:
    await tab.draw("send", "be brief", 0.7, 0.9, 64.0, text="hello")
    await tab.follow()
    assert tuple(await tab.draw("show"))[1:] == ("be brief", 0.7, 0.9, 64)
    assert (await tab.draw("stop")).system is SKIP


async def test_settings_out_of_range_are_refused(tab: Tab) -> None:
    assert "temperature" in (await tab.act("send", "", 9, 1, 512, text="a"))["notice"]
    assert (await tab.act("send", "", "warm", 1, 512, text="a"))["notice"] == BROKEN


async def test_one_chat_takes_one_question_at_a_time(tab: Tab) -> None:
    await tab.send("word " * 200)
    other = Tab(tab.desk)
    other.shown = dict(tab.shown)
    refused = await other.send("me too")
    assert "still being written" in refused["notice"]
    assert refused["busy"] is True
    both = await asyncio.gather(tab.act("stop"), other.act("stop"))
    assert [state["busy"] for state in both] == [False, False]
    assert "me too" not in both[0]["thread"]


async def test_two_questions_at_the_same_moment_make_one_answer(tab: Tab) -> None:
    await tab.ask("first")
    states = await asyncio.gather(tab.send("left"), tab.send("right"))
    assert sorted(bool(state.get("notice")) for state in states) == [False, True]
    end = (await tab.follow())[-1]
    assert end["thread"].count('data-testid="user"') == 2


async def test_another_owner_sees_and_does_nothing(tab: Tab) -> None:
    await tab.ask("mine")
    thief = Tab(tab.desk, "thief")
    mine = tab.shown["conversation"]
    assert (await thief.act("show", conversation=mine))["notice"] == GONE
    for name, data in {
        "version": {"message": "x"},
        "rename": {"target": mine, "title": "x"},
        "remove": {"target": mine},
        "stop": {},
    }.items():
        assert (await thief.act(name, **({"conversation": mine} | data))).get("notice"), name
    for name in ("send", "edit", "regenerate"):
        state = await thief.act(name, *KNOBS, conversation=mine, text="x", message="x")
        assert state.get("notice"), name
    thief.shown["conversation"] = mine
    assert [("thread" in state, bool(state["notice"])) for state in await thief.follow()] == [
        (False, True)
    ]
    kept = await tab.act("show")
    assert kept["title"] == "mine"
    assert kept["thread"].count('data-testid="user"') == 1


async def test_answering_again_editing_and_turning_back(tab: Tab) -> None:
    first = await tab.ask("before")
    question = first["thread"].split('data-message="')[1].split('"')[0]
    answer = first["thread"].split('data-message="')[2].split('"')[0]
    assert (await tab.act("regenerate", *KNOBS, message=answer))["busy"]
    assert "2 / 2" in (await tab.follow())[-1]["thread"]
    assert (await tab.act("edit", *KNOBS, message=question, text="after"))["busy"]
    edited = (await tab.follow())[-1]["thread"]
    assert "after" in edited
    assert "before" not in edited
    assert "before" in (await tab.act("version", message=question))["thread"]


async def test_chats_are_found_renamed_and_removed(tab: Tab) -> None:
    await tab.ask("about zebras")
    zebras = tab.shown["conversation"]
    tab.shown["conversation"] = None
    await tab.ask("about lions")
    found = await tab.act("search", query="zebras")
    assert found["chats"].count("data-chat") == 1
    assert "thread" not in found
    renamed = await tab.act("rename", target=zebras, title="Stripes")
    assert "Stripes" in renamed["chats"]
    assert renamed["title"] == "about lions"
    assert (await tab.act("remove", target=zebras))["chats"].count("data-chat") == 1
    last = await tab.act("remove", target=tab.shown["conversation"])
    assert last["conversation"] is None
    assert "Talk with a picture" in last["thread"]


async def test_removing_a_chat_ends_its_answer(tab: Tab) -> None:
    await tab.send("word " * 500)
    assert (await tab.act("remove", target=tab.shown["conversation"]))["conversation"] is None
    assert tab.desk._controller.status().active == 0


async def test_following_a_chat_at_rest_draws_it_and_ends(tab: Tab) -> None:
    await tab.ask("hello")
    assert [state["busy"] for state in await tab.follow()] == [False]


async def test_pictures_stay_with_an_edited_message(tab: Tab, conversations: Conversations) -> None:
    picture = await conversations.add_picture("me", _png())
    first = await tab.ask("what?", pictures=[picture.digest])
    assert "[picture 31x17] what?" in first["thread"]
    question = first["thread"].split('data-message="')[1].split('"')[0]
    await tab.act("edit", *KNOBS, message=question, text="and now?")
    assert "[picture 31x17] and now?" in (await tab.follow())[-1]["thread"]


async def test_an_unexpected_failure_is_said_without_a_word_of_the_inside(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(tab.desk._conversations, "ask", fail)
    state = await tab.send("hello", token="t1")
    assert state == {"view": 1, "busy": False, "notice": BROKEN, "refused": "t1"}


async def test_an_answer_that_failed_before_a_page_followed_it_is_said_once(
    tab: Tab, conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> AsyncIterator[Any]:
        raise EngineError("It can't look at that.")
        yield

    monkeypatch.setattr(conversations, "answer", failing)
    await tab.send("hello")
    await asyncio.sleep(0.1)
    [state] = await tab.follow()
    assert (state["busy"], state["notice"]) == (False, "It can't look at that.")
    assert (await tab.act("show", conversation=tab.shown["conversation"]))["notice"] == ""


async def test_events_of_another_form_are_refused(tab: Tab) -> None:
    wrong: dict[str, Any] = {"conversation": ["x"], "text": 5, "pictures": "x", "token": {}}
    for key, value in wrong.items():
        assert (await tab.act("send", *KNOBS, **({"text": "a"} | {key: value}))).get("notice"), key
    assert "data-chat" not in (await tab.act("show"))["chats"]


async def test_the_model_is_looked_at_until_it_has_loaded(conversations: Conversations) -> None:
    loading = Desk(conversations, Controller(EchoEngine(loading=60.0)))
    request = gr.Request(request=SimpleNamespace(state=SimpleNamespace(owner="me")))
    badge, timer = loading.model(request)
    assert "loading" in badge
    assert timer.active is True
    ready = Desk(conversations, conversations._controller)
    assert ready.model(request)[1].value > timer.value


async def test_the_model_is_drawn_anew_only_where_it_has_changed(
    conversations: Conversations,
) -> None:
    controller = Controller(EchoEngine())
    desk = Desk(conversations, controller)
    request = gr.Request(request=SimpleNamespace(state=SimpleNamespace(owner="me", at_home=True)))
    assert "ready" in desk.news_of_model(request)[0]
    desk._changed -= NEWS + 1
    assert desk.news_of_model(request)[0] is SKIP
    await controller.drain(0)
    assert "stopped" in desk.news_of_model(request)[0]
    assert "stopped" in desk.model(request)[0]
    assert 'data-shelf="closed"' in desk.model(request)[0]  # an echo has no shelf
