"""The shelf behind the page: downloads from a stand-in hub, switching, removing, what it says."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

import pytest

from app.controller import Controller
from app.engine.base import EngineStatus
from app.engine.catalogue import find
from app.engine.echo import EchoEngine
from app.errors import EngineError, InvalidRequest
from app.messages import ChatRequest, Event
from app.shelf import Item, Shelf, View
from tests.checkpoints import write_checkpoint, write_json
from tests.hub_server import HubServer
from tests.model.hubs import hub_for

pytestmark = pytest.mark.anyio

BAK = "llava-hf/bakLlava-v1-hf"


class Holder(EchoEngine):
    """Says which model it was switched to; one of the name `broken` can't be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.source, (self.name, *_) = find("pocket")
        self.loading = ""
        self.go_on = asyncio.Event()
        self.go_on.set()

    def status(self) -> EngineStatus:
        state = "loading" if self.loading else "ready"
        return EngineStatus(state, self.name, self.loading, source=self.source)  # type: ignore[arg-type]

    async def switch(self, model: str) -> None:
        await self.go_on.wait()
        if model.endswith("broken"):
            raise EngineError("broken could not be loaded. pocket answers again.")
        self.source, (self.name, *_) = find(model)

    async def unload(self) -> None:
        raise NotImplementedError

    async def reload(self) -> None:
        raise NotImplementedError

    def wake(self) -> None:
        raise NotImplementedError

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        async for event in super().stream(request):
            yield event


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with hub_for(tmp_path, monkeypatch) as hub:
        for name in (BAK, "them/tiny", "them/other"):
            write_checkpoint(hub.repository(name))
        yield hub


@pytest.fixture
async def engine() -> Holder:
    return Holder()


@pytest.fixture
def shelf(hub: HubServer, engine: Holder) -> Shelf:
    return Shelf(Controller(engine))


def row(view: View, key: str) -> Item:
    return next(item for item in view.items if item.key == key)


async def until(shelf: Shelf, condition: Callable[[View], bool]) -> View:
    for _ in range(1000):
        view = await shelf.view()
        if condition(view):
            return view
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come about")


async def test_what_there_is_is_said_without_asking_the_hub(shelf: Shelf, hub: HubServer) -> None:
    view = await shelf.view()
    assert hub.asked == []
    assert not view.moving
    assert (view.items[0].key, view.items[0].state) == ("pocket", "in use")
    item = row(view, BAK)
    assert (item.state, item.name, item.licence) == ("absent", "bakllava", "Apache 2.0")
    assert item.size > 15e9
    assert len(item.needs) == 3
    assert view.machine.memory > 0
    assert view.machine.free > 0


async def test_a_model_is_downloaded_used_and_removed(shelf: Shelf, hub: HubServer) -> None:
    await shelf.download(BAK)
    view = await until(shelf, lambda view: row(view, BAK).state == "here")
    item = row(view, BAK)
    assert item.here == row(view, BAK).here > 300_000
    assert item.removable
    await shelf.use(BAK)
    view = await until(shelf, lambda view: row(view, BAK).state == "in use")
    assert row(view, "pocket").state == "here"
    with pytest.raises(InvalidRequest, match="it is in use"):
        await shelf.remove(BAK)
    with pytest.raises(InvalidRequest, match="in use already"):
        await shelf.use(BAK)
    await shelf.use("pocket")
    await until(shelf, lambda view: row(view, "pocket").state == "in use")
    await shelf.remove(BAK)
    assert row(await shelf.view(), BAK).state == "absent"


async def test_a_download_pauses_and_goes_on_by_another_shelf(shelf: Shelf, hub: HubServer) -> None:
    hub.pace = 200_000
    await shelf.download(BAK)
    view = await until(shelf, lambda view: row(view, BAK).here > 150_000)
    item = row(view, BAK)
    assert item.state == "downloading"
    assert view.moving
    assert 0 < item.here < item.size < 1e6  # the hub's number by now
    assert item.speed > 0
    assert item.left is not None
    await shelf.pause(BAK)
    view = await until(shelf, lambda view: row(view, BAK).state == "begun")
    assert not view.moving
    assert not row(view, BAK).said
    with pytest.raises(InvalidRequest):
        await shelf.use(BAK)
    hub.pace = None
    hub.asked.clear()
    after = Shelf(Controller(Holder()))  # of the next process
    assert row(await after.view(), BAK).state == "begun"
    await after.download(BAK)
    await until(after, lambda view: row(view, BAK).state == "here")
    assert any(asked.start > 0 for asked in hub.asked)


async def test_any_repository_can_be_got_and_what_is_wrong_is_said(
    shelf: Shelf, hub: HubServer
) -> None:
    await shelf.get("  them/tiny ")
    view = await until(shelf, lambda view: row(view, "them/tiny").state == "here")
    assert row(view, "them/tiny").title == "tiny"
    await shelf.get("nobody/nothing")
    view = await until(shelf, lambda view: bool(row(view, "nobody/nothing").said))
    assert "no public repository" in row(view, "nobody/nothing").said
    assert row(view, "nobody/nothing").state == "absent"
    write_json(hub.repository("them/other"), "config.json", {"model_type": "llama"})
    await shelf.get("them/other")
    view = await until(shelf, lambda view: bool(row(view, "them/other").said))
    assert "without vision" in row(view, "them/other").said
    for wrong in ("", "nonsense", "/no/such/folder", "a/b/c", "~nobody/x"):
        with pytest.raises(InvalidRequest, match="neither OWNER/NAME"):
            await shelf.get(wrong)
    with pytest.raises(InvalidRequest, match="isn't on the shelf"):
        await shelf.download("them/nowhere")


async def test_a_folder_is_used_and_found_without_its_path_as_key(
    shelf: Shelf, engine: Holder, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path / "home" / "models" / "mine")
    item = next(item for item in (await shelf.view()).items if item.title == "mine")
    assert str(tmp_path) not in item.key + item.where
    assert not item.removable
    await shelf.use(item.key)
    await until(shelf, lambda view: row(view, item.key).state == "in use")
    await shelf.use("pocket")
    await until(shelf, lambda view: not view.moving)
    await shelf.get(str(folder))
    await until(shelf, lambda view: engine.name == "mine")


async def test_folders_of_one_name_are_told_apart(
    shelf: Shelf, engine: Holder, tmp_path: Path
) -> None:
    models = tmp_path / "home" / "models"
    for place in ("one", "two/one", "pocket"):
        write_checkpoint(models / place)

    def named(view: View, title: str) -> list[Item]:
        return [item for item in view.items if item.title == title]

    view = await shelf.view()
    assert [item.state for item in named(view, "pocket")] == ["here"]
    first, second = named(view, "one")
    for chosen, other in ((first, second), (second, first)):
        await shelf.use(chosen.key)
        view = await until(shelf, lambda view: not view.moving)
        assert (row(view, chosen.key).state, row(view, other.key).state) == ("in use", "here")
    engine.go_on.clear()
    await shelf.get(f"{models}/../models/one/")  # the first, written otherwise
    assert row(await shelf.view(), first.key).state == "coming"


async def test_a_model_that_cant_be_loaded_is_said(
    shelf: Shelf, engine: Holder, tmp_path: Path
) -> None:
    broken = write_checkpoint(tmp_path / "broken")
    engine.go_on.clear()
    await shelf.get(str(broken))
    view = await shelf.view()
    assert view.moving
    assert row(view, "pocket").state == "here"
    with pytest.raises(InvalidRequest, match="Another model is being loaded"):
        await shelf.get(str(broken))
    engine.go_on.set()
    view = await until(shelf, lambda view: bool(view.said))
    assert view.said == "broken could not be loaded. pocket answers again."
    assert row(view, "pocket").state == "in use"
    shelf.clear()
    assert not (await shelf.view()).said


async def test_a_model_that_loads_says_what_it_is_at(shelf: Shelf, engine: Holder) -> None:
    engine.loading = "Loading pocket: 3 MB of 9 MB."
    view = await shelf.view()
    assert view.moving
    assert (row(view, "pocket").state, row(view, "pocket").doing) == ("coming", engine.loading)


async def test_only_some_downloads_run_at_once(shelf: Shelf, hub: HubServer) -> None:
    hub.pace = 50_000
    for name in (BAK, "them/tiny"):
        await shelf.get(name)
    await shelf.get("them/tiny")  # it runs already
    with pytest.raises(InvalidRequest, match="pause one"):
        await shelf.get("them/other")
    for name in (BAK, "them/tiny"):
        await shelf.pause(name)
    await until(shelf, lambda view: not view.moving)


async def test_other_engines_have_no_shelf() -> None:
    assert not Shelf(Controller(EchoEngine())).serves
    assert Shelf(Controller(Holder())).serves


async def test_a_folder_that_was_written_stays_on_the_shelf_and_its_path_is_told_to_nobody(
    shelf: Shelf, engine: Holder, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path / "somewhere" / "mine")
    await shelf.get(str(folder))
    await until(shelf, lambda view: engine.name == "mine")
    item = next(item for item in (await shelf.view()).items if item.title == "mine")
    assert item.state == "in use"
    assert str(tmp_path) not in item.key + item.where
    await shelf.use("pocket")
    await until(shelf, lambda view: row(view, item.key).state == "here")
