"""One model after the other on real, small, random LLaVAs: memory, failures, rest."""

import asyncio
import gc
import mmap
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import mlx.core as mx
import pytest

from app.controller import Controller
from app.engine import Engine, MlxEngine, loading
from app.engine.base import ModelHolder
from app.engine.switching import SwitchingEngine
from app.errors import EngineError, InvalidRequest, NotReady, SettingsError, UnknownModel
from app.messages import ChatRequest
from tests.app.engine.model_thread import Cold, ask, picture, text, write_speaker

pytestmark = pytest.mark.anyio


class Shelf:
    """Folders by name, as `create_engine` knows repositories."""

    def __init__(self, root: Path) -> None:
        self.folders = {
            "first": write_speaker(root / "llava-v1.5-first"),
            "second": write_speaker(root / "second-llama-2", seed=1),
            "short": write_speaker(root / "short", text={"max_position_embeddings": 40}),
            "broken": root / "nothing",
        }

    def choose(self, model: str) -> Callable[[], Engine]:
        if model not in self.folders:
            raise SettingsError(f"There is no model '{model}'.")
        load = partial(loading.load, str(self.folders[model]))
        return partial(MlxEngine, (model,), load)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@asynccontextmanager
async def serving(shelf: Shelf, model: str = "first") -> AsyncGenerator[Controller, None]:
    controller = Controller(SwitchingEngine(model, shelf.choose))
    await controller.loaded()
    yield controller
    await controller.drain(0)


async def said(controller: Controller, request: ChatRequest) -> str:
    return text([event async for event in controller.stream(request)])


async def at_the_engine(controller: Controller) -> None:
    while controller.status().active == 0:  # noqa: ASYNC110 - as in test_controller.py
        await asyncio.sleep(0)


async def test_another_model_answers_with_its_own_template(shelf: Shelf) -> None:
    conversation = ask(("what is this", [picture(1)]), "a thing", "what color")
    async with serving(shelf) as controller:
        assert controller.can_switch
        before = await said(controller, conversation)
        await controller.switch("second")
        assert controller.models() == ("second",)
        after = await said(controller, conversation)
        with pytest.raises(UnknownModel):
            controller.check("first")
    first, second = Cold(shelf.folders["first"]), Cold(shelf.folders["second"])
    assert second.llava.template != first.llava.template
    assert before == first.answer(conversation)[0]
    assert after == second.answer(conversation)[0] != before


async def test_the_memory_of_the_one_before_is_given_back(shelf: Shelf) -> None:
    gc.collect()
    mx.clear_cache()
    empty = mx.get_active_memory()
    async with serving(shelf) as controller:
        await said(controller, ask(("what is this", [picture(1)])))
        one = mx.get_active_memory() - empty
        assert one > 100_000
        for model in ("second", "first"):
            await controller.switch(model)
            assert mx.get_active_memory() - empty < 1.1 * one
        await controller.rest(0)
        assert controller.status().engine.state == "unloaded"
        assert mx.get_active_memory() - empty < 0.05 * one
        assert mx.get_cache_memory() < 100_000


SWITCH = """
import asyncio, sys
from pathlib import Path
from app.controller import Controller
from app.engine import create_engine
from app.settings import Settings

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

async def main():
    controller = Controller(create_engine(Settings(model=sys.argv[1])))
    await controller.loaded()
    large = resident()
    await controller.switch("pocket")
    print(large, resident())
    await controller.drain()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process")
def test_a_larger_model_leaves_no_memory_taken_from_the_machine(tmp_path: Path) -> None:
    # Of a vocabulary as real ones have it: that makes the C library keep the layers' matrices.
    sizes = {"hidden_size": 768, "intermediate_size": 2048, "vocab_size": 32_064}
    large = write_speaker(tmp_path / "large", text=sizes | {"num_hidden_layers": 6})
    line = [sys.executable, "-c", SWITCH, str(large)]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    before, after = (int(pages) * mmap.PAGESIZE for pages in said.split())
    # The bundled one takes some too.
    assert before - after > 0.75 * (large / "model.safetensors").stat().st_size


async def test_who_asked_before_is_answered_by_the_model_before(shelf: Shelf) -> None:
    long = ask("tell me all", max_tokens=200)
    async with serving(shelf) as controller:
        asked = asyncio.create_task(said(controller, long))
        await at_the_engine(controller)
        switching = asyncio.create_task(controller.switch("second"))
        await asyncio.sleep(0)
        status = controller.status()
        assert (status.engine.state, status.engine.doing) == ("loading", "finishing")
        assert not status.accepting
        with pytest.raises(NotReady, match="loading"):
            await said(controller, ask("and me"))
        with pytest.raises(InvalidRequest, match="is being loaded already"):
            await controller.switch("first")
        await switching
        assert await asked == Cold(shelf.folders["first"]).answer(long)[0]
        assert (await controller.loaded()).model == "second"


async def test_a_model_that_cant_be_loaded_leaves_the_one_before(shelf: Shelf) -> None:
    async with serving(shelf) as controller:
        before = await said(controller, ask("hello"))
        with pytest.raises(EngineError, match=r"^broken could not .* first answers ag"):
            await controller.switch("broken")
        with pytest.raises(InvalidRequest, match="no model 'unheard'"):
            await controller.switch("unheard")
        assert controller.status().engine.state == "ready"
        assert await said(controller, ask("hello")) == before


async def test_a_conversation_that_is_too_long_for_the_new_model_is_explained(shelf: Shelf) -> None:
    conversation = ask(("what is this", [picture(n) for n in range(4)]))
    async with serving(shelf) as controller:
        assert await said(controller, conversation)
        await controller.switch("short")
        with pytest.raises(InvalidRequest, match=r"for 4 pictures"):
            await said(controller, conversation)


async def test_a_model_that_rests_is_loaded_again_by_the_next_question(shelf: Shelf) -> None:
    async with serving(shelf) as controller:
        before = await said(controller, ask("hello"))
        await controller.rest(60)
        assert controller.status().engine.state == "ready"
        await controller.rest(0)
        status = controller.status()
        assert (status.engine.state, status.engine.model) == ("unloaded", "first")
        assert status.accepting
        assert "next question" in status.engine.detail
        asked = asyncio.create_task(said(controller, ask("hello")))
        await at_the_engine(controller)
        await asyncio.sleep(0)
        assert controller.status().engine.state == "loading"
        assert await asked == before


async def test_it_does_not_rest_while_it_answers(shelf: Shelf) -> None:
    async with serving(shelf) as controller:
        asked = asyncio.create_task(said(controller, ask("tell me all", max_tokens=200)))
        await at_the_engine(controller)
        await controller.rest(0)
        assert controller.status().engine.state == "ready"
        assert await asked


async def test_a_model_that_rests_can_be_switched_and_closed(shelf: Shelf) -> None:
    async with serving(shelf) as controller:
        await controller.rest(0)
        await controller.switch("second")
        assert await said(controller, ask("hello"))
        await controller.rest(0)
    assert controller.status().engine.state == "closed"
    controller.engine.wake()  # type: ignore[attr-defined]
    assert controller.status().engine.state == "closed"


async def test_pictures_read_ahead_load_a_model_that_rests(shelf: Shelf) -> None:
    async with serving(shelf) as controller:
        await controller.rest(0)
        controller.read_ahead("page", ask(("", [picture(3)])))
        status = await controller.loaded()
        assert status.state == "ready"


async def test_engines_of_one_model_refuse() -> None:
    from app.engine import EchoEngine

    controller = Controller(EchoEngine())
    assert not isinstance(controller.engine, ModelHolder)
    assert not controller.can_switch
    with pytest.raises(InvalidRequest, match="one model"):
        await controller.switch("other")
    await controller.rest(0)
    assert controller.status().engine.state == "ready"


async def test_a_model_that_breaks_down_says_so_and_is_loaded_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: object) -> None:
        raise SystemExit(1)

    async with serving(shelf) as controller:
        before = await said(controller, ask("hello"))
        with monkeypatch.context() as broken:
            broken.setattr("app.engine.scheduler.Decoder.step", dying)
            with pytest.raises(EngineError, match="broke down"):
                await said(controller, ask("hello"))
        status = controller.status()
        assert status.engine.state == "failed" and "broke down" in status.engine.detail
        assert not status.accepting
        with pytest.raises(NotReady, match="broke down"):
            controller.check()
        await controller.mend()
        assert await said(controller, ask("hello")) == before
        await controller.mend()  # nothing is to be done
        assert controller.status().accepting
