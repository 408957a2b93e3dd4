"""The history of all owners: conversations, their messages, and their pictures.

Every statement names the owner; what is another's doesn't exist (NotFound). Knows nothing of how
answers are made.
"""

import json
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Row

from app.messages import FinishReason, Usage
from app.store.database import Database, fold
from app.store.message_tree import MessageTree
from app.store.picture_files import PictureFiles
from app.store.picture_store import PictureStore
from app.store.records import Chat, ChatMessage, ChatSettings, Conversation

MOST_LISTED = 500  # conversations; older ones are found by their words
MOST_WORDS = 8  # of a search

_HAS_WORD = """ AND (holds(title, ?) OR EXISTS (SELECT 1 FROM messages m
    WHERE m.conversation = conversations.id AND holds(m.text, ?)))"""
# Where a path ends at a question that has answers, another was begun, and cut off by a crash.
_CUT_OFF = """SELECT DISTINCT c.owner, c.id, c.leaf
    FROM conversations c JOIN messages m ON m.parent = c.leaf"""


class Store:
    """The database and the picture files below `data_dir`. Raises SettingsError."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = Database(data_dir / "history.sqlite")
        self._messages = MessageTree(self._database)
        self.pictures = PictureStore(self._database, PictureFiles(data_dir / "pictures"))
        for row in self._database.rows(_CUT_OFF):
            self.show(row["owner"], row["id"], row["leaf"])

    def close(self) -> None:
        self._database.close()

    def create(self, owner: str, settings: ChatSettings) -> str:
        """A new, empty conversation's id."""
        made, now = secrets.token_hex(8), time.time()
        with self._database.change() as change:
            change.execute(
                "INSERT INTO conversations (id, owner, settings, created, updated)"
                " VALUES (?, ?, ?, ?, ?)",
                (made, owner, _packed(settings), now, now),
            )
        return made

    def list(self, owner: str, query: str = "") -> list[Conversation]:
        """The newest conversations that hold all words of `query`, in their title or messages."""
        words = fold(query).split()[:MOST_WORDS]
        rows = self._database.rows(
            f"SELECT id, title, updated FROM conversations WHERE owner = ? {_HAS_WORD * len(words)}"  # noqa: S608 - constants
            " ORDER BY updated DESC, rowid DESC LIMIT ?",
            (owner, *(word for word in words for _ in "12"), MOST_LISTED),
        )
        return [
            Conversation(row["id"], row["title"], datetime.fromtimestamp(row["updated"], UTC))
            for row in rows
        ]

    def open(self, owner: str, conversation: str) -> Chat:
        """A conversation with the messages of the path that is shown."""
        row = self._row(owner, conversation)
        settings = ChatSettings(**json.loads(row["settings"]))
        messages = self._messages.path(owner, conversation, row["leaf"])
        return Chat(row["id"], row["title"], settings, messages)

    def rename(self, owner: str, conversation: str, title: str) -> None:
        self._row(owner, conversation)
        with self._database.change() as change:
            change.execute("UPDATE conversations SET title = ? WHERE id = ?", (title, conversation))

    def delete(self, owner: str, conversation: str) -> None:
        """A conversation with its messages, and the pictures that nothing else shows."""
        self._row(owner, conversation)
        pictures = self._messages.shown_pictures(owner, conversation)
        with self._database.change() as change:
            # Else SQLite would delete child by child, and gives up at a depth of 1,000.
            change.execute(
                "UPDATE messages SET parent = NULL WHERE conversation = ?", (conversation,)
            )
            change.execute("DELETE FROM conversations WHERE id = ?", (conversation,))
        self.pictures.drop(owner, pictures)

    def message(self, owner: str, conversation: str, message: str) -> ChatMessage:
        return self._messages.get(owner, conversation, message)

    def path(self, owner: str, conversation: str, message: str) -> tuple[ChatMessage, ...]:
        """The messages from the first to this one."""
        return self._messages.path(owner, conversation, message)

    def show(self, owner: str, conversation: str, message: str) -> None:
        """Show the path through `message`, down to the newest below it."""
        tip = self._messages.tip(owner, conversation, message)
        with self._database.change() as change:
            change.execute("UPDATE conversations SET leaf = ? WHERE id = ?", (tip, conversation))

    def show_up_to(
        self, owner: str, conversation: str, question: str, settings: ChatSettings
    ) -> None:
        """Show the path down to a question, which will be answered anew with these settings."""
        self._messages.get(owner, conversation, question)
        with self._database.change() as change:
            change.execute(
                "UPDATE conversations SET leaf = ?, settings = ? WHERE id = ?",
                (question, _packed(settings), conversation),
            )

    def add_question(
        self,
        owner: str,
        conversation: str,
        parent: str | None,
        text: str,
        digests: Sequence[str],
        settings: ChatSettings,
        title: str = "",
    ) -> str:
        """Append a user's message below `parent` and show it; its id.

        `settings` become the conversation's; `title` too, where it has none.
        """
        self._row(owner, conversation)
        self.pictures.find(owner, digests)
        with self._database.change() as change:
            made = self._messages.add(change, owner, conversation, parent, "user", text)
            self._messages.show(change, owner, made, digests)
            change.execute(
                "UPDATE conversations SET leaf = ?, updated = ?, settings = ?,"
                " title = CASE title WHEN '' THEN ? ELSE title END WHERE id = ?",
                (made, time.time(), _packed(settings), title, conversation),
            )
        return made

    def add_answer(
        self, owner: str, conversation: str, question: str, text: str, model: str
    ) -> str:
        """Append an answer that has begun, made with the conversation's settings; its id.

        It is shown, unless another path is by now.
        """
        self._row(owner, conversation)
        with self._database.change() as change:
            made = self._messages.add(change, owner, conversation, question, "assistant", text)
            change.execute(
                "UPDATE messages SET model = ?, settings ="
                " (SELECT settings FROM conversations WHERE id = conversation) WHERE id = ?",
                (model, made),
            )
            change.execute(
                "UPDATE conversations SET leaf = ?, updated = ? WHERE id = ? AND leaf = ?",
                (made, time.time(), conversation, question),
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
        """Write what an answer says so far; `reason` once it has ended."""
        with self._database.change() as change:
            self._messages.write_answer(change, owner, message, text, reason, usage)

    def _row(self, owner: str, conversation: str) -> Row:
        query = "SELECT * FROM conversations WHERE id = ? AND owner = ?"
        return self._database.row(query, (conversation, owner))


def _packed(settings: ChatSettings) -> str:
    return json.dumps(settings._asdict())
