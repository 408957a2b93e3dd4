"""Pictures as files named by their content; a file is whole or not there at all.

Knows nothing of owners: who may see a picture is the database's business.
"""

import os
from pathlib import Path

_THUMBNAIL, _DRAFT = ".thumb", ".draft"


class PictureFiles:
    """The folder of pictures and their thumbnails. Raises OSError as the disk does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for draft in folder.glob(f"??/*{_DRAFT}"):  # what a killed process was writing
            draft.unlink()

    def read(self, digest: str) -> bytes:
        return self._path(digest).read_bytes()

    def write(self, digest: str, data: bytes) -> None:
        _write(self._path(digest), data)

    def read_thumbnail(self, digest: str) -> bytes:
        return self._path(digest, _THUMBNAIL).read_bytes()

    def write_thumbnail(self, digest: str, data: bytes) -> None:
        _write(self._path(digest, _THUMBNAIL), data)

    def remove(self, digest: str) -> None:
        """The picture with its thumbnail."""
        for suffix in ("", _THUMBNAIL):
            self._path(digest, suffix).unlink(missing_ok=True)

    def digests(self) -> set[str]:
        """All of which anything is kept."""
        return {path.stem for path in self._folder.glob("??/*")}

    def _path(self, digest: str, suffix: str = "") -> Path:
        return self._folder / digest[:2] / f"{digest}{suffix}"


def _write(path: Path, data: bytes) -> None:
    """The file and its name are on the disk when this returns."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(path.name + _DRAFT)
    try:
        with open(draft, "wb", opener=_for_the_owner_alone) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent):
        _sync_folder(folder)


def _for_the_owner_alone(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
