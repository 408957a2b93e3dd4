"""Which checkpoints are on this machine: in the hub's cache, whole or in part, and in folders."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from model import fitness
from model.download import alone, storage_of
from model.errors import CheckpointError
from model.hub import cached, is_repository
from model.weights import read_json, stored_tensors

# Where people and other programs keep theirs: FOLDER/NAME and FOLDER/OWNER/NAME.
PLACES = ("~/models", "~/.lmstudio/models", "~/.cache/lm-studio/models")


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A checkpoint on this machine: `repository` is OWNER/NAME, or the path of a folder.

    `size` in bytes, parts included; `folder` is None while it isn't complete.
    `refusal` says why the program can't run it, empty where it can or isn't known yet.
    """

    repository: str
    size: int
    folder: Path | None
    refusal: str = ""


def on_disk() -> list[OnDisk]:
    """The cache's repositories that are LLaVAs, or could be: by their configuration."""
    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    found = (
        _look(repo.repo_id, repo.repo_path) for repo in repositories if repo.repo_type == "model"
    )
    return sorted((one for one in found if one), key=lambda one: one.repository.lower())


def folders(places: Sequence[str] = PLACES, named: Iterable[str] = ()) -> list[OnDisk]:
    """Checkpoints of LLaVAs in the folders where people keep such, and those that are `named`."""
    candidates = [Path(name).expanduser() for name in named]
    for place in places:
        root = Path(place).expanduser()
        configs = sorted((*root.glob("*/config.json"), *root.glob("*/*/config.json")))
        candidates += [config.parent for config in configs]
    found = []
    for folder in {folder.resolve(): folder for folder in candidates}.values():
        refusal = _why_not_whole(folder) if (folder / "config.json").is_file() else None
        if refusal is not None:
            found.append(OnDisk(str(folder), folder_size(folder), folder, refusal))
    return found


def _look(repository: str, path: Path) -> OnDisk | None:
    if not is_repository(repository):
        return None
    folder = cached(repository)
    size = folder_size(path)
    if folder is None:
        # Ours, begun and not finished; of others' parts nothing is known.
        begun = any((path / "blobs").glob("*.incomplete"))
        return OnDisk(repository, size, None) if begun else None
    refusal = why_not(folder)
    return None if refusal is None else OnDisk(repository, size, folder, refusal)


def _why_not_whole(folder: Path) -> str | None:
    """As `why_not`; and a folder that somebody copied may lack weights, or have half of them."""
    refusal = why_not(folder)
    if refusal == "":
        try:
            stored_tensors(folder)
        except CheckpointError as error:
            return str(error)
    return refusal


def why_not(folder: Path) -> str | None:
    """Why a checkpoint can't be run: empty where it can, None where it isn't about pictures."""
    try:
        config = read_json(folder, "config.json") or {}
        if fitness.has_no_vision(config):
            return None
        fitness.check(config)
    except CheckpointError as error:
        return str(error)
    return ""


def remove(repository: str) -> int:
    """Delete a repository from the hub's cache, what is unfinished of it too; the bytes freed.

    Raises CheckpointError where it isn't there, is no LLaVA, or is being downloaded.
    """
    if not is_repository(repository):
        raise CheckpointError("Only what came from Hugging Face (OWNER/NAME) is removed here.")
    if not any(one.repository == repository for one in on_disk()):
        raise CheckpointError(f"{repository} isn't among the models in the local cache.")
    path = storage_of(repository)
    freed = folder_size(path)
    try:
        with alone(repository):
            shutil.rmtree(path)
    except OSError as error:
        raise CheckpointError(f"{repository} can't be removed: the disk refuses.") from error
    return freed


def folder_size(path: Path) -> int:
    """Bytes of a folder's files; what several names lead to counts once."""
    files = (file for file in path.rglob("*") if not file.is_symlink() and file.is_file())
    return sum(file.stat().st_size for file in files)
