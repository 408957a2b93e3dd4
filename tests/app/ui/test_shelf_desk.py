"""The shelf's events: who may, and what is drawn."""

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from app.controller import Controller
from app.engine.echo import EchoEngine
from app.ui.shelf_desk import NOT_HERE, ShelfDesk
from tests.app.test_shelf import Holder

pytestmark = pytest.mark.anyio


async def act(desk: ShelfDesk, *, at_home: bool = True, **data: Any) -> dict[str, Any]:
    state = SimpleNamespace(owner="local", at_home=at_home)
    request = gr.Request(request=SimpleNamespace(state=state))
    return await desk.act(gr.EventData(None, data), request)


async def test_it_is_drawn_for_who_is_at_the_machine() -> None:
    drawn = await act(ShelfDesk(Controller(Holder())), act="look", view=7)
    assert drawn["number"] == 7
    assert 'data-model="pocket"' in drawn["list"]
    assert drawn["machine"].startswith("This machine has ")
    assert drawn["said"] == ""


@pytest.mark.parametrize("what", ["look", "get", "download", "pause", "use", "remove"])
async def test_visitors_over_a_link_may_nothing(what: str) -> None:
    engine = Holder()
    drawn = await act(ShelfDesk(Controller(engine)), at_home=False, act=what, model="them/tiny")
    assert drawn == {"number": 0, "said": NOT_HERE, "moving": False}
    assert engine.name == "pocket"


async def test_engines_of_one_model_have_no_shelf() -> None:
    assert (await act(ShelfDesk(Controller(EchoEngine())), act="look"))["said"] == NOT_HERE


@pytest.mark.parametrize(
    "data",
    [{"act": "get", "model": "nonsense"}, {"act": "use", "model": "?"}, {"act": "get", "model": 3}],
)
async def test_what_is_wrong_is_said(data: dict[str, Any]) -> None:
    drawn = await act(ShelfDesk(Controller(Holder())), **data)
    assert drawn["said"]
    assert "list" not in drawn
