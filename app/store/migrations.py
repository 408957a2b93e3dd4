"""The database's history, oldest first. A step that has been released is never changed again."""

import sqlite3
from collections.abc import Callable

Migration = Callable[[sqlite3.Connection], None]
MIGRATIONS: list[Migration] = []


class NewerDatabase(Exception):
    """Steps were made that this program doesn't know: what it wrote could be wrong."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database of any age up to date, a transaction a step. Raises NewerDatabase."""
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) STRICT")
    done = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    if done - {step.__name__ for step in MIGRATIONS}:
        raise NewerDatabase
    for step in MIGRATIONS:
        if step.__name__ not in done:
            with connection:
                connection.execute("BEGIN")
                step(connection)
                connection.execute("INSERT INTO migrations VALUES (?)", (step.__name__,))


def _migration(step: Migration) -> Migration:
    MIGRATIONS.append(step)
    return step


@_migration
def m001_conversations(connection: sqlite3.Connection) -> None:
    """Messages are a tree: an edit or another answer is a sibling; `leaf` ends the path shown."""
    for statement in (
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL DEFAULT '',
            settings TEXT NOT NULL,
            leaf TEXT, created REAL NOT NULL, updated REAL NOT NULL) STRICT""",
        "CREATE INDEX conversations_by_owner ON conversations (owner, updated)",
        """CREATE TABLE messages (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
            conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            parent TEXT REFERENCES messages (id) ON DELETE CASCADE,
            role TEXT NOT NULL CHECK (role IN ('user', 'assistant')), text TEXT NOT NULL,
            finish_reason TEXT, model TEXT, usage TEXT, created REAL NOT NULL) STRICT""",
        "CREATE INDEX messages_by_conversation ON messages (conversation)",
        "CREATE INDEX messages_by_parent ON messages (parent)",
        """CREATE TABLE pictures (
            owner TEXT NOT NULL, digest TEXT NOT NULL,
            width INTEGER NOT NULL, height INTEGER NOT NULL,
            created REAL NOT NULL, PRIMARY KEY (owner, digest)) STRICT""",
        """CREATE TABLE message_pictures (
            message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            owner TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (message, position),
            FOREIGN KEY (owner, digest) REFERENCES pictures (owner, digest)) STRICT""",
        "CREATE INDEX message_pictures_by_picture ON message_pictures (owner, digest)",
    ):
        connection.execute(statement)


@_migration
def m002_settings_of_answers_and_offered_pictures(connection: sqlite3.Connection) -> None:
    """What an answer was made with; since when a picture waits to be sent, NULL once it was."""
    connection.execute("ALTER TABLE messages ADD COLUMN settings TEXT")
    connection.execute("ALTER TABLE pictures ADD COLUMN offered REAL")
    connection.execute(
        "UPDATE pictures SET offered = created WHERE NOT EXISTS (SELECT 1 FROM message_pictures m"
        " WHERE m.owner = pictures.owner AND m.digest = pictures.digest)"
    )


@_migration
def m003_clips(connection: sqlite3.Connection) -> None:
    """How many frames a video clip has, 0 for a picture."""
    connection.execute("ALTER TABLE pictures ADD COLUMN frames INTEGER NOT NULL DEFAULT 0")
