"""Fetches a Hugging Face repository's weights, tokenizer and settings into the hub's own cache.

Lists, headers and the cache's layout are huggingface_hub's. What it lacks is here: a download that
ends early goes on where it was, in another process too; every file is compared with the hub's
checksum; the disk's space and the model's family are looked at before anything large is fetched.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeAlias, TypeVar

import httpx2
from filelock import Timeout
from huggingface_hub import HfApi, RepoFile, constants, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock, build_hf_headers, get_session, hf_raise_for_status

from model import fitness, original_config, original_tower
from model.amounts import size_text
from model.errors import CheckpointError
from model.weights import ELSEWHERE, read_json

T = TypeVar("T")
Watch: TypeAlias = Callable[[int, int], None]

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
# Only data: no program is fetched, and nothing pickled.
FILES = (
    "*.safetensors",
    INDEX,
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
)
TRIES = 5  # in a row without a byte
LONGEST_WAIT = 60.0  # seconds before another try
RESERVE = 256 << 20  # bytes of the disk that are left free
_NAP = 0.1  # seconds
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BUSY = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository; `digest` is its SHA-256 or, where it is small, git's SHA-1."""

    name: str
    size: int
    digest: str


def fetch(repository: str, watch: Watch = lambda done, total: None) -> Path:
    """Download what is missing of a repository's newest commit; the folder with all of it.

    `watch` is told, often, how many bytes are here and how many there will be. What it raises ends
    the download; what has arrived is kept, and the next one goes on there. Raises CheckpointError
    for a model that can't be run here or doesn't fit the disk, before its weights are fetched, and
    what httpx2 and huggingface_hub raise.
    """
    storage = storage_of(repository)
    with alone(repository):
        commit, files = _patiently(lambda: _listed(repository), lambda: 0, lambda: watch(0, 0))
        transfer = _Transfer(repository, commit, files, storage, watch)
        transfer.run()
        return transfer.publish()


def listed_files(entries: Sequence[RepoFile]) -> list[RemoteFile]:
    """Those files of a repository that are fetched, the settings first.

    Of weights in one file and in others beside it, as a second copy, only the one is ever read.
    """
    whole = any(entry.path == WEIGHTS for entry in entries)
    files = [
        RemoteFile(e.path, e.size, e.lfs.sha256 if e.lfs else e.blob_id)
        for e in entries
        if "/" not in e.path
        and any(fnmatch(e.path, pattern) for pattern in FILES)
        and not (whole and e.path.endswith(".safetensors") and e.path != WEIGHTS)
    ]
    return sorted(files, key=lambda file: (file.name != "config.json", file.size))


def _listed(repository: str) -> tuple[str, list[RemoteFile]]:
    api = HfApi()
    commit = api.model_info(repository).sha
    if commit is None:
        raise CheckpointError(f"Hugging Face names no version of {repository}.")
    tree = list(api.list_repo_tree(repository, revision=commit))
    files = listed_files([entry for entry in tree if isinstance(entry, RepoFile)])
    # They become names of files here.
    if not all(_DIGEST.fullmatch(digest) for digest in (commit, *(file.digest for file in files))):
        raise CheckpointError(f"Hugging Face's list of {repository} makes no sense.")
    names = {file.name for file in files}
    if "config.json" not in names:
        raise CheckpointError(f"{repository} has no config.json, so it is no checkpoint.")
    if not any(name.endswith(".safetensors") for name in names):
        raise CheckpointError(
            f"{repository} has no safetensors weights; pickled ones can run programs and are "
            f"never fetched. {ELSEWHERE}"
        )
    return commit, files


class _Transfer:
    """The files of one commit on their way into the cache's folder `storage`."""

    def __init__(
        self,
        repository: str,
        commit: str,
        files: Sequence[RemoteFile],
        storage: Path,
        watch: Watch,
    ) -> None:
        self._repository = repository
        self._commit = commit
        self._files = files
        self._storage = storage
        self._blobs = storage / "blobs"
        self._watch = watch
        self._total = sum(file.size for file in files)
        self._blobs.mkdir(parents=True, exist_ok=True)
        (storage / "snapshots").mkdir(exist_ok=True)  # without it the cache counts as broken

    def run(self) -> None:
        """Fetch what is missing, the configuration first: it may say that all else is in vain."""
        first, *rest = self._files
        self._fetch(first)
        self._refuse_unfit(self._blob(first))
        self._refuse_without_space()
        for file in rest:
            self._fetch(file)
            if file.name == INDEX:
                self._refuse_without_tower(self._blob(first), self._blob(file))

    def publish(self) -> Path:
        """The snapshot's folder, made now that nothing of it is missing; the reference last."""
        folder = self._storage / "snapshots" / self._commit
        folder.mkdir(parents=True, exist_ok=True)
        for file in self._files:
            link = folder / file.name
            if not link.exists():
                link.unlink(missing_ok=True)
                link.symlink_to(os.path.relpath(self._blob(file), folder))
        reference = self._storage / "refs" / constants.DEFAULT_REVISION
        reference.parent.mkdir(exist_ok=True)
        new = reference.with_suffix(".new")
        new.write_text(self._commit)
        new.replace(reference)
        return folder

    def _blob(self, file: RemoteFile) -> Path:
        return self._blobs / file.digest

    def _part(self, file: RemoteFile) -> Path:
        return self._blobs / f"{file.digest}.incomplete"

    def _here(self) -> int:
        """How many bytes of the files are on the disk."""
        return sum(
            file.size if _is_whole(self._blob(file), file.size) else _size(self._part(file))
            for file in self._files
        )

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Why a checkpoint can't be run, with its name."""
        try:
            yield
        except CheckpointError as error:
            raise CheckpointError(f"{self._repository} can't be run here: {error}") from error

    def _refuse_unfit(self, config: Path) -> None:
        with self._refusing():
            fitness.check(read_json(config.parent, config.name) or {})

    def _refuse_without_tower(self, config: Path, index: Path) -> None:
        """An original checkpoint whose frozen tower is elsewhere would come, large, for nothing."""
        written = read_json(config.parent, config.name) or {}
        names = (read_json(index.parent, index.name) or {}).get("weight_map") or {}
        if original_config.recognises(written) and not any("vision_tower" in n for n in names):
            with self._refusing():
                original_tower.complete(written, config.parent, {})

    def _refuse_without_space(self) -> None:
        missing = self._total - self._here()
        free = shutil.disk_usage(self._blobs).free
        if missing and free < missing + RESERVE:
            raise CheckpointError(
                f"{self._repository} needs {size_text(missing + RESERVE)} more on the disk, and "
                f"{size_text(free)} are free: make room, and the download goes on where it was."
            )

    def _fetch(self, file: RemoteFile) -> None:
        if _is_whole(self._blob(file), file.size):
            return
        before = self._here() - _size(self._part(file))
        part = self._part(file)

        def tell() -> None:
            self._watch(before + _size(part), self._total)

        _patiently(lambda: self._stream(file, part, tell), lambda: _size(part), tell)
        if _digest(part, file, tell) != file.digest:
            part.unlink()
            raise CheckpointError(
                f"{file.name} of {self._repository} was damaged on its way (its checksum isn't the "
                "hub's) and is thrown away: download again, only this file starts anew."
            )
        part.replace(self._blob(file))
        self._watch(before + file.size, self._total)

    def _stream(self, file: RemoteFile, part: Path, tell: Callable[[], None]) -> None:
        """Add to `part` what is missing of it."""
        have = _size(part) if _size(part) <= file.size else 0
        if have == file.size and part.exists():
            return
        url = hf_hub_url(self._repository, file.name, revision=self._commit)
        # Compressed on the way, a file's bytes could not be counted, nor asked for from the middle.
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={have}-"} if have else {}
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
            hf_raise_for_status(response)
            with part.open("ab") as out:
                out.truncate(have if response.status_code == 206 else 0)
                for chunk in response.iter_bytes():
                    out.write(chunk)
                    out.flush()
                    tell()
                    if out.tell() > file.size:  # it need not ever end
                        break
        if _size(part) > file.size:
            part.unlink()
            raise CheckpointError(f"{file.name} of {self._repository} is longer than announced.")
        if _size(part) != file.size:
            raise httpx2.RemoteProtocolError(
                f"{_size(part)} bytes came, {file.size} were announced"
            )


def _patiently(action: Callable[[], T], moved: Callable[[], int], tell: Callable[[], None]) -> T:
    """Try again what failed on the way, until nothing has moved for TRIES times."""
    failures, last = 0, moved()
    while True:
        try:
            return action()
        except (httpx2.TransportError, HfHubHTTPError) as error:
            if not _is_passing(error, begun=moved() > 0):
                raise
            failures = 1 if moved() > last else failures + 1
            last = moved()
            if failures >= TRIES:
                raise
            _wait(_wait_for(error, failures), tell)


def _is_passing(error: httpx2.TransportError | HfHubHTTPError, *, begun: bool) -> bool:
    """Whether another try may help. A hub that can't be reached at all is said at once."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _BUSY
    return begun or not isinstance(error, (httpx2.ConnectError, httpx2.ProxyError))


def _wait_for(error: Exception, failures: int) -> float:
    """Seconds that the hub asks for, or a second, two, four, ..."""
    response = getattr(error, "response", None)
    asked = response.headers.get("retry-after", "") if response is not None else ""
    seconds = float(asked) if asked.isdigit() else 2.0 ** (failures - 1)
    return min(seconds, LONGEST_WAIT)


def _wait(seconds: float, tell: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        tell()  # who is told may want to end it
        time.sleep(_NAP)


def _digest(path: Path, file: RemoteFile, tell: Callable[[], None]) -> str:
    """The checksum in the form that the hub gives for this file."""
    if len(file.digest) == 64:
        digest = hashlib.sha256()
    else:  # what git calls a blob
        digest = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
            tell()
    return digest.hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def storage_of(repository: str) -> Path:
    """The folder in the hub's cache that belongs to a repository."""
    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model")


@contextmanager
def alone(repository: str) -> Iterator[None]:
    """One at a time downloads or removes a repository: two would meet in the same files.

    Raises CheckpointError where another is at it.
    """
    storage = storage_of(repository)
    lock = storage.parent / ".locks" / storage.name / "download.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with WeakFileLock(lock, timeout=_NAP):
            yield
    except Timeout:
        raise CheckpointError(f"{repository} is being downloaded already.") from None
