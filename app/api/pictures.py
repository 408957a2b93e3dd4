"""Turns the messages of a client into ours: its pictures are decoded, two at a time at most."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from app.api.data_url import decode
from app.api.schema import Turn
from app.clips import read_media
from app.errors import PictureError
from app.messages import MOST_PICTURES, Message, Picture

# Decoding takes memory by the hundred megabytes: never more than two at once, whoever asks.
_readers = ThreadPoolExecutor(2, thread_name_prefix="pictures")


async def read_turns(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """The messages with their pictures read. Raises InvalidRequest, PictureError."""
    count = sum(len(turn.urls) for turn in turns)
    if count > MOST_PICTURES:
        raise PictureError(f"The conversation has {count} pictures; {MOST_PICTURES} at most fit.")
    return tuple([await _message(turn) for turn in turns])


async def _message(turn: Turn) -> Message:
    loop = asyncio.get_running_loop()
    pictures = [await loop.run_in_executor(_readers, _read, url) for url in turn.urls]
    return Message(turn.role, turn.text, tuple(pictures), turn.places)


def _read(url: str) -> Picture:
    return read_media(decode(url))
