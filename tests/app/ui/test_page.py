"""The page as Gradio will serve it: private events, no template for foreign text, no other host."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image

from app.controller import Controller
from app.conversations import Conversations
from app.engine.echo import EchoEngine
from app.settings import Settings
from app.store import Store
from app.ui import build_page, mount_options
from app.ui.appearance import STATIC, head
from app.ui.events import ACTIONS
from app.ui.parts import COMPOSER

pytestmark = pytest.mark.anyio


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[gr.Blocks]:
    """Built where an event loop runs: elsewhere Gradio begins one and leaves it."""
    controller, store = Controller(EchoEngine()), Store(tmp_path)
    yield build_page(Conversations(store, controller), controller, Settings())
    store.close()


async def test_every_event_is_private_and_only_following_is_queued(page: gr.Blocks) -> None:
    queued = [event.name for event in page.fns.values() if event.queue]
    assert all(event.api_visibility == "private" for event in page.fns.values())
    assert queued == ["follow"]


async def test_any_number_of_pages_may_follow(page: gr.Blocks) -> None:
    follow = next(event for event in page.fns.values() if event.name == "follow")
    assert follow.concurrency_limit is None


async def test_every_action_ends_the_following_of_the_page(page: gr.Blocks) -> None:
    follow = next(event._id for event in page.fns.values() if event.name == "follow")
    ending = [event for event in page.fns.values() if event.cancels]
    assert all(event.cancels == [follow] for event in ending)
    assert {name for event in ending for _, name in event.targets} == set(ACTIONS)


async def test_no_message_is_ever_sent_back_by_the_page(page: gr.Blocks) -> None:
    for event in page.fns.values():
        kinds = {type(component) for component in event.inputs}
        assert kinds <= {gr.Textbox, gr.Slider}, event.name


async def test_no_template_takes_anything_but_a_finished_value(page: gr.Blocks) -> None:
    pieces = [block for block in page.blocks.values() if isinstance(block, gr.HTML)]
    assert len(pieces) > 5
    for piece in pieces:
        assert piece.html_template in ("${value}", COMPOSER, ""), piece.elem_id
        assert not re.search(r"\{\{|\$\{", piece.html_template.replace("${value}", ""))


def test_nothing_the_page_loads_is_of_another_host() -> None:
    files = [*STATIC.glob("css/*"), *STATIC.glob("js/*"), *STATIC.glob("icons/*.svg")]
    texts = [path.read_text() for path in files] + [
        head(),
        str(mount_options(Settings())),
        COMPOSER,
    ]
    assert len(texts) > 12
    for text in texts:
        addresses = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text)
        assert set(addresses) <= {"http://www.w3.org"}


def test_every_drawing_that_is_named_is_there() -> None:
    drawn = set(re.findall(r'<symbol id="(\w+)"', (STATIC / "icons" / "icons.svg").read_text()))
    sources = [*Path(build_page.__code__.co_filename).parent.glob("*.py"), *STATIC.glob("js/*")]
    text = "".join(path.read_text() for path in sources)
    named = set(re.findall(r"icons\.svg#(\w+)", text))
    named |= set(re.findall(r'icon\("(\w+)"\)', text))
    named |= set(re.findall(r'icon_button\(\s*"[\w-]+", "[^"]+", "(\w+)"', text))
    assert len(named) > 10
    assert named <= drawn


def test_example_pictures_are_small_and_readable() -> None:
    paths = list((STATIC / "examples").glob("*.png"))
    assert len(paths) >= 3
    for path in paths:
        assert path.stat().st_size < 50_000
        with Image.open(path) as picture:
            assert picture.size == (384, 384)


def test_gradio_serves_nothing_of_the_machine_and_keeps_no_history() -> None:
    options = mount_options(Settings())
    assert options["allowed_paths"] == []
    assert options["run_history"] is False
    assert options["enable_monitoring"] is False
    assert options["show_error"] is False
