"""The history of all owners: conversations as trees of messages, and their pictures.

Every statement names the owner. Runs on whatever thread calls it, one at a time.
"""

import builtins
import json
import secrets
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any, TypeAlias

from app.errors import EngineError, InvalidRequest, NotFound
from app.messages import FinishReason, Picture, Usage
from app.store.migrations import migrate
from app.store.picture_files import PictureFiles
from app.store.records import Chat, ChatMessage, ChatSettings, Conversation, StoredPicture

GRACE = 24 * 3600  # seconds that a picture without a message is kept: it may be in a composer
GONE = "This chat doesn't exist any more."
FULL = "The disk is full: nothing more can be kept. Make room and try again."
Rows: TypeAlias = list[sqlite3.Row]  # named before `Store.list` hides the type
# All messages from one up to the root of its tree, with how far up each is.
_PATH = """
    WITH RECURSIVE path (id, parent, up) AS (
        SELECT id, parent, 0 FROM messages WHERE id = :leaf AND owner = :owner
        UNION ALL SELECT m.id, m.parent, up + 1 FROM messages m JOIN path ON m.id = path.parent)
    SELECT m.* FROM messages m JOIN path ON m.id = path.id ORDER BY up DESC"""
# The newest message below one, or itself.
_TIP = """
    WITH RECURSIVE below (id, number) AS (
        SELECT id, number FROM messages WHERE id = :top AND owner = :owner
        UNION ALL SELECT m.id, m.number FROM messages m JOIN below ON m.parent = below.id)
    SELECT id FROM below ORDER BY number DESC LIMIT 1"""


class Store:
    """The database and the picture files below `data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = RLock()
        self._database = sqlite3.connect(
            data_dir / "history.sqlite", check_same_thread=False, isolation_level=None
        )
        self._database.row_factory = sqlite3.Row
        (data_dir / "history.sqlite").chmod(0o600)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
            "busy_timeout = 5000",
        ):
            self._database.execute(f"PRAGMA {pragma}")
        migrate(self._database)
        self.files = PictureFiles(data_dir / "pictures")
        self.collect()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    # -- conversations ------------------------------------------------------------------------

    def create(self, owner: str, settings: ChatSettings) -> str:
        """A new, empty conversation's id."""
        made, now = secrets.token_hex(8), time.time()
        with self._change() as database:
            database.execute(
                "INSERT INTO conversations (id, owner, settings, created, updated) VALUES (?, ?, ?, ?, ?)",
                (made, owner, json.dumps(settings._asdict()), now, now),
            )
        return made

    def list(self, owner: str, query: str = "") -> list[Conversation]:
        """The owner's conversations that hold all words of `query`, newest first."""
        where, values = "owner = ?", [owner]
        for word in query.split():
            pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            where += (
                " AND (title LIKE ? ESCAPE '\\' OR EXISTS (SELECT 1 FROM messages m"
                " WHERE m.conversation = conversations.id AND m.text LIKE ? ESCAPE '\\'))"
            )
            values += [pattern, pattern]
        order = "ORDER BY updated DESC, rowid DESC"
        rows = self._all(
            f"SELECT id, title, updated FROM conversations WHERE {where} {order}", values
        )
        return [
            Conversation(row["id"], row["title"], datetime.fromtimestamp(row["updated"], UTC))
            for row in rows
        ]

    def open(self, owner: str, conversation: str) -> Chat:
        """A conversation with the messages of its present path. Raises NotFound."""
        row = self._conversation(owner, conversation)
        messages = self.path(owner, conversation, row["leaf"])
        return Chat(row["id"], row["title"], _settings(row), messages)

    def rename(self, owner: str, conversation: str, title: str) -> None:
        self._update(owner, conversation, "title = ?", title)

    def set_settings(self, owner: str, conversation: str, settings: ChatSettings) -> None:
        self._update(owner, conversation, "settings = ?", json.dumps(settings._asdict()))

    def set_leaf(self, owner: str, conversation: str, message: str) -> None:
        """Show the path through `message`, down to the newest message below it."""
        self.message(owner, conversation, message)
        tip = self._one(_TIP, {"top": message, "owner": owner})
        self._update(owner, conversation, "leaf = ?", tip["id"])

    def delete(self, owner: str, conversation: str) -> None:
        """A conversation with its messages, and the pictures that nothing else shows."""
        self._conversation(owner, conversation)
        used = "SELECT p.digest FROM message_pictures p JOIN messages m ON m.id = p.message WHERE m.conversation = ?"
        digests = {row["digest"] for row in self._all(used, (conversation,))}
        with self._change() as database:
            database.execute(
                "DELETE FROM conversations WHERE id = ? AND owner = ?", (conversation, owner)
            )
        self._drop(owner, digests)

    # -- messages -----------------------------------------------------------------------------

    def add_message(
        self, owner: str, conversation: str, parent: str | None, role: str, text: str,
        digests: Sequence[str] = (), model: str | None = None,
    ) -> str:  # fmt: skip
        """Append a message below `parent` and show it; its id. Raises NotFound for a picture not stored."""
        self._conversation(owner, conversation)
        made, now = secrets.token_hex(8), time.time()
        for digest in digests:
            self._picture_row(owner, digest)
        with self._change() as database:
            database.execute(
                "INSERT INTO messages (id, owner, conversation, parent, role, text, model, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (made, owner, conversation, parent, role, text, model, now),
            )
            database.executemany(
                "INSERT INTO message_pictures VALUES (?, ?, ?, ?)",
                [(made, place, owner, digest) for place, digest in enumerate(digests)],
            )
            database.execute(
                "UPDATE conversations SET leaf = ?, updated = ? WHERE id = ? AND owner = ?",
                (made, now, conversation, owner),
            )
        return made

    def write_answer(
        self,
        owner: str,
        message: str,
        text: str,
        reason: FinishReason | None = None,
        usage: Usage | None = None,
    ) -> None:
        """What an answer says so far; `reason` once it has ended."""
        written = None if usage is None else json.dumps(asdict(usage))
        with self._change() as database:
            database.execute(
                "UPDATE messages SET text = ?, finish_reason = ?, usage = ? WHERE id = ? AND owner = ?",
                (text, reason, written, message, owner),
            )

    def message(self, owner: str, conversation: str, message: str) -> ChatMessage:
        """One message. Raises NotFound."""
        where = "SELECT * FROM messages WHERE id = ? AND conversation = ? AND owner = ?"
        row = self._one(where, (message, conversation, owner))
        return self._messages(owner, conversation, [row])[0]

    def path(self, owner: str, conversation: str, leaf: str | None) -> tuple[ChatMessage, ...]:
        """The messages from the first to `leaf`."""
        rows = self._all(_PATH, {"leaf": leaf, "owner": owner}) if leaf else []
        return self._messages(owner, conversation, rows)

    def _messages(
        self, owner: str, conversation: str, rows: Sequence[sqlite3.Row]
    ) -> tuple[ChatMessage, ...]:
        """Rows with their pictures and siblings."""
        pictures: dict[str, builtins.list[StoredPicture]] = defaultdict(list)
        query = (
            "SELECT mp.message, p.digest, p.width, p.height FROM message_pictures mp"
            " JOIN pictures p ON p.owner = mp.owner AND p.digest = mp.digest"
            " JOIN messages m ON m.id = mp.message WHERE m.conversation = ? AND mp.owner = ? ORDER BY mp.position"
        )
        for row in self._all(query, (conversation, owner)):
            pictures[row["message"]].append(
                StoredPicture(row["digest"], row["width"], row["height"])
            )
        versions: dict[tuple[str | None, str], builtins.list[str]] = defaultdict(list)
        siblings = "SELECT id, parent, role FROM messages WHERE conversation = ? AND owner = ? ORDER BY number"
        for row in self._all(siblings, (conversation, owner)):
            versions[row["parent"], row["role"]].append(row["id"])
        return tuple(
            ChatMessage(
                row["id"], row["role"], row["text"], row["parent"], tuple(pictures[row["id"]]),
                tuple(versions[row["parent"], row["role"]]), row["finish_reason"],
                Usage(**json.loads(row["usage"])) if row["usage"] else None,
            )
            for row in rows
        )  # fmt: skip

    # -- pictures -----------------------------------------------------------------------------

    def add_picture(self, owner: str, picture: Picture) -> None:
        """Keep a picture for this owner."""
        try:
            self.files.write(picture.digest, picture.data)
        except OSError as error:
            raise InvalidRequest(FULL) from error
        with self._change() as database:
            database.execute(
                "INSERT INTO pictures VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET created = excluded.created",
                (owner, picture.digest, picture.width, picture.height, time.time()),
            )

    def picture(self, owner: str, digest: str) -> Picture:
        """A picture of this owner. Raises NotFound."""
        row = self._picture_row(owner, digest)
        return Picture(digest, self.files.read(digest), row["width"], row["height"])

    def _picture_row(self, owner: str, digest: str) -> sqlite3.Row:
        rows = self._all("SELECT * FROM pictures WHERE owner = ? AND digest = ?", (owner, digest))
        if not rows:
            raise NotFound("This picture isn't here any more. Add it again.")
        return rows[0]

    def collect(self) -> None:
        """Remove pictures that no message shows and that have been here for a day."""
        unused = (
            "SELECT owner, digest FROM pictures p WHERE created < ? AND NOT EXISTS"
            " (SELECT 1 FROM message_pictures m WHERE m.owner = p.owner AND m.digest = p.digest)"
        )
        for row in self._all(unused, (time.time() - GRACE,)):
            self._drop(row["owner"], {row["digest"]})
        known = {row["digest"] for row in self._all("SELECT DISTINCT digest FROM pictures")}
        for digest in self.files.digests() - known:
            self.files.remove(digest)

    def _drop(self, owner: str, digests: set[str]) -> None:
        """Forget pictures of an owner that no message shows; the file goes with its last owner."""
        with self._change() as database:
            for digest in digests:
                database.execute(
                    "DELETE FROM pictures WHERE owner = ? AND digest = ? AND NOT EXISTS (SELECT 1 FROM message_pictures m"
                    " WHERE m.owner = pictures.owner AND m.digest = pictures.digest)",
                    (owner, digest),
                )
        for digest in digests:
            if not self._all("SELECT 1 FROM pictures WHERE digest = ?", (digest,)):
                self.files.remove(digest)

    # -- SQLite -------------------------------------------------------------------------------

    def _conversation(self, owner: str, conversation: str) -> sqlite3.Row:
        return self._one(
            "SELECT * FROM conversations WHERE id = ? AND owner = ?", (conversation, owner)
        )

    def _update(self, owner: str, conversation: str, what: str, value: str) -> None:
        with self._change() as database:
            changed = database.execute(
                f"UPDATE conversations SET {what} WHERE id = ? AND owner = ?",  # noqa: S608 - our own words
                (value, conversation, owner),
            )
            if not changed.rowcount:
                raise NotFound(GONE)

    def _all(self, statement: str, values: Any = ()) -> Rows:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def _one(self, statement: str, values: Any) -> sqlite3.Row:
        rows = self._all(statement, values)
        if not rows:
            raise NotFound(GONE)
        return rows[0]

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is kept, or none."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException as error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
                    raise EngineError(FULL) from error
                raise


def _settings(row: sqlite3.Row) -> ChatSettings:
    return ChatSettings(**json.loads(row["settings"]))
