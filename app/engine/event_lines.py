"""The data of server-sent events as they come over the wire, with a bound on what is held."""

from collections.abc import AsyncGenerator, AsyncIterable

MOST_LINE = 1 << 20  # bytes


class LineTooLong(Exception):
    """An event without end: its sender isn't to be trusted."""


async def data_lines(pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """What stands behind each `data:`; comments and other fields are passed over."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        *lines, rest = held.split(b"\n")
        held = bytearray(rest)
        for line in lines:
            if line.startswith(b"data:"):
                yield bytes(line[5:].strip())
        if len(held) > MOST_LINE:
            raise LineTooLong
