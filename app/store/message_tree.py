"""The messages of a conversation as a tree: an edit or another answer is a sibling.

Knows nothing of conversations' titles and settings, or of which path is shown.
"""

import json
import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from sqlite3 import Connection, Row

from app.errors import NotFound
from app.messages import FinishReason, Usage
from app.store.database import GONE, Database
from app.store.records import ChatMessage, ChatSettings, StoredPicture

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
_PICTURES = """
    SELECT shown.message, pictures.* FROM message_pictures shown
    JOIN pictures ON pictures.owner = shown.owner AND pictures.digest = shown.digest
    JOIN messages ON messages.id = shown.message
    WHERE messages.conversation = ? AND shown.owner = ? ORDER BY shown.position"""
_VERSIONS = "SELECT id, parent FROM messages WHERE conversation = ? AND owner = ? ORDER BY number"
_MESSAGE = "SELECT * FROM messages WHERE id = ? AND conversation = ? AND owner = ?"


class MessageTree:
    """The messages of all conversations. Raises NotFound for those of another one or owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, owner: str, conversation: str, message: str) -> ChatMessage:
        row = self._database.row(_MESSAGE, (message, conversation, owner))
        return self._complete(owner, conversation, [row])[0]

    def path(self, owner: str, conversation: str, leaf: str | None) -> tuple[ChatMessage, ...]:
        """The messages from the first to `leaf`."""
        if leaf is None:
            return ()
        self._database.row(_MESSAGE, (leaf, conversation, owner))
        rows = self._database.rows(_PATH, {"leaf": leaf, "owner": owner})
        return self._complete(owner, conversation, rows)

    def tip(self, owner: str, conversation: str, message: str) -> str:
        """The newest message below one, or itself."""
        self._database.row(_MESSAGE, (message, conversation, owner))
        tip: str = self._database.row(_TIP, {"top": message, "owner": owner})["id"]
        return tip

    def shown_pictures(self, owner: str, conversation: str) -> set[str]:
        """The digests of all pictures, on every path."""
        return {row["digest"] for row in self._database.rows(_PICTURES, (conversation, owner))}

    def add(
        self,
        change: Connection,
        owner: str,
        conversation: str,
        parent: str | None,
        role: str,
        text: str,
    ) -> str:
        """A new message's id."""
        if parent is not None:
            self._database.row(_MESSAGE, (parent, conversation, owner))
        made = secrets.token_hex(8)
        change.execute(
            "INSERT INTO messages (id, owner, conversation, parent, role, text, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (made, owner, conversation, parent, role, text, time.time()),
        )
        return made

    def show(self, change: Connection, owner: str, message: str, digests: Sequence[str]) -> None:
        """Give a new message its pictures, which then wait in the composer no longer."""
        change.executemany(
            "INSERT INTO message_pictures VALUES (?, ?, ?, ?)",
            [(message, place, owner, digest) for place, digest in enumerate(digests)],
        )
        change.executemany(
            "UPDATE pictures SET offered = NULL WHERE owner = ? AND digest = ?",
            [(owner, digest) for digest in digests],
        )

    def write_answer(
        self,
        change: Connection,
        owner: str,
        message: str,
        text: str,
        reason: FinishReason | None,
        usage: Usage | None,
    ) -> None:
        """Write what an answer says; `reason` once it has ended."""
        written = None if usage is None else json.dumps(asdict(usage))
        changed = change.execute(
            "UPDATE messages SET text = ?, finish_reason = ?, usage = ?"
            " WHERE id = ? AND owner = ? AND role = 'assistant'",
            (text, reason, written, message, owner),
        )
        if not changed.rowcount:
            raise NotFound(GONE)

    def _complete(
        self, owner: str, conversation: str, rows: Sequence[Row]
    ) -> tuple[ChatMessage, ...]:
        """Rows with their pictures and versions."""
        pictures: dict[str, list[StoredPicture]] = defaultdict(list)
        for row in self._database.rows(_PICTURES, (conversation, owner)):
            pictures[row["message"]].append(StoredPicture.of(row))
        versions: dict[str | None, list[str]] = defaultdict(list)
        for row in self._database.rows(_VERSIONS, (conversation, owner)):
            versions[row["parent"]].append(row["id"])
        return tuple(
            _message(row, tuple(pictures[row["id"]]), tuple(versions[row["parent"]]))
            for row in rows
        )


def _message(
    row: Row, pictures: tuple[StoredPicture, ...], versions: tuple[str, ...]
) -> ChatMessage:
    return ChatMessage(
        row["id"],
        row["role"],
        row["text"],
        row["parent"],
        pictures,
        versions,
        row["finish_reason"],
        Usage(**json.loads(row["usage"])) if row["usage"] else None,
        row["model"],
        ChatSettings(**json.loads(row["settings"])) if row["settings"] else None,
    )
