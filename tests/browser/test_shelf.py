"""The shelf in a browser, with a stand-in hub: download, pause, close, resume, use, ask, remove."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.app.engine.model_thread import write_speaker
from tests.app.running import pocket
from tests.browser.chat import Chat, picture
from tests.browser.conftest import PATIENCE, NewContext
from tests.browser.test_looks import PHONE, hurdles
from tests.hub_server import HubServer

BAK = "llava-hf/bakLlava-v1-hf"
SLOW = 60_000  # ms: a model is loaded meanwhile
LARGER = {"hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 4}


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """What is expected may take the time of a loading to come true."""
    expect.set_options(timeout=SLOW)
    yield
    expect.set_options(timeout=PATIENCE)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer(tmp_path / "served") as hub:
        write_speaker(hub.repository(BAK), text=LARGER)
        for name, value in (hub.environment(tmp_path / "cache") | {"HOME": str(tmp_path)}).items():
            monkeypatch.setenv(name, value)
        yield hub


def open_shelf(chat: Chat) -> Locator:
    """Open the dialog; its row of BakLLaVA."""
    chat.page.get_by_test_id("model").click()
    row = chat.page.locator(f'.model-row[data-model="{BAK}"]')
    row.wait_for()
    return row


def test_a_model_is_downloaded_paused_resumed_used_asked_and_removed(
    new_context: NewContext, tmp_path: Path, hub: HubServer
) -> None:
    hub.pace = 250_000
    with pocket(tmp_path / "data") as server:
        chat = Chat.open(new_context(server.url), server.url)
        expect(chat.page.get_by_test_id("model")).to_contain_text("ready")
        row = open_shelf(chat)
        expect(chat.page.locator(".machine")).to_contain_text("of memory")
        assert hub.asked == []  # nobody has asked for anything yet
        row.get_by_role("button", name="Download").click()
        expect(row).to_contain_text(re.compile(r"of 3\.\d+ MB · \S+ [kM]B/s · \d+ \w+ left"))
        row.get_by_role("button", name="Pause").click()
        expect(row).to_have_attribute("data-state", "begun")
        done = float(row.locator("progress").get_attribute("value") or 0)
        assert 0 < done < float(row.locator("progress").get_attribute("max") or 0)
        chat.page.get_by_label("Close", exact=True).click()
    hub.pace = None
    hub.asked.clear()
    with pocket(tmp_path / "data") as server:
        chat = Chat.open(new_context(server.url), server.url)
        chat.page.locator(".card").nth(1).click()
        expect(chat.thumbnails).to_have_count(1)
        chat.ask("What color is the star?")
        expect(chat.answered(1)).to_contain_text("yellow", ignore_case=True)
        row = open_shelf(chat)
        expect(row).to_contain_text("not complete")
        row.get_by_role("button", name="Resume").click()
        use = row.locator('[data-shelf="use"]')
        warning = use.get_attribute("data-warning")
        use.click()
        if warning:  # by its true size it is too large for many machines
            chat.page.locator("dialog").last.get_by_role("button", name="Use").click()
        expect(row).to_have_attribute("data-state", "in use")
        assert any(asked.start > 0 for asked in hub.asked)
        chat.page.get_by_label("Close", exact=True).click()
        expect(chat.page.get_by_test_id("model")).to_contain_text("bakllava")
        models = chat.page.request.get(f"{server.url}/v1/models").json()["data"]
        assert [model["id"] for model in models] == ["bakllava"]
        chat.ask("And now?")  # the conversation goes on, with the picture
        expect(chat.answered(2)).not_to_be_empty()
        row = open_shelf(chat)
        expect(row.get_by_role("button")).to_have_count(0)
        first = chat.page.locator('.model-row[data-model="pocket"]')
        first.get_by_role("button", name="Use").click()
        expect(first).to_have_attribute("data-state", "in use")
        row.get_by_role("button", name="Remove").click()
        chat.page.locator("dialog").last.get_by_role("button", name="Remove").click()
        expect(row).to_have_attribute("data-state", "absent")
        assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_what_can_not_be_had_is_said_and_the_shelf_fits_a_phone(
    new_context: NewContext, tmp_path: Path, hub: HubServer
) -> None:
    with pocket(tmp_path / "data") as server:
        chat = Chat.open(new_context(server.url, bypass_csp=True, **PHONE), server.url)
        open_shelf(chat)
        assert hurdles(chat) == []
        field = chat.page.get_by_label("A model of Hugging Face, or a folder")
        field.fill("nobody/nothing")
        field.press("Enter")
        row = chat.page.locator('.model-row[data-model="nobody/nothing"]')
        expect(row).to_contain_text("Hugging Face has no public repository nobody/nothing.")
        field.fill("nonsense <img>")
        field.press("Enter")
        expect(chat.page.get_by_test_id("shelf-said")).to_contain_text("neither OWNER/NAME")
        assert chat.page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        list_ = chat.page.locator(".model-list")
        assert list_.evaluate("(list) => list.scrollWidth <= list.clientWidth")


def test_a_shared_link_has_no_shelf(
    new_context: NewContext, tmp_path: Path, hub: HubServer
) -> None:
    with pocket(tmp_path / "data") as server:
        forwarded = {"X-Forwarded-For": "192.0.2.1"}
        chat = Chat.open(new_context(server.url, extra_http_headers=forwarded), server.url)
        expect(chat.page.get_by_test_id("model")).to_contain_text("ready")
        chat.page.get_by_test_id("model").click()
        expect(chat.page.locator("dialog")).to_contain_text("--model llava-1.5-7b")
        expect(chat.page.locator(".model-row")).to_have_count(0)
    assert hub.asked == []


def test_what_another_model_has_no_room_for_is_left_out_or_refused_and_said(
    new_context: NewContext, tmp_path: Path, hub: HubServer
) -> None:
    # 121 visual tokens a picture, where the bundled model has fewer, and 512 in all.
    narrow = write_speaker(tmp_path / "narrow", vision={"image_size": 154})
    with pocket(tmp_path / "data") as server:
        chat = Chat.open(new_context(server.url), server.url)
        for number, colour in enumerate(("tomato", "teal"), start=1):
            chat.attach(picture(colour))
            expect(chat.thumbnails).to_have_count(1)
            chat.ask("Hi?")
            chat.answered(number)
        open_shelf(chat)
        field = chat.page.get_by_label("A model of Hugging Face, or a folder")
        field.fill(str(narrow))
        field.press("Enter")
        row = chat.page.locator(".model-row", has_text="narrow")
        expect(row).to_have_attribute("data-state", "in use")
        expect(row).to_contain_text("a folder of this machine")
        chat.page.get_by_label("Close", exact=True).click()
        chat.ask("Now?")
        chat.answered(3)
        expect(chat.answers.nth(2)).to_contain_text("its oldest 2 messages are no longer")
        chat.attach(*(picture(colour) for colour in ("gold", "navy", "plum")))
        expect(chat.thumbnails).to_have_count(3)
        chat.box.fill("Three?")
        chat.box.press("Enter")
        said = chat.page.get_by_text("363 of them for 3 pictures")
        expect(said.first).to_contain_text("takes 511 at most")
