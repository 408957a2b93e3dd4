"""Pictures come in by button, drop, paste and example; bad ones are named and nothing is lost."""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.chat import Chat, File, picture


def loaded(chat: Chat, selector: str) -> bool:
    """Whether the browser really shows this picture."""
    script = "image => image.complete && image.naturalWidth > 0"
    chat.page.wait_for_function(script, arg=chat.page.locator(selector).element_handle())
    return True


def test_a_picture_chosen_by_button_is_sent_and_seen(chat: Chat) -> None:
    chat.attach(picture(size=(120, 90)))
    expect(chat.thumbnails).to_have_count(1)
    assert loaded(chat, ".attached img")
    chat.ask("What is this?")
    expect(chat.answered(1)).to_have_text("[picture 120x90] What is this?")
    assert loaded(chat, "#thread .picture img")
    expect(chat.thumbnails).to_have_count(0)


def test_a_picture_dropped_on_the_messages_is_attached(chat: Chat) -> None:
    chat.drop(picture("navy"))
    expect(chat.thumbnails).to_have_count(1)
    chat.ask("and this?")
    expect(chat.answered(1)).to_have_text("[picture 120x90] and this?")


def test_a_pasted_picture_is_attached_and_the_typed_text_stays(chat: Chat) -> None:
    chat.box.fill("typed before")
    chat.paste(picture("gold"))
    expect(chat.thumbnails).to_have_count(1)
    expect(chat.box).to_have_value("typed before")


def test_words_pasted_beside_a_picture_are_not_lost(chat: Chat) -> None:
    chat.paste(picture(), text="words from a page")
    expect(chat.thumbnails).to_have_count(1)
    assert not chat.page.evaluate("window.pasteWasPrevented")
    chat.paste(picture(name="file.png"), text="file.png")  # as a Mac's Finder does
    expect(chat.thumbnails).to_have_count(2)
    assert chat.page.evaluate("window.pasteWasPrevented")


def test_a_dropped_folder_is_named_as_one(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "holidays").mkdir()
    devtools = chat.page.context.new_cdp_session(chat.page)
    data = {"items": [], "files": [str(tmp_path / "holidays")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 700, "y": 300, "data": data})
    expect(chat.notice).to_contain_text("holidays is a folder")
    expect(chat.thumbnails).to_have_count(0)


SLOW_NETWORK = """() => {
  const fast = fetch, pause = () => new Promise((done) => setTimeout(done, 500));
  window.fetch = (...request) => pause().then(() => fast(...request));
}"""


def test_what_is_added_while_a_message_is_on_its_way_stays_for_the_next(chat: Chat) -> None:
    chat.page.evaluate(SLOW_NETWORK)
    chat.attach(picture("red", size=(50, 50)))
    chat.box.fill("first")
    chat.box.press("Enter")
    chat.box.press_sequentially("second")
    chat.attach(picture("blue", size=(60, 60)))
    expect(chat.answered(1)).to_have_text("[picture 50x50] first")
    expect(chat.box).to_have_value("second")
    expect(chat.thumbnails).to_have_count(1)
    chat.send.click()
    expect(chat.answered(2)).to_have_text("[picture 60x60] second")


def test_several_pictures_go_along_but_not_a_removed_one(chat: Chat) -> None:
    chat.attach(picture("red", size=(50, 50)), picture("green", size=(60, 60)))
    expect(chat.thumbnails).to_have_count(2)
    chat.drop(picture("blue", size=(70, 70)))
    expect(chat.thumbnails).to_have_count(3)
    chat.page.get_by_label("Remove green.png").click()
    expect(chat.thumbnails).to_have_count(2)
    chat.ask("compare")
    expect(chat.answered(1)).to_have_text("[picture 50x50] [picture 70x70] compare")


def test_an_example_fills_the_composer_and_is_not_sent_by_itself(chat: Chat) -> None:
    card = chat.page.locator(".card").first
    question = card.inner_text().strip()
    card.click()
    expect(chat.thumbnails).to_have_count(1)
    expect(chat.box).to_have_value(question)
    expect(chat.questions).to_have_count(0)
    chat.send.click()
    expect(chat.answered(1)).to_have_text(f"[picture 384x384] {question}")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_every_format_is_taken_and_shown(chat: Chat, kind: str) -> None:
    chat.attach(picture(kind=kind, size=(64, 48)))
    expect(chat.thumbnails).to_have_count(1)
    assert loaded(chat, ".attached img")
    chat.ask("seen?")
    expect(chat.answered(1)).to_have_text("[picture 64x48] seen?")


def test_pictures_of_earlier_messages_stay_in_the_chat(chat: Chat) -> None:
    chat.attach(picture("red"))
    chat.ask("first")
    chat.answered(1)
    chat.ask("second")
    chat.answered(2)
    expect(chat.page.locator("#thread .picture")).to_have_count(1)


def bomb() -> File:
    """Few bytes, and more pixels than are let in."""
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    return File("bomb.png", "image/png", buffer.getvalue())


def truncated() -> File:
    whole = picture(kind="JPEG", size=(800, 600))
    return File("half.jpeg", whole.type, whole.data[: len(whole.data) // 2])


@pytest.mark.parametrize(
    "bad",
    [
        File("notes.txt", "text/plain", b"no picture at all"),
        File("fake.png", "image/png", b"\x89PNG\r\n\x1a\n and then nothing of the kind"),
        File("drawing.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        File("empty.png", "image/png", b""),
        truncated(),
        bomb(),
    ],
    ids=lambda file: file.name,
)
def test_a_bad_file_is_named_and_nothing_else_is_lost(chat: Chat, bad: File) -> None:
    chat.box.fill("my question")
    chat.attach(picture("red"))
    expect(chat.thumbnails).to_have_count(1)
    chat.drop(bad)
    expect(chat.notice).to_contain_text(bad.name)
    expect(chat.box).to_have_value("my question")
    expect(chat.thumbnails).to_have_count(1)
    chat.send.click()
    expect(chat.answered(1)).to_have_text("[picture 120x90] my question")
    expect(chat.notice).to_be_hidden()


DROP_HUGE = """() => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(26 * 2 ** 20)], "huge.png", { type: "image/png" }));
  const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
  document.body.dispatchEvent(new DragEvent("drop", options));
}"""


def test_a_file_beyond_25_megabytes_is_refused_with_what_to_do(chat: Chat) -> None:
    chat.page.evaluate(DROP_HUGE)
    expect(chat.notice).to_contain_text("huge.png is larger than 25 MB. Save it smaller")


def test_a_message_takes_eight_pictures_and_says_so(chat: Chat) -> None:
    chat.attach(*(picture(size=(10 + n, 10)) for n in range(9)))
    expect(chat.thumbnails).to_have_count(8)
    expect(chat.notice).to_contain_text("8 pictures at most")


def test_a_click_shows_the_picture_in_full_size_and_escape_closes_it(chat: Chat) -> None:
    chat.attach(picture(size=(700, 500)))
    chat.ask("big")
    chat.answered(1)
    chat.page.get_by_label("Picture 1, full size").click()
    assert loaded(chat, "dialog img")
    assert chat.page.locator("dialog img").evaluate("image => image.naturalWidth") == 700
    chat.page.keyboard.press("Escape")
    expect(chat.page.locator("dialog")).to_have_count(0)


def test_pictures_of_an_unsent_message_survive_a_reload(chat: Chat) -> None:
    chat.attach(picture())
    chat.box.fill("not yet sent")
    expect(chat.thumbnails).to_have_count(1)
    chat.reload()
    expect(chat.thumbnails).to_have_count(1)
    expect(chat.box).to_have_value("not yet sent")


def test_a_video_is_sent_as_a_clip_marked_and_played(chat: Chat) -> None:
    from tests.app.films import film

    chat.drop(File("film.mp4", "video/mp4", film(size=(320, 240))))
    expect(chat.page.get_by_alt_text("Video to be sent")).to_be_visible()
    chat.reload()
    expect(chat.page.get_by_alt_text("Video to be sent")).to_be_visible()  # the draft knows
    chat.ask("What happens?")
    expect(chat.answered(1)).to_have_text("[clip of 8 frames 320x240] What happens?")
    chat.reload()
    chat.page.get_by_label("Video 1, full size").click()
    full = chat.page.get_by_role("dialog").locator("img")
    kind = "image => fetch(image.src).then((answer) => answer.arrayBuffer())"
    kind += ".then((data) => new TextDecoder('latin1').decode(data).includes('ANMF'))"
    assert full.evaluate(kind)  # it moves


def test_a_file_that_is_half_a_video_is_named_and_the_text_stays(chat: Chat) -> None:
    from tests.app.films import film

    chat.box.fill("typed before")
    chat.attach(File("half.mp4", "video/mp4", film()[:1500]))
    expect(chat.notice).to_contain_text("half.mp4 could not be read")
    expect(chat.box).to_have_value("typed before")
    expect(chat.thumbnails).to_have_count(0)
