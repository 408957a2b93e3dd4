"""Conversations are the server's: a reload, another tab and the list of chats show them all."""

import re

from playwright.sync_api import Route, expect

from tests.browser.chat import Chat, picture
from tests.browser.conftest import OpenChat

LONG = " ".join(f"word{number}" for number in range(150))


def test_a_reload_loses_nothing(chat: Chat) -> None:
    chat.attach(picture())
    chat.ask("first")
    chat.answered(1)
    chat.ask("second")
    chat.answered(2)
    expect(chat.page).to_have_url(re.compile(r"\?c="))
    chat.reload()
    expect(chat.questions).to_have_count(2)
    expect(chat.answered(2)).to_have_text("second")
    expect(chat.page.locator("#thread .picture img")).to_have_count(1)


def test_a_reload_in_mid_answer_goes_on(chat: Chat) -> None:
    chat.ask(LONG)
    expect(chat.writing).to_contain_text("word5")
    chat.reload()
    chat.writing.wait_for()
    expect(chat.answered(1)).to_contain_text("word149")
    expect(chat.page.get_by_test_id("ending")).to_have_count(0)


def test_leaving_an_answer_for_another_chat_and_coming_back(chat: Chat) -> None:
    chat.ask(LONG)
    expect(chat.writing).to_contain_text("word5")
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.page.locator(".empty")).to_be_visible()
    expect(chat.writing).to_have_count(0)
    expect(chat.stop).to_be_hidden()
    chat.chats.first.locator("a").click()
    expect(chat.answered(1)).to_contain_text("word149")


def test_a_new_chat_begins_empty_and_the_old_one_is_kept(chat: Chat) -> None:
    chat.ask("in the first chat")
    chat.answered(1)
    chat.page.keyboard.press("Control+k")
    expect(chat.page.locator(".empty")).to_be_visible()
    expect(chat.page).not_to_have_url(re.compile(r"\?c="))
    chat.ask("in the second chat")
    expect(chat.answered(1)).to_have_text("in the second chat")
    expect(chat.questions).to_have_count(1)
    chat.page.go_back()
    chat.page.go_back()
    expect(chat.answered(1)).to_have_text("in the first chat")


def test_a_chat_left_at_once_after_sending_has_the_message_and_the_composer_is_free(
    chat: Chat,
) -> None:
    chat.box.fill("sent and left")
    chat.box.press("Enter")
    chat.page.keyboard.press("Control+k")
    expect(chat.chats.filter(has_text="sent and left")).to_have_count(1)
    expect(chat.box).to_have_value("")
    expect(chat.page.locator(".empty")).to_be_visible()
    chat.ask("the next chat")
    expect(chat.answered(1)).to_have_text("the next chat")
    expect(chat.questions).to_have_count(1)


def leave_while_a_picture_is_on_its_way(chat: Chat) -> Route:
    """Send a picture, which is held up, and go to a new chat."""
    held: list[Route] = []
    chat.page.route("**/pictures", lambda route: held.append(route))
    chat.ask("first")
    chat.answered(1)
    chat.attach(picture())
    chat.box.fill("look at this")
    chat.box.press("Enter")
    chat.page.keyboard.press("Control+k")
    expect(chat.page.locator(".empty")).to_be_visible()
    return held[0]


def test_a_message_goes_to_the_chat_in_which_it_was_sent_though_one_has_left(chat: Chat) -> None:
    leave_while_a_picture_is_on_its_way(chat).continue_()
    expect(chat.box).to_have_value("")
    expect(chat.thumbnails).to_have_count(0)
    expect(chat.page.locator(".empty")).to_be_visible()
    chat.chats.first.locator("a").click()
    expect(chat.answered(2)).to_have_text("[picture 120x90] look at this")


def test_what_is_refused_after_one_has_left_is_said_and_kept(chat: Chat) -> None:
    picture_on_its_way = leave_while_a_picture_is_on_its_way(chat)
    count = chat.chats.count()
    chat.chats.first.get_by_label("Delete").click()
    chat.page.get_by_role("button", name="Delete", exact=True).last.click()
    expect(chat.chats).to_have_count(count - 1)
    picture_on_its_way.continue_()
    expect(chat.notice).to_contain_text("exist")
    expect(chat.box).to_have_value("look at this")
    expect(chat.thumbnails).to_have_count(1)


def test_two_tabs_at_once_do_not_mix(chat: Chat) -> None:
    other = chat.tab()
    chat.ask("left " * 40)
    other.ask("right " * 40)
    expect(chat.writing).to_contain_text("left left")
    expect(other.writing).to_contain_text("right right")
    assert "right" not in chat.answered(1).inner_text()
    assert "left" not in other.answered(1).inner_text()
    expect(chat.questions).to_have_count(1)
    expect(other.questions).to_have_count(1)


def test_the_same_chat_in_two_tabs_takes_one_question_at_a_time(chat: Chat) -> None:
    chat.ask("hello")
    chat.answered(1)
    other = chat.tab(chat.page.url.removeprefix(chat.url))
    chat.ask(LONG)
    chat.writing.wait_for()
    other.box.fill("me too")
    other.box.press("Enter")
    expect(other.notice).to_contain_text("still being written")
    expect(other.box).to_have_value("me too")
    expect(other.writing).to_contain_text("word")
    chat.stop.click()
    other.answered(2)
    other.send.click()
    expect(other.answered(3)).to_have_text("me too")


def test_a_chat_is_named_by_its_first_question_and_can_be_renamed(chat: Chat) -> None:
    chat.ask("What is on the table?")
    chat.answered(1)
    row = chat.chats.filter(has_text="What is on the table?").first
    expect(chat.title).to_contain_text("What is on the table?")
    row.hover()
    row.get_by_label("Rename").click()
    name = chat.page.get_by_label("Name of this chat")
    name.fill("Breakfast")
    name.press("Enter")
    expect(chat.title).to_have_text("Breakfast")
    expect(chat.chats.filter(has_text="Breakfast")).to_have_count(1)
    chat.reload()
    expect(chat.title).to_have_text("Breakfast")


def test_a_deleted_chat_is_gone_after_a_question(chat: Chat) -> None:
    chat.ask("to be forgotten")
    chat.answered(1)
    address = chat.page.url.removeprefix(chat.url)
    row = chat.chats.filter(has_text="to be forgotten").first
    row.hover()
    row.get_by_label("Delete").click()
    chat.page.get_by_role("button", name="Cancel").click()
    expect(chat.answers).to_have_count(1)
    row.hover()
    row.get_by_label("Delete").click()
    chat.page.get_by_role("button", name="Delete", exact=True).last.click()
    expect(chat.page.locator(".empty")).to_be_visible()
    expect(chat.chats.filter(has_text="to be forgotten")).to_have_count(0)
    later = chat.tab(address)
    expect(later.notice).to_contain_text("doesn't exist any more")


def test_search_finds_a_chat_by_its_words(chat: Chat) -> None:
    chat.ask("a zebra in the garden")
    chat.answered(1)
    search = chat.page.get_by_label("Search chats")
    search.press_sequentially("zebra")
    expect(chat.chats).to_have_count(1)
    search.fill("")
    search.press_sequentially("nothing has this")
    expect(chat.chats).to_have_count(0)
    search.press("Escape")
    expect(chat.chats.filter(has_text="zebra")).to_have_count(1)


def test_settings_are_kept_with_the_chat(chat: Chat) -> None:
    chat.page.get_by_label("Settings", exact=True).click()
    chat.page.get_by_label("System prompt").fill("Answer in one word.")
    temperature = chat.page.get_by_label("number input for Temperature")
    temperature.fill("0.7")
    temperature.press("Tab")
    chat.ask("hello")
    chat.answered(1)
    chat.reload()
    chat.page.get_by_label("Settings", exact=True).click()
    expect(chat.page.get_by_label("System prompt")).to_have_value("Answer in one word.")
    expect(chat.page.get_by_label("number input for Temperature")).to_have_value("0.7")


def test_an_address_of_no_chat_says_so_and_shows_the_empty_page(open_chat: OpenChat) -> None:
    chat = open_chat("/?c=there-is-none")
    expect(chat.notice).to_contain_text("doesn't exist any more")
    expect(chat.page.locator(".empty")).to_be_visible()
    expect(chat.page).not_to_have_url(re.compile(r"\?c="))
