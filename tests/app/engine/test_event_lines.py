from collections.abc import AsyncGenerator

import pytest

from app.engine.event_lines import MOST_LINE, LineTooLong, data_lines

pytestmark = pytest.mark.anyio


async def pieces(*given: bytes) -> AsyncGenerator[bytes, None]:
    for piece in given:
        yield piece


async def read(*given: bytes) -> list[bytes]:
    return [line async for line in data_lines(pieces(*given))]


async def test_data_comes_out_however_it_is_cut() -> None:
    whole = b': ping\n\ndata: {"a": 1}\r\n\r\nevent: x\ndata:two\n\ndata: [DONE]\n\n'
    wanted = [b'{"a": 1}', b"two", b"[DONE]"]
    assert await read(whole) == wanted
    assert await read(*(whole[n : n + 1] for n in range(len(whole)))) == wanted


async def test_a_line_that_was_not_ended_does_not_count() -> None:
    assert await read(b"data: whole\n", b"data: hal") == [b"whole"]


async def test_a_line_without_end_is_not_held() -> None:
    with pytest.raises(LineTooLong):
        await read(*[b"x" * 65536] * (MOST_LINE // 65536 + 2))
