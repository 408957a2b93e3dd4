"""Finds a checkpoint's folder: a local one, or a Hugging Face repository fetched into its cache.

Only data is fetched (weights, settings, tokenizer), never a program.
"""

import os
import re
from pathlib import Path

from model.errors import CheckpointError

FILES = [
    "*.safetensors",
    "model.safetensors.index.json",
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
]
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def find_checkpoint(path_or_repo: str | os.PathLike[str]) -> tuple[Path, str]:
    """A checkpoint's folder and its name. Raises CheckpointError where there is none to be had."""
    written = os.fspath(path_or_repo)
    folder = _local_folder(written)
    if folder is not None:
        return folder, folder.name
    if not _REPOSITORY.fullmatch(written):
        raise CheckpointError(
            "There is no such folder, and it is no name of a Hugging Face repository "
            "(OWNER/NAME) either."
        )
    return _fetch(written), written


def _local_folder(written: str) -> Path | None:
    try:
        folder = Path(written).expanduser().resolve()
        return folder if written and folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long, of an unknown user, with a zero in it
        return None


def _fetch(repository: str) -> Path:
    # Imported here: it costs as much as all of MLX, and a local folder doesn't need it.
    from httpx import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(repository, allow_patterns=FILES, ignore_patterns=["*/*"]))
    except GatedRepoError as error:
        reason = "its owner wants an account and consent: see its page, and `hf auth login`"
        raise CheckpointError(f"{repository} can't be fetched: {reason}.") from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(f"Hugging Face has no public repository {repository}.") from error
    except LocalEntryNotFoundError as error:
        reason = "Hugging Face can't be reached, and it isn't in the local cache"
        raise CheckpointError(f"{repository} can't be fetched: {reason}.") from error
    except (HfHubHTTPError, HTTPError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{repository} can't be fetched: {type(error).__name__} on the way. "
            "Check the network and the free disk space, then try again; what has arrived is kept."
        ) from error
