"""The limit on bodies: declared or counted, by path, and never held back."""

from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.body_limit import CHAT, DEFAULT, LIMITS, PICTURE, BodyLimit
from tests.app.asgi import client, hello, inbox, outbox, scope

pytestmark = pytest.mark.anyio


async def chunks(count: int, size: int = 10) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_body_up_to_the_limit_passes_whole() -> None:
    async with client(BodyLimit(hello, {}, 50)) as http:
        declared = await http.post("/", content=b"x" * 50)
        counted = await http.post("/", content=chunks(5))
    assert declared.json()["size"] == counted.json()["size"] == 50


async def test_a_declared_body_over_the_limit_is_refused_before_the_application() -> None:
    called = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope)

    async with client(BodyLimit(app, {}, 50)) as http:
        answer = await http.post("/", content=b"x" * 51)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"
    assert not called


async def test_a_body_that_grows_over_the_limit_is_cut_and_answered_413() -> None:
    async with client(BodyLimit(hello, {}, 50)) as http:
        answer = await http.post("/", content=chunks(6))
    assert answer.status_code == 413
    assert "MiB at most" in answer.json()["error"]["message"]


async def test_what_the_application_says_about_a_cut_body_is_replaced() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"could not parse"})

    async with client(BodyLimit(app, {}, 50)) as http:
        answer = await http.post("/", content=chunks(9))
    assert answer.status_code == 413


async def test_an_answer_that_began_before_the_limit_goes_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.body", "body": b"begun"})

    async with client(BodyLimit(app, {}, 50)) as http:
        answer = await http.post("/", content=chunks(9))
    assert (answer.status_code, answer.content) == (200, b"begun")


async def test_an_error_of_the_application_is_not_swallowed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("inside")

    with pytest.raises(KeyError):
        await BodyLimit(app)(scope(), inbox(), outbox()[1])


async def test_messages_pass_one_by_one_and_so_does_the_clients_leaving() -> None:
    seen: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(3):
            seen.append(await receive())

    parts = [{"type": "http.request", "body": b"a", "more_body": True} for _ in range(2)]
    await BodyLimit(app)(scope(), inbox(*parts), outbox()[1])
    assert [message["type"] for message in seen] == ["http.request"] * 2 + ["http.disconnect"]


async def test_a_length_that_is_no_number_counts_for_nothing() -> None:
    sent, send = outbox()
    odd = scope("/", "POST", [("content-length", "\xb2")])
    await BodyLimit(hello, {}, 1)(odd, inbox({"type": "http.request", "body": b"xx"}), send)
    assert sent[0]["status"] == 413


async def test_pictures_and_chats_may_send_more_than_the_page() -> None:
    assert LIMITS["/v1/chat/completions"] == CHAT > LIMITS["/pictures"] == PICTURE > DEFAULT
    assert PICTURE > 25 * 10**6  # intake's own limit says it better
    async with client(BodyLimit(hello)) as http:
        big = b"x" * (DEFAULT + 1)
        assert (await http.post("/gradio_api/queue/join", content=big)).status_code == 413
        assert (await http.post("/pictures", content=big)).status_code == 200
