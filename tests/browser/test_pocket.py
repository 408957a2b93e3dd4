"""The bundled model through the page, end to end: it looks at the picture and is honest."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.app import running
from tests.app.running import Running
from tests.browser.chat import Chat, File
from tests.browser.conftest import NewContext

POCKET = Path(__file__).resolve().parents[2] / "model" / "pocket" / "model.safetensors"
pytestmark = pytest.mark.skipif(not POCKET.exists(), reason="model/pocket isn't there yet")


@pytest.fixture(scope="module")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running.pocket(tmp_path_factory.mktemp("pocket")) as server:
        yield server


def figure(chat: Chat, server: Running, name: str) -> float:
    """One of the engine's numbers; none of them is there while it loads."""
    lines = chat.page.request.get(f"{server.url}/metrics").text().splitlines()
    found = [line for line in lines if line.startswith(f"llava_chat_engine_{name} ")]
    return float(found[0].split()[1]) if found else -1.0


def until(chat: Chat, condition: Callable[[], bool]) -> None:
    for _ in range(300):
        if condition():
            return
        chat.page.wait_for_timeout(100)
    raise AssertionError("it does not come about")


def test_a_picture_is_looked_at_before_the_question_is_sent(
    new_context: NewContext, pocket: Running
) -> None:
    chat = Chat.open(new_context(pocket.url), pocket.url)
    expect(chat.page.get_by_test_id("model")).to_contain_text("pocket")
    entries, reused = "prefix_cache_entries", "prefix_cache_tokens_reused"
    until(chat, lambda: figure(chat, pocket, "reading") == 0)
    before = figure(chat, pocket, entries)
    chat.page.locator(".card").nth(2).click()
    until(chat, lambda: figure(chat, pocket, entries) == before + 1)
    known = figure(chat, pocket, reused)
    chat.ask("What is in the picture?")
    expect(chat.answered(1)).not_to_be_empty()
    assert figure(chat, pocket, reused) > known + 64


def test_the_bundled_model_sees_the_example_and_follows_up(
    new_context: NewContext, pocket: Running
) -> None:
    chat = Chat.open(new_context(pocket.url), pocket.url)
    expect(chat.page.get_by_test_id("model")).to_contain_text("pocket")
    expect(chat.page.locator(".empty .note")).to_contain_text("tiny model")
    chat.page.locator(".card").nth(1).click()
    expect(chat.thumbnails).to_have_count(1)
    chat.ask("What color is the star?")
    expect(chat.answered(1)).to_contain_text("yellow", ignore_case=True)
    chat.ask("What color is the heart?")
    expect(chat.answered(2)).to_contain_text("red", ignore_case=True)
    chat.ask("Is there a blue circle?")
    expect(chat.answered(3)).to_contain_text("No")


@pytest.mark.parametrize(
    ("card", "answer"),
    [(0, "I see a red circle, a blue square and a yellow triangle."),
     (1, "The red heart is at the center right."), (2, "There are 4 shapes.")],
)  # fmt: skip
def test_the_page_s_own_examples_are_answered_rightly(
    new_context: NewContext, pocket: Running, card: int, answer: str
) -> None:
    chat = Chat.open(new_context(pocket.url), pocket.url)
    chat.page.locator(".card").nth(card).click()
    expect(chat.thumbnails).to_have_count(1)
    chat.box.press("Enter")
    expect(chat.answered(1)).to_have_text(answer)


def test_a_video_that_it_can_not_look_at_is_refused_when_it_is_dropped(
    new_context: NewContext, pocket: Running
) -> None:
    from tests.app.films import film

    chat = Chat.open(new_context(pocket.url), pocket.url)
    chat.drop(File("film.mp4", "video/mp4", film()))
    expect(chat.notice).to_contain_text(
        "film.mp4 is a video, and this model can't look at videos: LLaVA-OneVision can."
    )
    expect(chat.page.get_by_label("Video 1, full size")).to_have_count(0)
    chat.ask("hello")
    expect(chat.answers).to_contain_text("Hello!")
