"""Finds a checkpoint's folder: a local one, or a Hugging Face repository's in the hub's cache.

The hub is asked only for what isn't in the cache, or where a newer version is asked for.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import CheckpointError
from model.weights import weight_files

if TYPE_CHECKING:
    from model.download import Watch

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")

NO_REPOSITORY = "it is no name of a Hugging Face repository (OWNER/NAME)"


def find_checkpoint(path_or_repo: str | os.PathLike[str]) -> tuple[Path, str]:
    """A checkpoint's folder and its name; a repository that isn't in the cache is fetched.

    Raises CheckpointError where there is none to be had.
    """
    written = os.fspath(path_or_repo)
    folder = local_folder(written)
    if folder is not None:
        return folder, folder.name
    if not is_repository(written):
        raise CheckpointError(f"There is no such folder, and {NO_REPOSITORY} either.")
    return cached(written) or pull(written), written


def is_repository(written: str) -> bool:
    """Whether it could be the name of a repository: OWNER/NAME."""
    return _REPOSITORY.fullmatch(written) is not None


def local_folder(written: str) -> Path | None:
    """The folder that is meant, if there is one."""
    try:
        folder = Path(written).expanduser().resolve()
        return folder if written and folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long, of an unknown user, with a zero in it
        return None


def cached(repository: str) -> Path | None:
    """The folder of a repository in the hub's cache, None unless all its weights are there."""
    # Imported here: it costs as much as all of MLX, and a local folder doesn't need it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    from model.download import FILES

    try:
        found = snapshot_download(
            repository, local_files_only=True, allow_patterns=[*FILES], ignore_patterns=["*/*"]
        )
        folder = Path(found)
        weight_files(folder)
    except (LocalEntryNotFoundError, HFValidationError, CheckpointError, OSError):
        return None
    return folder if (folder / "config.json").is_file() else None


def pull(repository: str, watch: "Watch" = lambda done, total: None) -> Path:
    """Fetch a repository's newest version into the hub's cache; its folder.

    `watch` as in `download.fetch`. Raises CheckpointError.
    """
    from model.download import fetch

    if not is_repository(repository):
        raise CheckpointError(f"This can't be fetched: {NO_REPOSITORY}.")
    with _said(repository):
        return fetch(repository, watch)


@contextmanager
def _said(repository: str) -> Iterator[None]:
    """Failures of hub, network and disk in one sentence each."""
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        reason = "its owner wants an account and consent: see its page, and `hf auth login`"
        raise CheckpointError(f"{repository} can't be fetched: {reason}.") from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(f"Hugging Face has no public repository {repository}.") from error
    except OfflineModeIsEnabled as error:
        reason = "HF_HUB_OFFLINE is set, and it isn't in the local cache"
        raise CheckpointError(f"{repository} can't be fetched: {reason}.") from error
    except (httpx2.ConnectError, httpx2.ProxyError) as error:
        reason = "Hugging Face can't be reached (no network?). What has arrived is kept"
        raise CheckpointError(f"{repository} can't be fetched: {reason}.") from error
    except (HfHubHTTPError, httpx2.HTTPError, ValueError, OSError) as error:
        reason = f"{_what(error)}. What has arrived is kept: try again later"
        raise CheckpointError(f"{repository} can't be fetched: {reason}.") from error


def _what(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 429:
        return "Hugging Face asks for patience (too many requests)"
    if status is not None:
        return f"Hugging Face answers with the status {status}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full"
    return f"{type(error).__name__} on the way"
