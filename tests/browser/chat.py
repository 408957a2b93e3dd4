"""The page as a person sees it: what tests do with it, by label and role."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import pillow_heif
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

pillow_heif.register_heif_opener()

# Makes the browser believe that these files were dropped on, or pasted into, the page.
HAND_OVER = """([kind, files, text]) => {
  const transfer = new DataTransfer();
  if (text) transfer.setData("text/plain", text);
  for (const { name, type, data } of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  const target = kind === "drop" ? document.querySelector("#scroller") : document.body;
  const event = kind === "drop"
    ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
    : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
  window.pasteWasPrevented = !target.dispatchEvent(event);
}"""


@dataclass(frozen=True, slots=True)
class File:
    """A file on the visitor's machine."""

    name: str
    type: str
    data: bytes


def picture(
    colour: str = "tomato", *, name: str = "", kind: str = "PNG", size: tuple[int, int] = (120, 90)
) -> File:
    """A plain picture in one of Pillow's formats."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return File(name or f"{colour}.{kind.lower()}", f"image/{kind.lower()}", buffer.getvalue())


class Chat:
    """One tab with the page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.box = page.get_by_label("Message", exact=True)
        self.send = page.get_by_label("Send", exact=True)
        self.stop = page.get_by_label("Stop", exact=True)
        self.thumbnails = page.locator(".attached img")
        self.notice = page.get_by_test_id("notice")
        self.questions = page.get_by_test_id("user")
        self.answers = page.locator("#thread").get_by_test_id("bot")
        self.writing = page.locator("#live").get_by_test_id("answer")
        self.chats = page.locator("#chats li")
        self.title = page.locator("h1")

    @classmethod
    def open(cls, context: BrowserContext, url: str, path: str = "/") -> "Chat":
        chat = cls(context.new_page(), url)
        chat.page.goto(url + path)
        chat.ready()
        return chat

    def ready(self) -> None:
        """Wait until the server has drawn the conversation, or the empty page."""
        self.page.locator("#thread .empty, #thread .turn").first.wait_for()

    def tab(self, path: str = "/") -> "Chat":
        """Another tab of the same browser."""
        return Chat.open(self.page.context, self.url, path)

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    def ask(self, text: str) -> None:
        """Send a question and wait until the page shows it."""
        count = self.questions.count()
        self.box.fill(text)
        self.box.press("Enter")
        expect(self.questions).to_have_count(count + 1)

    def answered(self, count: int) -> Locator:
        """Wait for the end of the `count`-th answer; its text."""
        expect(self.answers).to_have_count(count)
        expect(self.stop).to_be_hidden()
        return self.answers.nth(count - 1).get_by_test_id("answer")

    def attach(self, *files: File) -> None:
        payloads: list[Any] = [
            {"name": file.name, "mimeType": file.type, "buffer": file.data} for file in files
        ]
        with self.page.expect_file_chooser() as choosing:
            self.page.get_by_label("Add pictures").click()
        choosing.value.set_files(payloads)

    def drop(self, *files: File) -> None:
        self._hand_over("drop", files)

    def paste(self, *files: File, text: str = "") -> None:
        self._hand_over("paste", files, text)

    def _hand_over(self, kind: str, files: tuple[File, ...], text: str = "") -> None:
        handed = [
            {"name": f.name, "type": f.type, "data": base64.b64encode(f.data).decode()}
            for f in files
        ]
        self.page.evaluate(HAND_OVER, [kind, handed, text])
