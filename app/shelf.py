"""The shelf as the page sees it: which models there are, their downloads, and which one answers.

Downloads run on threads of their own; a page that is closed ends none of them. The end of the
program does, and what has arrived is gone on with later. Knows nothing of HTML.
"""

import asyncio
import hashlib
import logging
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from app.controller import Controller
from app.engine.catalogue import ALIASES, BUNDLED
from app.errors import ChatError, EngineError, InvalidRequest
from app.failures import log_failure
from app.imports import import_models
from model import hub
from model.errors import CheckpointError
from model.shelf.curated import CURATED, Curated
from model.shelf.memory import machine_memory, needed, runs_on_cpu
from model.shelf.pace import Pace

log = logging.getLogger(__name__)

MOST_DOWNLOADS = 2  # at once
LOOK_EVERY = 20.0  # seconds for which a look at the disk holds

ItemState: TypeAlias = Literal["absent", "begun", "downloading", "here", "in use", "coming"]


class _Paused(Exception):
    """Ends a download that is to be gone on with later."""


@dataclass(slots=True)
class Download:
    """A download of this process; `said` is why it ended, where that isn't by being complete."""

    repository: str
    done: int = 0
    total: int = 0
    said: str = ""
    running: bool = True
    pace: Pace = field(default_factory=Pace)
    stop: threading.Event = field(default_factory=threading.Event)

    def tell(self, done: int, total: int) -> None:
        if self.stop.is_set():
            raise _Paused
        if total:
            self.done, self.total = done, total
            self.pace.tell(done)


@dataclass(frozen=True, slots=True)
class Item:
    """A model on the shelf. `key` names it in requests of the page; `name` is what is switched to.

    `size` in bytes is what there is to download, 0 where that isn't known; `here` bytes are on the
    disk; `needs` bytes of memory at 16, 8 and 4 bits. `refusal` says why it can't be run, `doing`
    what the loading of a model that is coming is at.
    """

    key: str
    name: str
    title: str
    where: str
    state: ItemState
    good_at: str = ""
    licence: str = ""
    size: int = 0
    here: int = 0
    needs: tuple[int, ...] = ()
    refusal: str = ""
    said: str = ""
    removable: bool = False
    speed: float = 0.0
    left: float | None = None
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has, in bytes: memory, and free space where models are kept."""

    memory: int
    free: int
    on_cpu: bool


@dataclass(frozen=True, slots=True)
class View:
    """All that is drawn of the shelf. `said` went wrong; `moving` will soon be different."""

    machine: Machine
    items: tuple[Item, ...]
    said: str
    moving: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A look at the disk: by repository, what is there; and folders by key."""

    repositories: dict[str, "_Here"]
    folders: dict[str, "_Here"]
    machine: Machine
    refusals: dict[str, str]
    at: float


@dataclass(frozen=True, slots=True)
class _Here:
    name: str
    size: int
    complete: bool
    refusal: str


class Shelf:
    """Belongs to the event loop of the controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._downloads: dict[str, Download] = {}
        self._found: _Found | None = None
        self._named: dict[str, None] = {}  # folders that somebody has written, in order
        self._coming = ""  # the name of the model that is being switched to
        self._said = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def serves(self) -> bool:
        """Whether models can be chosen here at all: not with other engines."""
        return self._controller.can_switch

    async def view(self) -> View:
        """How everything is now."""
        found = await self._look()
        engine = self._controller.status().engine
        items = tuple(
            replace(item, doing=engine.detail) if item.state == "coming" else item
            for item in self._items(found)
        )
        moving = bool(self._coming) or any(one.running for one in self._downloads.values())
        return View(found.machine, items, self._said, moving or engine.state == "loading")

    async def get(self, written: str) -> None:
        """Use the folder, or download the repository, that a person has written."""
        self._said = ""
        written = written.strip()
        source = ALIASES.get(written, written)
        is_folder, is_repository = await asyncio.to_thread(_kind, source)
        if is_folder:
            self._named[source] = None
            self._found = None
            self._use(source)
        elif is_repository:
            self._download(source)
        else:
            raise InvalidRequest(
                "That is neither OWNER/NAME on Hugging Face nor a folder of this machine."
            )

    async def download(self, key: str) -> None:
        """Begin a download, or go on with it."""
        item = await self._item(key)
        self._download(item.where)

    async def pause(self, key: str) -> None:
        """End a download; what has arrived is kept."""
        download = self._downloads.get((await self._item(key)).where)
        if download is not None:
            download.stop.set()

    async def use(self, key: str) -> None:
        """Answer with a model that is here, once all has been answered that was asked before."""
        item = await self._item(key)
        if item.state != "here":
            raise InvalidRequest("This model isn't on this machine yet, or is in use already.")
        self._use(item.name)

    async def remove(self, key: str) -> None:
        """Delete a model from the disk, or what is begun of it."""
        item = await self._item(key)
        if not item.removable:
            raise InvalidRequest("This model can't be removed: it is in use, or not from the hub.")
        try:
            await asyncio.to_thread(_remove, item.where)
        except CheckpointError as error:
            raise InvalidRequest(str(error)) from None
        self._downloads.pop(item.where, None)
        self._found = None

    def clear(self) -> None:
        """Another action begins: what went wrong before is no longer said."""
        self._said = ""

    def _use(self, name: str) -> None:
        if self._coming:
            raise InvalidRequest("Another model is being loaded: wait until it is ready.")
        self._coming = name
        self._task = asyncio.create_task(self._switch(name))

    async def _switch(self, name: str) -> None:
        try:
            await self._controller.switch(name)
        except ChatError as error:
            self._said = error.message
        except Exception as error:
            log_failure(log, "switching failed", error)
            self._said = EngineError("The model could not be loaded; the log says more.").message
        finally:
            self._coming = ""

    def _download(self, repository: str) -> None:
        running = [one for one in self._downloads.values() if one.running]
        if any(one.repository == repository for one in running):
            return
        if len(running) >= MOST_DOWNLOADS:
            raise InvalidRequest(
                f"{MOST_DOWNLOADS} downloads are running: pause one of them first."
            )
        before = self._downloads.get(repository)
        download = Download(repository, *((before.done, before.total) if before else ()))
        self._downloads[repository] = download
        # A daemon: the program's end waits for no network.
        threading.Thread(target=self._run, args=[download], name="download", daemon=True).start()

    def _run(self, download: Download) -> None:
        try:
            import_models()
            hub.pull(download.repository, download.tell)
        except _Paused:
            log.info("a download is paused")
        except CheckpointError as error:
            download.said = str(error)
        except Exception as error:
            log_failure(log, "a download failed", error)
            download.said = "The download failed; the log says more. What has arrived is kept."
        finally:
            download.running = False
            self._found = None

    async def _item(self, key: str) -> Item:
        for item in (await self.view()).items:
            if item.key == key:
                return item
        raise InvalidRequest("This model isn't on the shelf any more.")

    async def _look(self) -> _Found:
        found = self._found
        if found is None or time.monotonic() - found.at > LOOK_EVERY:
            found = self._found = await asyncio.to_thread(_look_at_disk, tuple(self._named))
        return found

    def _items(self, found: _Found) -> Iterator[Item]:
        yield Item(
            BUNDLED,
            BUNDLED,
            "Pocket",
            "part of this program",
            self._state(BUNDLED, (BUNDLED,), complete=True, begun=False),
            "Drawings of shapes: counts, colours, places. Tiny; knows nothing of photographs.",
            "Apache 2.0",
        )
        listed = {model.repository for model in CURATED}
        others = dict.fromkeys((*found.repositories, *self._downloads))
        for repository in others:
            if repository not in listed:
                yield self._hub_item(repository, found.repositories.get(repository), found, None)
        for key, folder in found.folders.items():
            name = Path(folder.name).name
            yield Item(
                key,
                folder.name,
                name,
                "a folder of this machine",
                self._state(folder.name, (name,), complete=True, begun=False),
                here=folder.size,
                refusal=folder.refusal,
            )
        for model in CURATED:
            here = found.repositories.get(model.repository)
            yield self._hub_item(model.repository, here, found, model)

    def _hub_item(
        self, repository: str, here: _Here | None, found: _Found, model: Curated | None
    ) -> Item:
        name = model.alias if model else repository
        download = self._downloads.get(repository)
        complete = here is not None and here.complete
        begun = here is not None or (download is not None and download.done > 0)
        state = self._state(name, (name, repository), complete=complete, begun=begun)
        running = download is not None and download.running
        if running:
            state = "downloading"
        bits = (16, 8, 4)
        on_cpu = found.machine.on_cpu
        done = download.done if download and not complete else 0
        return Item(
            repository,
            name,
            model.title if model else repository.partition("/")[2],
            repository,
            state,
            model.good_at if model else "",
            model.licence if model else "",
            download.total if download and download.total else model.size if model else 0,
            done or (here.size if here else 0),
            tuple(needed(model, b, on_cpu=on_cpu) for b in bits) if model else (),
            (here.refusal if here else "") or found.refusals.get(repository, ""),
            download.said if download else "",
            state in ("here", "begun"),
            download.pace.speed if download and running else 0.0,
            download.pace.left(download.done, download.total) if download and running else None,
        )

    def _state(
        self, name: str, names: tuple[str, ...], *, complete: bool, begun: bool
    ) -> ItemState:
        if name == self._coming:
            return "coming"
        engine = self._controller.status().engine
        is_it = not self._coming and bool({engine.model, *engine.also} & {*names})
        if is_it and engine.state != "failed":
            return "coming" if engine.state == "loading" else "in use"
        if complete:
            return "here"
        return "begun" if begun else "absent"


def _kind(source: str) -> tuple[bool, bool]:
    """Whether what was written is a folder, and whether it may be a repository."""
    return hub.local_folder(source) is not None, hub.is_repository(source)


def _remove(repository: str) -> None:
    import_models()
    from model.shelf.disk import remove

    remove(repository)


def _look_at_disk(named: Iterable[str] = ()) -> _Found:
    import_models()
    from huggingface_hub import constants

    from model.shelf.disk import OnDisk, folders, on_disk

    def here(one: OnDisk) -> _Here:
        return _Here(one.repository, one.size, one.folder is not None, one.refusal)

    cache = Path(constants.HF_HUB_CACHE)
    while not cache.exists() and cache != cache.parent:
        cache = cache.parent
    free = shutil.disk_usage(cache).free
    return _Found(
        {one.repository: here(one) for one in on_disk()},
        {_key(one.repository): here(one) for one in folders(named=named)},
        Machine(machine_memory(), free, runs_on_cpu()),
        {model.repository: model.refusal for model in CURATED},
        time.monotonic(),
    )


def _key(folder: str) -> str:
    """Names a folder in the page without its path."""
    return "folder-" + hashlib.sha256(folder.encode()).hexdigest()[:16]
