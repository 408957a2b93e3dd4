"""The page by keyboard alone."""

from playwright.sync_api import expect

from tests.browser.chat import Chat


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


def test_enter_waits_while_an_answer_is_written_and_the_text_stays(chat: Chat) -> None:
    chat.ask("word " * 100)
    chat.writing.wait_for()
    chat.box.fill("the next question")
    chat.box.press("Enter")
    expect(chat.box).to_have_value("the next question")
    chat.page.keyboard.press("Escape")
    chat.answered(1)
    chat.box.press("Enter")
    expect(chat.answered(2)).to_have_text("the next question")


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
