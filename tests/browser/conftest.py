"""Chromium, the program as a process of its own, and a page that must behave.

Every page fails its test when a script of it raised or it asked another host for anything.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.app.running import Running
from tests.browser.chat import Chat
from tests.browser.server import echoing

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
WIDE = {"width": 1280, "height": 800}

OpenChat = Callable[..., Chat]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Ended with the package: while it runs, no other test could start an event loop."""
    path = which("chromium") or which("google-chrome") or which("chromium-browser")
    if path is None:
        message = "no Chromium here: install it (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Echoes a word every 30 ms: the length of a question sets how long its answer takes."""
    with echoing(tmp_path_factory.mktemp("echo"), delay=0.03) as process:
        yield process


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """A browser of someone else's each time: own cookies, own storage."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def make(url: str, **options: Any) -> BrowserContext:
        options = {"viewport": WIDE, "reduced_motion": "reduce"} | options
        context = chromium.new_context(**options)
        context.set_default_timeout(10_000)
        context.on("weberror", lambda error: problems.append(f"script: {error.error}"))
        own = re.compile(rf"({re.escape(url)}/|data:|blob:)")
        context.on(
            "request",
            lambda request: (
                None if own.match(request.url) else problems.append(f"asked for {request.url}")
            ),
        )
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def open_chat(new_context: Callable[..., BrowserContext], server: Running) -> OpenChat:
    """Opens the page in a browser of its own; options are those of a browser context."""

    def open_(path: str = "/", **options: Any) -> Chat:
        return Chat.open(new_context(server.url, **options), server.url, path)

    return open_


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The page as a new visitor finds it."""
    return open_chat()
