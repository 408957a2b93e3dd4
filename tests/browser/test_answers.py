"""An answer streams, can be stopped, made anew, and its question edited."""

from playwright.sync_api import expect

from tests.browser.chat import Chat, picture

SCROLLER = "document.querySelector('#scroller')"
GAP = f"{SCROLLER}.scrollHeight - {SCROLLER}.scrollTop - {SCROLLER}.clientHeight"
LONG = " ".join(f"word{number}" for number in range(200))  # six seconds of answer


def length(chat: Chat) -> int:
    return len(chat.writing.inner_text())


def test_an_answer_grows_while_it_is_written(chat: Chat) -> None:
    chat.ask(LONG)
    chat.writing.wait_for()
    before = length(chat)
    chat.page.wait_for_function(
        f"document.querySelector('#live .answer').innerText.length > {before + 40}"
    )
    expect(chat.stop).to_be_visible()
    chat.stop.click()


def test_stop_keeps_what_was_said_and_says_so(chat: Chat) -> None:
    chat.ask(LONG)
    expect(chat.writing).to_contain_text("word5")
    chat.stop.click()
    expect(chat.answered(1)).to_contain_text("word0 word1")
    expect(chat.page.get_by_test_id("ending")).to_contain_text("Stopped")
    assert "word199" not in chat.answers.first.inner_text()
    expect(chat.send).to_be_visible()
    chat.ask("go on")
    expect(chat.answered(2)).to_have_text("go on")


def test_escape_stops(chat: Chat) -> None:
    chat.ask(LONG)
    chat.writing.wait_for()
    chat.page.keyboard.press("Escape")
    chat.answered(1)
    expect(chat.page.get_by_test_id("ending")).to_contain_text("Stopped")


def test_one_can_stop_before_the_first_word(chat: Chat) -> None:
    chat.box.fill(LONG)
    chat.box.press("Enter")
    chat.stop.click()
    expect(chat.stop).to_be_hidden()
    chat.ask("next")
    expect(chat.page.locator("#thread").get_by_test_id("bot").last).to_contain_text("next")


def test_an_answer_tells_how_long_and_how_fast_it_was(chat: Chat) -> None:
    chat.ask("four words and more")
    chat.answered(1)
    stats = chat.page.get_by_test_id("stats")
    expect(stats).to_contain_text("4 tokens")
    expect(stats).to_contain_text("tok/s")
    expect(stats).to_contain_text("first token")


def test_answering_again_makes_a_version_and_one_can_turn_back(chat: Chat) -> None:
    chat.ask("the question")
    chat.answered(1)
    chat.page.get_by_label("Answer again").click()
    versions = chat.page.locator("#thread .assistant .version")
    expect(versions).to_contain_text("2 / 2")
    chat.page.locator("#thread .assistant").get_by_label("Previous version").click()
    expect(versions).to_contain_text("1 / 2")
    chat.page.locator("#thread .assistant").get_by_label("Next version").click()
    expect(versions).to_contain_text("2 / 2")
    expect(chat.answers).to_have_count(1)


def test_an_edited_question_keeps_its_pictures_and_its_old_version(chat: Chat) -> None:
    chat.attach(picture(size=(77, 66)))
    chat.ask("before")
    chat.answered(1)
    chat.questions.first.hover()
    chat.page.get_by_label("Edit", exact=True).click()
    editor = chat.page.get_by_label("Edit your message")
    expect(editor).to_have_value("before")
    editor.fill("after")
    editor.press("Enter")
    expect(chat.answered(1)).to_have_text("[picture 77x66] after")
    expect(chat.page.locator("#thread .user .version")).to_contain_text("2 / 2")
    chat.page.locator("#thread .user").get_by_label("Previous version").click()
    expect(chat.answered(1)).to_have_text("[picture 77x66] before")


def test_an_edit_can_be_given_up(chat: Chat) -> None:
    chat.ask("as it was")
    chat.answered(1)
    chat.questions.first.hover()
    chat.page.get_by_label("Edit", exact=True).click()
    chat.page.get_by_label("Edit your message").fill("changed")
    chat.page.keyboard.press("Escape")
    expect(chat.page.locator(".bubble")).to_have_text("as it was")
    expect(chat.page.get_by_label("Edit your message")).to_have_count(0)


def test_an_edit_in_the_middle_begins_a_new_branch(chat: Chat) -> None:
    chat.ask("one")
    chat.answered(1)
    chat.ask("two")
    chat.answered(2)
    chat.questions.first.hover()
    chat.questions.first.get_by_label("Edit", exact=True).click()
    chat.page.get_by_label("Edit your message").fill("other")
    chat.page.get_by_label("Edit your message").press("Enter")
    expect(chat.questions).to_have_count(1)
    expect(chat.answered(1)).to_have_text("other")
    chat.questions.first.get_by_label("Previous version").click()
    expect(chat.questions).to_have_count(2)
    expect(chat.answered(2)).to_have_text("two")


def test_message_and_answer_are_copied_as_they_were_written(chat: Chat) -> None:
    chat.ask("some **bold** text")
    expect(chat.answered(1).locator("strong")).to_have_text("bold")
    chat.page.get_by_label("Copy answer").click()
    assert chat.page.evaluate("navigator.clipboard.readText()") == "some **bold** text"


def test_an_answer_cut_at_its_length_says_so(chat: Chat) -> None:
    chat.page.get_by_label("Settings", exact=True).click()
    length = chat.page.get_by_label("number input for Longest answer")
    length.fill("16")
    length.press("Tab")
    chat.ask(LONG)
    expect(chat.answered(1)).to_contain_text("word15")
    expect(chat.page.get_by_test_id("ending")).to_contain_text("Cut at the length")
    assert "word16" not in chat.answers.first.inner_text()


def test_the_end_stays_in_view_while_the_composer_grows(chat: Chat) -> None:
    chat.ask("\n\n".join(f"line {number}" for number in range(25)))
    chat.writing.wait_for()
    chat.box.fill("one\ntwo\nthree\nfour")
    chat.attach(picture())
    expect(chat.answered(1)).to_contain_text("line 24")
    expect(chat.page.get_by_label("To the newest message")).to_be_hidden()
    chat.page.wait_for_function(f"{GAP} < 60")


def test_an_answer_is_read_out_when_it_is_whole(chat: Chat) -> None:
    spoken = chat.page.locator(".spoken[role=status]")
    chat.ask("first")
    expect(spoken).to_have_text("first")
    chat.ask("w " * 20)
    expect(spoken).to_have_text("The answer is being written")
    chat.stop.click()
    expect(spoken).to_contain_text("Stopped.")


def test_scrolling_follows_the_answer_unless_the_reader_went_elsewhere(chat: Chat) -> None:
    chat.ask("\n\n".join(f"line {number}" for number in range(60)))
    expect(chat.writing).to_contain_text("line 20")
    chat.page.wait_for_function(f"{GAP} < 60")
    chat.page.mouse.move(700, 300)
    chat.page.mouse.wheel(0, -500)
    button = chat.page.get_by_label("To the newest message")
    expect(button).to_be_visible()
    top = chat.page.evaluate(f"{SCROLLER}.scrollTop")
    chat.answered(1)
    assert abs(chat.page.evaluate(f"{SCROLLER}.scrollTop") - top) < 5
    button.click()
    expect(button).to_be_hidden()
