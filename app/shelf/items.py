"""The rows of the shelf: the bundled model, what is on the disk, and what is curated."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from app.engine.catalogue import ALIASES, BUNDLED
from app.shelf.disk import Found, Machine
from app.shelf.downloads import Downloads
from model.shelf.curated import CURATED, Curated
from model.shelf.memory import needed

ItemState: TypeAlias = Literal["absent", "begun", "downloading", "here", "in use", "coming"]
BITS = (16, 8, 4)  # a weight, for which it is told what memory a model needs


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
class View:
    """All that is drawn of the shelf. `said` went wrong; `moving` will soon be different."""

    machine: Machine
    items: tuple[Item, ...]
    said: str
    moving: bool


class StateOf(Protocol):
    """The state of the model that is this folder or repository."""

    def __call__(self, source: str, *, complete: bool, begun: bool = False) -> ItemState: ...


def items(found: Found, downloads: Downloads, state: StateOf) -> Iterator[Item]:
    """Every row, in the order in which they are shown."""
    yield Item(
        key=BUNDLED,
        name=BUNDLED,
        title="Pocket",
        where="part of this program",
        state=state(ALIASES[BUNDLED], complete=True),
        good_at="Drawings of shapes: counts, colours, places. Tiny; knows nothing of photographs.",
        licence="Apache 2.0",
    )
    listed = {model.repository for model in CURATED}
    for repository in dict.fromkeys((*found.repositories, *downloads)):
        if repository not in listed:
            yield _hub_item(repository, found, downloads, state)
    for key, folder in found.folders.items():
        yield Item(
            key=key,
            name=folder.name,
            title=Path(folder.name).name,
            where="a folder of this machine",
            state=state(folder.name, complete=True),
            here=folder.size,
            refusal=folder.refusal,
        )
    for model in CURATED:
        yield _hub_item(model.repository, found, downloads, state, model)


def _hub_item(
    repository: str,
    found: Found,
    downloads: Downloads,
    state_of: StateOf,
    model: Curated | None = None,
) -> Item:
    here, download = found.repositories.get(repository), downloads.get(repository)
    complete = here is not None and here.complete
    begun = here is not None or (download is not None and download.done > 0)
    state = state_of(repository, complete=complete, begun=begun)
    running = download if download is not None and download.running else None
    if running:
        state = "downloading"
    on_cpu = found.machine.on_cpu
    arrived = download.done if download and not complete else 0
    refusal = (here.refusal if here else "") or (model.refusal if model else "")
    return Item(
        key=repository,
        name=model.alias if model else repository,
        title=model.title if model else repository.partition("/")[2],
        where=repository,
        state=state,
        good_at=model.good_at if model else "",
        licence=model.licence if model else "",
        size=download.total if download and download.total else model.size if model else 0,
        here=arrived or (here.size if here else 0),
        needs=tuple(needed(model, bits, on_cpu=on_cpu) for bits in BITS) if model else (),
        refusal=refusal,
        said=download.said if download else "",
        removable=state in ("here", "begun"),
        speed=running.pace.speed if running else 0.0,
        left=running.pace.left(running.done, running.total) if running else None,
    )
