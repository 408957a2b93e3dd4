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
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.app.running import Running
from tests.browser.chat import Chat
from tests.browser.server import echoing

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
PATIENCE = 20_000  # ms that what is expected may take: a machine may have others to serve
WIDE: ViewportSize = {"width": 1280, "height": 800}

NewContext = Callable[..., BrowserContext]
OpenChat = Callable[..., Chat]


expect.set_options(timeout=PATIENCE)


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
def problems() -> Iterator[list[str]]:
    """What pages did that they must not; a test that leaves anything here fails."""
    found: list[str] = []
    yield found
    assert found == []


def watch(context: BrowserContext, url: str, problems: list[str]) -> None:
    """Note errors of scripts, and requests to any other place."""
    own = re.compile(rf"({re.escape(url)}/|data:|blob:)")

    def note(request: Request) -> None:
        if not own.match(request.url):
            problems.append(f"asked for {request.url}")

    context.set_default_timeout(30_000)
    context.on("weberror", lambda error: problems.append(f"script: {error.error}"))
    context.on("request", note)


@pytest.fixture
def new_context(chromium: Browser, problems: list[str]) -> Iterator[NewContext]:
    """A browser of someone else's each time: own cookies, own storage."""
    contexts: list[BrowserContext] = []

    def make(url: str, **options: Any) -> BrowserContext:
        context = chromium.new_context(**{"viewport": WIDE, "reduced_motion": "reduce"} | options)
        watch(context, url, problems)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def open_chat(new_context: NewContext, server: Running) -> OpenChat:
    """Opens the page in a browser of its own; options are those of a browser context."""

    def open_(path: str = "/", **options: Any) -> Chat:
        return Chat.open(new_context(server.url, **options), server.url, path)

    return open_


@pytest.fixture(scope="package")
def visitor(chromium: Browser, server: Running) -> Iterator[tuple[BrowserContext, list[str]]]:
    """One browser for many tests: Gradio's files are fetched once, which is most of a start."""
    context = chromium.new_context(viewport=WIDE, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    problems: list[str] = []
    watch(context, server.url, problems)
    yield context, problems
    context.close()


@pytest.fixture
def chat(visitor: tuple[BrowserContext, list[str]], server: Running) -> Iterator[Chat]:
    """The page as a new visitor finds it."""
    context, problems = visitor
    chat = Chat.open(context, server.url)
    yield chat
    chat.page.evaluate("localStorage.clear()")
    for page in context.pages:
        page.close()
    found, problems[:] = list(problems), []
    assert found == []
