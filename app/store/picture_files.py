"""Pictures as files named by their content.

Knows nothing of owners: who may see a picture is the database's business.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


class PictureFiles:
    """The folder of pictures and their thumbnails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, digest: str) -> bytes:
        return self._path(digest).read_bytes()

    def write(self, digest: str, data: bytes) -> None:
        """Keep a picture; it is whole on disk or not there at all."""
        self._write(self._path(digest), data)

    def thumbnail(self, digest: str, make: Callable[[], bytes]) -> bytes:
        """The kept thumbnail, made at the first request."""
        path = self._path(digest).with_suffix(".thumb")
        if not path.exists():
            self._write(path, make())
        return path.read_bytes()

    def remove(self, digest: str) -> None:
        for suffix in ("", ".thumb"):
            self._path(digest).with_suffix(suffix).unlink(missing_ok=True)

    def digests(self) -> set[str]:
        """All that are kept."""
        return {path.name for path in self._folder.glob("??/*") if "." not in path.name}

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        if path.exists():
            return
        path.parent.mkdir(mode=0o700, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.draft")
        try:
            with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
