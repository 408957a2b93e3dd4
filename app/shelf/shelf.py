"""What a person does at the shelf: download, pause, use, remove; and how everything is now."""

import asyncio
import logging
import time
from dataclasses import replace

from app.controller import Controller
from app.engine.catalogue import ALIASES, find
from app.errors import ChatError, EngineError, InvalidRequest, SettingsError
from app.failures import log_failure
from app.shelf import disk
from app.shelf.disk import Found
from app.shelf.downloads import Downloads
from app.shelf.items import Item, ItemState, View, items
from model import hub
from model.errors import CheckpointError

log = logging.getLogger(__name__)

LOOK_EVERY = 20.0  # seconds for which a look at the disk holds


class Shelf:
    """Belongs to the event loop of the controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._downloads = Downloads(self._look_again)
        self._found: Found | None = None
        self._named: dict[str, None] = {}  # folders that somebody has written, in order
        self._coming = ""  # the source of the model that is being switched to
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
        rows = tuple(
            replace(item, doing=engine.detail) if item.state == "coming" else item
            for item in items(found, self._downloads, self._state)
        )
        moving = bool(self._coming or self._downloads.running)
        return View(found.machine, rows, self._said, moving or engine.state == "loading")

    async def get(self, written: str) -> None:
        """Use the folder, or download the repository, that a person has written."""
        self._said = ""
        written = written.strip()
        source = ALIASES.get(written, written)
        folder = await asyncio.to_thread(hub.local_folder, source)
        if folder is not None:
            self._named[str(folder)] = None
            self._look_again()
            self._use(str(folder))
        elif hub.is_repository(source):
            self._downloads.begin(source)
        else:
            raise InvalidRequest(
                "That is neither OWNER/NAME on Hugging Face nor a folder of this machine."
            )

    async def download(self, key: str) -> None:
        """Begin a download, or go on with it."""
        self._downloads.begin((await self._item(key)).where)

    async def pause(self, key: str) -> None:
        """End a download; what has arrived is kept."""
        self._downloads.pause((await self._item(key)).where)

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
            await asyncio.to_thread(disk.remove, item.where)
        except CheckpointError as error:
            raise InvalidRequest(str(error)) from None
        self._downloads.forget(item.where)
        self._look_again()

    def clear(self) -> None:
        """Another action begins: what went wrong before is no longer said."""
        self._said = ""

    def _use(self, name: str) -> None:
        if self._coming:
            raise InvalidRequest("Another model is being loaded: wait until it is ready.")
        try:
            self._coming, _ = find(name)
        except SettingsError as error:
            raise InvalidRequest(error.message) from None
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

    async def _item(self, key: str) -> Item:
        for item in (await self.view()).items:
            if item.key == key:
                return item
        raise InvalidRequest("This model isn't on the shelf any more.")

    def _look_again(self) -> None:
        """What is known of the disk has changed."""
        self._found = None

    async def _look(self) -> Found:
        found = self._found
        if found is None or time.monotonic() - found.at > LOOK_EVERY:
            found = self._found = await asyncio.to_thread(disk.look, tuple(self._named))
        return found

    def _state(self, source: str, *, complete: bool, begun: bool = False) -> ItemState:
        if source == self._coming:
            return "coming"
        engine = self._controller.status().engine
        is_it = not self._coming and source == engine.source
        if is_it and engine.state != "failed":
            return "coming" if engine.state == "loading" else "in use"
        if complete:
            return "here"
        return "begun" if begun else "absent"
