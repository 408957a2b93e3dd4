"""What is on this machine's disk of models, and how much room there is; both take a while to tell.

Runs on threads of its own, beside one that may be loading a model.
"""

import hashlib
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.imports import import_models
from model.hub import is_repository
from model.shelf.memory import machine_memory, runs_on_cpu

if TYPE_CHECKING:
    from model.shelf.disk import OnDisk


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has, in bytes: memory, and free space where models are kept."""

    memory: int
    free: int
    on_cpu: bool


@dataclass(frozen=True, slots=True)
class Here:
    """A model on the disk, or what is begun of it; `refusal` says why it can't be run.

    `name` is its repository, or the folder.
    """

    name: str
    size: int
    complete: bool
    refusal: str


@dataclass(frozen=True, slots=True)
class Found:
    """A look at the disk at a time: what is there by repository, and folders by key."""

    repositories: dict[str, Here]
    folders: dict[str, Here]
    machine: Machine
    at: float


def look(named: Iterable[str] = ()) -> Found:
    """See what is there now, the folders `named` by somebody too."""
    import_models()
    from huggingface_hub import constants

    from model.shelf.disk import OnDisk, folders, on_disk

    def here(one: OnDisk) -> Here:
        return Here(_source(one), one.size, one.folder is not None, one.refusal)

    cache = Path(constants.HF_HUB_CACHE)
    while not cache.exists() and cache != cache.parent:
        cache = cache.parent
    free = shutil.disk_usage(cache).free
    return Found(
        {one.repository: here(one) for one in on_disk()},
        {_key(one.name): one for one in map(here, folders(named=named))},
        Machine(machine_memory(), free, runs_on_cpu()),
        time.monotonic(),
    )


def remove(repository: str) -> None:
    """Delete what is there of a repository. Raises CheckpointError."""
    import_models()
    from model.shelf import disk

    disk.remove(repository)


def _source(one: "OnDisk") -> str:
    """The repository, or the folder without links: two ways to it are one model."""
    return one.repository if is_repository(one.repository) else str(Path(one.repository).resolve())


def _key(folder: str) -> str:
    """Names a folder in the page without its path."""
    return "folder-" + hashlib.sha256(folder.encode()).hexdigest()[:16]
