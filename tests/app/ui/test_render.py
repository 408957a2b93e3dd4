"""Messages, running answers, the list of chats and the model's card as HTML."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from app.controller import ControllerStatus
from app.conversations import ChatMessage, Conversation, StoredPicture
from app.engine.base import EngineState, EngineStatus
from app.messages import FinishReason, Usage
from app.ui.answers import Answer, Phase
from app.ui.model_card import badge, empty_page
from app.ui.render import SHOWN_TURNS, live, stats, thread
from app.ui.sidebar import chat_list

EVIL = "<img src=x onerror=alert(1)>\"'&"
ASKED = ChatMessage("u1", "user", "What is it?", None, (), ("u1",))
SAID = ChatMessage("a1", "assistant", "A **cat**.", "u1", (), ("a1",), "stop")
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


def test_a_question_is_escaped_in_text_and_attributes() -> None:
    html = thread([replace(ASKED, id=EVIL, text=EVIL), SAID], busy=False)
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;&quot;&#x27;&amp;") == 3


def test_an_answer_is_drawn_as_markdown_and_its_source_is_kept_for_copying() -> None:
    html = thread([ASKED, SAID], busy=False)
    assert "<strong>cat</strong>" in html
    assert 'data-text="A **cat**."' in html
    assert "<img" not in thread([ASKED, replace(SAID, text=EVIL)], busy=False)


def test_pictures_are_addresses_of_thumbnails_with_their_size() -> None:
    pictures = (StoredPicture("a" * 64, 640, 480), StoredPicture("b" * 64, 30, 40))
    html = thread([replace(ASKED, pictures=pictures), SAID], busy=False)
    assert f'src="/media/{"a" * 64}?thumb=1" alt="Picture 1" width="640" height="480"' in html
    assert f'data-full="/media/{"b" * 64}"' in html


def test_a_clip_is_called_a_video() -> None:
    clip = StoredPicture("a" * 64, 640, 480, 8)
    html = thread([replace(ASKED, pictures=(clip,)), SAID], busy=False)
    assert 'alt="Video 1"' in html
    assert 'aria-label="Video 1, full size"' in html


def test_versions_are_numbered_and_lead_to_their_neighbours() -> None:
    html = thread([ASKED, replace(SAID, versions=("a0", "a1", "a2"))], busy=False)
    assert "2 / 3" in html
    assert re.findall(r'data-to="(\w+)"', html) == ["a0", "a2"]
    first = thread([ASKED, replace(SAID, versions=("a1", "a2"))], busy=False)
    assert re.findall(r'data-to="(\w+)"', first) == ["a2"]


def test_nothing_can_be_changed_while_an_answer_is_written() -> None:
    html = thread([replace(ASKED, versions=("u0", "u1"))], busy=True)
    for act in ('data-act="edit"', 'data-act="regenerate"', "data-to="):
        assert act not in html


@pytest.mark.parametrize("reason", [r for r in get_args(FinishReason) if r != "stop"])
def test_what_ended_an_answer_early_is_said(reason: FinishReason) -> None:
    assert 'data-testid="ending"' in thread(
        [ASKED, replace(SAID, finish_reason=reason)], busy=False
    )


def test_an_answer_without_an_end_was_interrupted_and_an_ended_one_says_nothing() -> None:
    assert "Interrupted" in thread([ASKED, replace(SAID, finish_reason=None)], busy=False)
    assert "ending" not in thread([ASKED, SAID], busy=False)


def test_a_question_without_answer_offers_one_unless_it_is_being_written() -> None:
    assert "Answer it" in thread([ASKED], busy=False)
    assert "Answer it" not in thread([ASKED], busy=True)
    assert "Answer it" not in thread([ASKED, SAID], busy=False)


def test_a_long_conversation_shows_its_end_and_the_rest_on_request() -> None:
    messages = [replace(ASKED, id=f"u{n}", text=f"question {n}.") for n in range(SHOWN_TURNS + 5)]
    html = thread(messages, busy=False)
    assert "Show 5 earlier messages" in html
    assert "question 4." not in html
    assert "question 5." in html
    assert "question 4." in thread(messages, busy=False, everything=True)


def test_it_is_said_that_the_oldest_messages_are_no_longer_seen() -> None:
    said = "oldest 4 messages are no longer seen by the model"
    kept = replace(SAID, usage=Usage(10, 42, unseen_messages=4))
    assert said in thread([ASKED, kept], busy=False)
    assert said in live(Answer("o", "c", Phase.READING, unseen=4))
    assert said in live(Answer("o", "c", Phase.WRITING, text="so", unseen=4))
    assert "no longer seen" not in thread([ASKED, SAID], busy=False)


def test_figures_are_told_where_there_are_any() -> None:
    assert "42 tokens · 61 tok/s · first token 0.31 s" in stats(Usage(10, 42, 0.31, 61.4))
    assert "1 token · first token 0.20 s" in stats(Usage(10, 1, 0.2, 0.0))
    assert stats(None) == stats(Usage()) == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer("o", "c", Phase.LOADING), "The model is loading"),
        (Answer("o", "c", Phase.IN_LINE, place=3), "place 3 in line"),
        (Answer("o", "c", Phase.READING), "Reading<"),
        (Answer("o", "c", Phase.READING, read=0.5), "Reading 50%"),
        (Answer("o", "c", Phase.WRITING, text="**so** far"), "<strong>so</strong> far"),
    ],
)
def test_a_running_answer_says_what_it_is_at(answer: Answer, said: str) -> None:
    assert said in live(answer)
    assert "<img" not in live(replace(answer, text=EVIL))


def chat(name: str, age: timedelta) -> Conversation:
    return Conversation(name, f"About {name}", NOW - age)


def test_chats_are_listed_by_age_and_the_shown_one_is_marked() -> None:
    days = {"a": 0, "b": 1, "c": 4, "d": 40}
    html = chat_list(
        [chat(name, timedelta(days=n)) for name, n in days.items()], current="b", query="", now=NOW
    )
    assert re.findall(r"<h2>([^<]+)</h2>", html) == ["Today", "Yesterday", "Last 7 days", "Earlier"]
    assert re.findall(r'data-chat="(\w)"', html) == ["a", "b", "c", "d"]
    assert html.count('aria-current="page"') == 1
    assert 'class="current" data-chat="b"' in html


def test_a_list_without_chats_says_why() -> None:
    assert "will be listed" in chat_list([], current=None, query="", now=NOW)
    assert "No chat has" in chat_list([], current=None, query="zebra", now=NOW)


def test_titles_are_escaped() -> None:
    html = chat_list([Conversation("a", EVIL, NOW)], current=None, query="", now=NOW)
    assert "<img" not in html


def status(state: EngineState = "ready", model: str = "pocket", **more: object) -> ControllerStatus:
    return ControllerStatus(EngineStatus(state, model, **more), 0, 0, state == "ready")  # type: ignore[arg-type]


def test_the_badge_names_model_and_state() -> None:
    assert '<span class="name">pocket</span>' in badge(status())
    assert "loading 40%" in badge(status("loading", progress=0.4))
    failed = badge(status("failed", detail=EVIL))
    assert "doesn't work" in failed
    assert "<img" not in failed
    assert "<img" not in badge(status(model=EVIL))


def test_pocket_says_what_it_is_and_how_a_full_llava_is_loaded() -> None:
    assert "tiny" in empty_page(status())
    assert "tiny" in badge(status())
    assert "--model llava-1.5-7b" in badge(status())


def test_the_card_tells_the_memory_where_the_engine_knows_it() -> None:
    figures = {"conversation_bytes_allowed": 2e9, "weights_bytes": 14e9, "memory_bytes": 14.5e9}
    said = badge(status(figures=figures))
    assert "weights take 14 GB, conversations may take 2.00 GB" in said
    assert "--memory" not in badge(status())


def test_another_model_is_not_called_tiny() -> None:
    assert "tiny" not in empty_page(status(model="llava-1.5-7b"))
    assert "tiny" not in badge(status(model="llava-1.5-7b"))


def test_the_empty_page_says_when_the_model_can_not_be_loaded() -> None:
    assert "No such folder." in empty_page(status("failed", detail="No such folder."))
