"""One SQLite file and its manners: whole transactions, on the disk before they are acknowledged.

Runs on whatever thread calls it, one at a time. Knows nothing of what the tables mean.
"""

import errno
import logging
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from app.errors import InvalidRequest, NotFound, SettingsError, StorageError
from app.failures import log_failure
from app.store.migrations import NewerDatabase, migrate

log = logging.getLogger(__name__)

GONE = "This chat doesn't exist any more."
FULL = "The disk is full: nothing more can be kept. Make room and try again."
BROKEN = "The data folder can't be read or written any more; the server's log says where."
NOT_OURS = (
    "history.sqlite in the data folder is damaged or no history of this program: move it away, or "
    "name another folder with --data-dir."
)
NEWER = (
    "The history in the data folder was written by a newer version of this program: update this "
    "one, or name another folder with --data-dir."
)
_PRAGMAS = (
    "journal_mode = WAL",
    # A write takes 2 ms where NORMAL takes 0.01, and survives a power cut: there are two a second.
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = ON",  # what is deleted leaves the file
    "busy_timeout = 5000",
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Database:
    """A connection, migrated to the newest form. Raises SettingsError for a file it can't use."""

    def __init__(self, path: Path) -> None:
        self._lock = RLock()
        path.touch(mode=0o600)
        path.chmod(0o600)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.create_function("holds", 2, _holds, deterministic=True)
        try:
            for pragma in _PRAGMAS:
                self._connection.execute(f"PRAGMA {pragma}")
            migrate(self._connection)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise SettingsError(NOT_OURS) from error
        except NewerDatabase as error:
            self._connection.close()
            raise SettingsError(NEWER) from error

    def rows(self, statement: str, values: Any = ()) -> list[sqlite3.Row]:
        with self._lock, storage_errors():
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, values: Any = (), missing: str = GONE) -> sqlite3.Row:
        """The first row. Raises NotFound, which says `missing`."""
        rows = self.rows(statement, values)
        if not rows:
            raise NotFound(missing)
        return rows[0]

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: at its end all of it is on the disk, or none."""
        with self._lock, storage_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        with self._lock:
            self._connection.close()


@contextmanager
def storage_errors() -> Iterator[None]:
    """Say what the disk refuses as StorageError, and what no text can be as InvalidRequest."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            "What was sent contains half a character (a lone surrogate)."
        ) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _storage_error(error, error.errno in _FULL) from error
    except sqlite3.DatabaseError as error:
        name: str = getattr(error, "sqlite_errorname", "")
        if not name.startswith(
            ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CORRUPT")
        ):
            raise
        raise _storage_error(error, name == "SQLITE_FULL") from error


def fold(text: str) -> str:
    """Text as it is searched: in any language's capitals or small letters, composed or not."""
    return unicodedata.normalize("NFKC", text).casefold()


def placeholders(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)


def _storage_error(error: Exception, is_full: bool) -> StorageError:
    log_failure(log, "the disk refused", error)
    return StorageError(FULL if is_full else BROKEN)


def _holds(text: str, word: str) -> bool:
    return word in fold(text)
