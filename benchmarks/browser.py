"""The chat page in Chromium, as a person uses it; the page itself takes the times.

Knows the page's selectors, and nothing of what is measured with them.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from playwright.sync_api import Page, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]

# From Enter to the first text of the answer, and to the finished one, in the page's own clock.
WATCH = """
window.taken = {sent: 0, first: 0, whole: 0, before: undefined};
const newest = () => [...document.querySelectorAll('#thread [data-testid=bot]')].at(-1);
addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  window.taken = {sent: performance.now(), first: 0, whole: 0, before: newest()?.dataset.message};
}, true);
new MutationObserver(() => {
  const taken = window.taken;
  if (!taken.sent || taken.whole) return;
  const ended = newest() && newest().dataset.message !== taken.before;
  const said = document.querySelector('#live [data-testid=answer]')?.textContent.trim();
  if (!taken.first && (said || ended)) taken.first = performance.now();
  if (ended) taken.whole = performance.now();
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an answer came: seconds from Enter, and what the page says below it."""

    first_text: float
    whole: float
    tokens: int
    tokens_per_second: float | None


class ChatPage:
    """One tab with the page."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        page.add_init_script(WATCH)
        page.goto(url)
        page.locator("#thread .empty").wait_for()

    def new_chat(self) -> None:
        self._page.keyboard.press("Control+k")
        self._page.locator("#thread .empty").wait_for()

    def attach(self, picture: Path) -> None:
        """Hand over a picture, and don't wait until the server has it."""
        self._page.locator("#composer input[type=file]").set_input_files(picture)

    def until_attached(self) -> None:
        self._page.locator(".attached img").wait_for()

    def wait(self, seconds: float) -> None:
        self._page.wait_for_timeout(seconds * 1000)

    def write(self, question: str) -> None:
        self._page.locator("#composer textarea").fill(question)

    def enter(self) -> None:
        self._page.locator("#composer textarea").press("Enter")

    def ask(self, question: str) -> Answer:
        self.write(question)
        return self.send()

    def send(self) -> Answer:
        """Press Enter and wait for the whole answer."""
        self.enter()
        self._page.wait_for_function("window.taken.whole > 0")
        self._page.locator(".composer[data-busy=false]").wait_for()
        taken = self._page.evaluate("window.taken")
        stats = self._page.locator("#thread [data-testid=bot]").last.get_by_test_id("stats")
        said = stats.inner_text() if stats.count() else ""
        return Answer(
            (taken["first"] - taken["sent"]) / 1000,
            (taken["whole"] - taken["sent"]) / 1000,
            *read_stats(said),
        )


def read_stats(said: str) -> tuple[int, float | None]:
    """Tokens, and tokens a second where the page says them, from the line below an answer."""
    tokens = re.search(r"(\d+) tokens?\b", said)
    speed = re.search(r"(\d+) tok/s", said)
    return int(tokens[1]) if tokens else 0, float(speed[1]) if speed else None


@contextmanager
def chat_page(url: str) -> Iterator[ChatPage]:
    """The page in a browser of its own."""
    path = which("chromium") or which("google-chrome") or which("chromium-browser")
    if path is None:
        raise RuntimeError("No Chromium here: install it (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield ChatPage(browser.new_page(), url)
        finally:
            browser.close()
