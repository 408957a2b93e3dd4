"""What the store hands out: plain frozen rows of its tables."""

from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Row
from typing import NamedTuple, Self

from app.messages import FinishReason, Usage


class ChatSettings(NamedTuple):
    """How a conversation is answered. An empty `system` leaves the template's own prompt."""

    system: str = ""
    temperature: float = 0.2
    top_p: float = 1.0
    max_tokens: int = 512


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture of a message; its pixels are at `/media/{digest}`. A clip has `frames`."""

    digest: str
    width: int
    height: int
    frames: int = 0

    @classmethod
    def of(cls, row: Row) -> Self:
        """From a row of the table."""
        return cls(row["digest"], row["width"], row["height"], row["frames"])


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message on the path that is shown. `versions` are the ids of its siblings and itself.

    `finish_reason` is None for a user's message, and for an answer that was never ended; `model`
    and `settings` are what an answer was made with.
    """

    id: str
    role: str
    text: str
    parent: str | None
    pictures: tuple[StoredPicture, ...]
    versions: tuple[str, ...]
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    model: str | None = None
    settings: ChatSettings | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of the list."""

    id: str
    title: str
    updated: datetime


@dataclass(frozen=True, slots=True)
class Chat:
    """A whole conversation: the path to its leaf, oldest first."""

    id: str
    title: str
    settings: ChatSettings
    messages: tuple[ChatMessage, ...]
