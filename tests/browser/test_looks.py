"""Wide and narrow, light and dark, for eyes and for screen readers."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.browser.chat import Chat, File, picture
from tests.browser.conftest import OpenChat

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
RICH = "# Head\n\n`code`\n\n```py\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> q\n\n[l](https://a.b)"


def fits(chat: Chat) -> bool:
    """Whether nothing sticks out to the side."""
    return bool(
        chat.page.evaluate(
            "document.scrollingElement.scrollWidth <= innerWidth && "
            "document.querySelector('#scroller').scrollWidth <= "
            "document.querySelector('#scroller').clientWidth"
        )
    )


def test_on_a_phone_the_composer_is_below_and_the_sides_are_closed(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    expect(chat.page.locator("#rail")).to_be_hidden()
    expect(chat.page.locator("#panel")).to_be_hidden()
    assert fits(chat)
    box = chat.page.locator(".composer").bounding_box()
    assert box is not None
    assert 780 < box["y"] + box["height"] <= 844
    chat.attach(*(picture(size=(900, 300 + n)) for n in range(5)))
    chat.ask("a" * 300 + " " + RICH)
    chat.answered(1)
    assert fits(chat)


def test_on_a_phone_chats_and_settings_come_and_go(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    chat.ask("a chat on the phone")
    chat.answered(1)
    chat.page.get_by_label("Open sidebar").tap()
    expect(chat.page.locator("#rail")).to_be_visible()
    chat.chats.first.locator("a").tap()
    expect(chat.page.locator("#rail")).to_be_hidden()
    chat.page.get_by_label("Settings", exact=True).tap()
    expect(chat.page.get_by_label("System prompt")).to_be_visible()
    assert fits(chat)
    chat.page.get_by_label("Close settings").tap()
    expect(chat.page.locator("#panel")).to_be_hidden()


def test_on_a_phone_a_side_covers_the_messages_until_escape(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    chat.page.get_by_label("Open sidebar").tap()
    expect(chat.page.get_by_label("Close sidebar")).to_be_focused()
    expect(chat.page.locator("#stage")).to_have_attribute("inert", "")
    chat.page.keyboard.press("Escape")
    expect(chat.page.locator("#rail")).to_be_hidden()
    expect(chat.page.get_by_label("Open sidebar")).to_be_focused()


SMALL = """() => [...document.querySelectorAll("button, a, input, textarea")]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .map((element) => [element.ariaLabel || element.textContent, element.getBoundingClientRect()])
  .filter(([, box]) => box.width < 40 || box.height < 40)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""


def test_on_a_phone_everything_is_large_enough_for_a_finger(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    chat.ask("```py\nx\n```")
    chat.answered(1)
    chat.page.get_by_label("Answer again").tap()
    expect(chat.page.locator(".version")).to_contain_text("2 / 2")
    chat.attach(picture())
    expect(chat.thumbnails).to_have_count(1)
    chat.drop(File("notes.txt", "text/plain", b"no picture"))
    expect(chat.notice).to_be_visible()
    assert chat.page.evaluate(SMALL) == []
    chat.page.get_by_label("Open sidebar").tap()
    expect(chat.page.locator("#rail")).to_be_visible()
    assert chat.page.evaluate(SMALL) == []
    chat.page.get_by_label("Close sidebar").tap()
    chat.page.get_by_label("Settings", exact=True).tap()
    expect(chat.page.locator("#panel")).to_be_visible()
    assert chat.page.evaluate(SMALL) == []


def test_on_a_phone_a_table_scrolls_and_breaks_no_word(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    chat.ask("| Name | " + "Somewhatlong | " * 5 + "\n" + "|---" * 6 + "|\n" + "| word " * 6 + "|")
    table = chat.answered(1).locator(".table")
    assert fits(chat)
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")
    assert table.locator("th").first.evaluate("cell => cell.offsetHeight") < 45


def test_a_text_from_right_to_left_stands_so(chat: Chat) -> None:
    chat.ask("שלום עולם")
    for place in (chat.answered(1), chat.page.locator(".bubble"), chat.title, chat.box):
        if place == chat.box:
            chat.box.fill("שלום")
        assert place.evaluate("element => getComputedStyle(element).direction") == "rtl"


LIGHT = "rgb(255, 255, 255)"


def test_dark_follows_the_system_and_the_button_is_remembered(open_chat: OpenChat) -> None:
    chat = open_chat(color_scheme="dark")
    body = chat.page.locator("body")
    expect(body).to_have_css("background-color", "rgb(27, 28, 28)")
    expect(body).to_have_css("color", "rgb(236, 236, 234)")
    chat.page.get_by_label("Use light colours").click()
    expect(body).to_have_css("background-color", LIGHT)
    chat.reload()
    expect(body).to_have_css("background-color", LIGHT)
    chat.page.get_by_label("Use dark colours").click()  # as the system: followed again
    chat.page.emulate_media(color_scheme="light")
    expect(body).to_have_css("background-color", LIGHT)


def test_the_sidebar_stays_as_it_was_left(chat: Chat) -> None:
    chat.page.get_by_label("Close sidebar").click()
    expect(chat.page.locator("#rail")).to_be_hidden()
    chat.reload()
    expect(chat.page.locator("#rail")).to_be_hidden()
    chat.page.get_by_label("Open sidebar").click()
    expect(chat.page.locator("#rail")).to_be_visible()


def test_chats_messages_and_settings_stand_side_by_side(chat: Chat) -> None:
    chat.page.get_by_label("Settings", exact=True).click()
    expect(chat.page.get_by_label("System prompt")).to_be_visible()
    boxes = [chat.page.locator(side).bounding_box() for side in ("#rail", "#stage", "#panel")]
    ends = 0.0
    for box in boxes:
        assert box is not None
        assert (box["x"], box["y"]) == (ends, 0)
        ends += box["width"]
    viewport = chat.page.viewport_size
    assert viewport is not None
    assert [box and box["height"] for box in boxes] == [viewport["height"]] * 3
    assert ends == viewport["width"]


@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark"}, PHONE, PHONE | {"color_scheme": "dark"}],
    ids=["light", "dark", "phone", "dark-phone"],
)
def test_no_serious_hurdle_for_screen_readers(open_chat: OpenChat, options: dict[str, Any]) -> None:
    chat = open_chat(bypass_csp=True, **options)
    assert hurdles(chat) == []
    chat.attach(picture())
    chat.ask(RICH)
    chat.answered(1)
    chat.page.get_by_label("Settings", exact=True).click()
    expect(chat.page.get_by_label("System prompt")).to_be_visible()
    assert hurdles(chat) == []


def hurdles(chat: Chat) -> list[tuple[str, str]]:
    found = Axe().run(chat.page).response["violations"]
    return [
        (rule["id"], node["html"][:200])
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def test_the_page_has_one_title_and_a_name(chat: Chat) -> None:
    expect(chat.page.locator("h1")).to_have_count(1)
    expect(chat.page).to_have_title("LLaVA Chat")
    chat.ask("a question")
    chat.answered(1)
    expect(chat.page).to_have_title("a question · LLaVA Chat")
    expect(chat.page.locator("h1")).to_have_count(1)


def test_it_says_which_model_answers_and_how_another_is_loaded(chat: Chat) -> None:
    model = chat.page.get_by_test_id("model")
    expect(model).to_contain_text("echo")
    expect(model).to_contain_text("ready")
    model.click()
    expect(chat.page.locator("dialog")).to_contain_text("--model llava-1.5-7b")
