"""The page by keyboard alone."""

from playwright.sync_api import expect

from tests.browser.chat import Chat, picture


def test_one_can_write_at_once(chat: Chat) -> None:
    expect(chat.box).to_be_focused()


def test_shift_and_enter_begins_a_line_and_enter_sends(chat: Chat) -> None:
    chat.box.press_sequentially("one")
    chat.box.press("Shift+Enter")
    chat.box.press_sequentially("two")
    expect(chat.box).to_have_value("one\ntwo")
    expect(chat.questions).to_have_count(0)
    chat.box.press("Enter")
    expect(chat.page.locator(".bubble")).to_have_text("one\ntwo")
    expect(chat.box).to_have_value("")


def test_nothing_is_sent_when_there_is_nothing(chat: Chat) -> None:
    expect(chat.send).to_be_disabled()
    chat.box.press_sequentially("   ")
    chat.box.press("Enter")
    expect(chat.send).to_be_disabled()
    expect(chat.questions).to_have_count(0)


def test_what_is_sent_while_an_answer_is_written_goes_out_after_it(chat: Chat) -> None:
    chat.ask("word " * 30)
    chat.writing.wait_for()
    chat.box.fill("the next question")
    chat.box.press("Enter")
    expect(chat.page.locator(".queued")).to_contain_text("Goes out when the answer is finished")
    expect(chat.box).to_have_value("the next question")
    expect(chat.questions).to_have_count(2)
    expect(chat.answered(2)).to_have_text("the next question")
    expect(chat.box).to_have_value("")
    expect(chat.page.locator(".queued")).to_be_hidden()


def test_stopping_takes_back_what_waits_to_be_sent(chat: Chat) -> None:
    chat.ask("word " * 100)
    chat.writing.wait_for()
    chat.box.fill("the next question")
    chat.box.press("Enter")
    expect(chat.page.locator(".queued")).to_be_visible()
    chat.page.keyboard.press("Escape")
    chat.answered(1)
    expect(chat.page.locator(".queued")).to_be_hidden()
    expect(chat.box).to_have_value("the next question")
    chat.box.press("Enter")
    expect(chat.answered(2)).to_have_text("the next question")


COMPOSING = [{"isComposing": True}, {"keyCode": 229}]  # as most browsers say it, and as Safari does
PRESS = """(box, how) => box.dispatchEvent(
  new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...how }))"""


def test_enter_that_chooses_a_word_of_an_input_method_does_not_send(chat: Chat) -> None:
    chat.box.fill("ni")
    for how in COMPOSING:
        chat.box.evaluate(PRESS, how)
    chat.box.press_sequentially("hao")
    expect(chat.box).to_have_value("nihao")
    expect(chat.questions).to_have_count(0)


def test_escape_closes_the_settings_and_gives_the_focus_back(chat: Chat) -> None:
    button = chat.page.get_by_label("Settings", exact=True)
    button.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(chat.page.get_by_label("Close settings")).to_be_focused()
    chat.page.keyboard.press("Escape")
    expect(chat.page.locator("#panel")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_button_of_a_message_keeps_the_focus_when_the_messages_are_drawn_anew(
    chat: Chat,
) -> None:
    chat.ask("again and again")
    chat.answered(1)
    for count in (2, 3):
        chat.page.get_by_label("Answer again").press("Enter")
        expect(chat.page.locator("#thread .assistant .version")).to_contain_text(f"{count} / ")
    expect(chat.box).to_be_focused()
    turn_back = chat.page.locator("#thread .assistant").get_by_label("Previous version")
    turn_back.press("Enter")
    expect(chat.page.locator("#thread .assistant .version")).to_contain_text("2 / 3")
    expect(turn_back).to_be_focused()


def test_a_removed_picture_gives_the_focus_to_the_next_or_to_the_text(chat: Chat) -> None:
    chat.attach(picture("red"), picture("green"))
    expect(chat.thumbnails).to_have_count(2)
    chat.page.get_by_label("Remove red.png").press("Enter")
    expect(chat.page.get_by_label("Remove green.png")).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(chat.box).to_be_focused()


FOCUSED = """() => {
  const element = document.activeElement;
  return (element.getAttribute("aria-label") ?? element.innerText).trim().split("\\n")[0];
}"""


def test_all_controls_are_reached_by_tab(chat: Chat) -> None:
    names = set()
    for start, key in ((chat.box, "Shift+Tab"), (chat.page.get_by_label("Close sidebar"), "Tab")):
        start.focus()
        for _ in range(10):
            chat.page.keyboard.press(key)
            names.add(chat.page.evaluate(FOCUSED))
    wanted = {"New chat", "Search chats", "Settings", "Add pictures", "Use dark colours"}
    assert wanted <= names
