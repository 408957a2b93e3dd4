"""A model that loads, and a line before it: what is sent is kept, and the page says so."""

from pathlib import Path

from playwright.sync_api import expect

from tests.app.running import running
from tests.browser.chat import Chat
from tests.browser.conftest import NewContext
from tests.browser.server import echoing


def test_a_question_sent_while_the_model_loads_is_kept_and_answered(
    new_context: NewContext, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    with echoing(tmp_path / "data", delay=0.01, gate=gate) as server:
        chat = Chat.open(new_context(server.url), server.url)
        expect(chat.page.get_by_test_id("model")).to_contain_text("loading")
        chat.ask("are you there?")
        expect(chat.page.locator("#live")).to_contain_text("The model is loading")
        chat.reload()
        expect(chat.page.locator("#live")).to_contain_text("The model is loading")
        gate.unlink()
        expect(chat.answered(1)).to_have_text("are you there?")
        expect(chat.page.get_by_test_id("model")).to_contain_text("ready")


def test_the_page_goes_on_by_itself_when_the_server_is_started_again(
    new_context: NewContext, tmp_path: Path
) -> None:
    with running(tmp_path) as server:
        chat = Chat.open(new_context(server.url), server.url)
        chat.ask("before")
        chat.answered(1)
        server.stop()
    chat.box.fill("typed while it was down")
    chat.box.press("Enter")
    expect(chat.page.get_by_test_id("toast-body")).to_contain_text("Attempting reconnection")
    with running(tmp_path, "--port", server.url.rpartition(":")[2]):
        expect(chat.page.get_by_test_id("toast-body")).to_have_count(0, timeout=20_000)
        chat.ready()
        expect(chat.answered(1)).to_have_text("before")
        expect(chat.box).to_have_value("typed while it was down")
        chat.box.press("Enter")
        expect(chat.answered(2)).to_have_text("typed while it was down")


def test_the_place_in_the_line_is_shown(new_context: NewContext, tmp_path: Path) -> None:
    with echoing(tmp_path, delay=0.03, capacity=1) as server:
        first = Chat.open(new_context(server.url), server.url)
        first.ask("word " * 400)
        first.writing.wait_for()
        second = first.tab()
        second.ask("second")
        expect(second.page.locator("#live")).to_contain_text("place 1 in line")
        third = first.tab()
        third.ask("third")
        expect(third.page.locator("#live")).to_contain_text("place 2 in line")
        first.stop.click()
        expect(second.answered(1)).to_have_text("second")
        expect(third.answered(1)).to_have_text("third")
