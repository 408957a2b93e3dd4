"""Whose pictures there are. Owners of the same pixels share one file; it goes with the last.

Knows nothing of how a picture is decoded.
"""

import time
from collections.abc import Iterable
from sqlite3 import Row

from app.errors import NotFound
from app.messages import Picture
from app.store.database import Database, storage_errors
from app.store.picture_files import PictureFiles
from app.store.records import StoredPicture

GRACE = 24 * 3600  # seconds that a picture is kept for a message that wasn't sent yet
COLLECT_EVERY = 3600  # seconds
MISSING = "This picture isn't here any more. Add it again."
# Not waiting in a composer, and no message shows it: nobody will ask for it.
_UNUSED = """(offered IS NULL OR offered < :before) AND NOT EXISTS (SELECT 1
    FROM message_pictures m WHERE m.owner = pictures.owner AND m.digest = pictures.digest)"""


class PictureStore:
    """The pictures of all owners. Raises NotFound for another owner's, and StorageError."""

    def __init__(self, database: Database, files: PictureFiles) -> None:
        self._database = database
        self._files = files
        self._collected = 0.0
        self.collect()

    def add(self, owner: str, picture: Picture) -> None:
        """Keep a picture for a message to come."""
        if time.time() - self._collected > COLLECT_EVERY:
            self.collect()
        with storage_errors():
            self._files.write(picture.digest, picture.data)
        now = time.time()
        with self._database.change() as change:
            change.execute(
                "INSERT INTO pictures (owner, digest, width, height, frames, created, offered)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET offered = excluded.offered",
                (owner, picture.digest, picture.width, picture.height, picture.frames, now, now),
            )

    def get(self, owner: str, digest: str) -> Picture:
        row = self._row(owner, digest)
        try:
            with storage_errors():
                data = self._files.read(digest)
                return Picture(digest, data, row["width"], row["height"], row["frames"])
        except FileNotFoundError:
            raise NotFound(MISSING) from None

    def thumbnail(self, owner: str, digest: str) -> bytes | None:
        """The kept one; None until one is kept."""
        self._row(owner, digest)
        try:
            with storage_errors():
                return self._files.read_thumbnail(digest)
        except FileNotFoundError:
            return None

    def keep_thumbnail(self, owner: str, digest: str, data: bytes) -> None:
        self._row(owner, digest)  # it may have been deleted meanwhile
        with storage_errors():
            self._files.write_thumbnail(digest, data)

    def find(self, owner: str, digests: Iterable[str]) -> tuple[StoredPicture, ...]:
        """The pictures without their pixels, if the owner has all of them."""
        rows = [self._row(owner, digest) for digest in digests]
        return tuple(StoredPicture.of(row) for row in rows)

    def drop(self, owner: str, digests: Iterable[str]) -> None:
        """Forget those of these pictures that nothing uses any more."""
        before = time.time() - GRACE
        for digest in digests:
            with self._database.change() as change:
                change.execute(
                    f"DELETE FROM pictures WHERE owner = :owner AND digest = :digest AND {_UNUSED}",  # noqa: S608
                    {"owner": owner, "digest": digest, "before": before},
                )
            if not self._database.rows("SELECT 1 FROM pictures WHERE digest = ?", (digest,)):
                with storage_errors():
                    self._files.remove(digest)

    def collect(self) -> None:
        """Remove what nothing uses: pictures never sent, and files that a crash left behind."""
        self._collected = time.time()
        unused = f"SELECT owner, digest FROM pictures WHERE {_UNUSED}"  # noqa: S608
        for row in self._database.rows(unused, {"before": self._collected - GRACE}):
            self.drop(row["owner"], [row["digest"]])
        known = {row["digest"] for row in self._database.rows("SELECT digest FROM pictures")}
        for digest in self._files.digests() - known:
            with storage_errors():
                self._files.remove(digest)

    def _row(self, owner: str, digest: str) -> Row:
        query = "SELECT * FROM pictures WHERE owner = ? AND digest = ?"
        return self._database.row(query, (owner, digest), MISSING)
