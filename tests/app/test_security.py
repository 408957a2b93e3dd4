"""The shell: foreign names and origins stay out, headers go on, streams flow, failures are mute."""

import asyncio
import logging

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from app.login import Guard
from app.security import CONTENT_SECURITY_POLICY, HEADERS, HostNames, Shell
from tests.app.asgi import HOST, client, hello, inbox, outbox, scope

pytestmark = pytest.mark.anyio

OWN = ("localhost", "127.0.0.1", "::1")


def shell(app: ASGIApp = hello, *public: str) -> Shell:
    return Shell(app, HostNames(OWN, public), Guard(None, None))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:7860", "LOCALHOST:1", "[::1]:7860", "chat.example.org"]
)
async def test_names_of_this_server_are_answered(host: str) -> None:
    async with client(shell(hello, "Chat.Example.org")) as http:
        assert (await http.get("/", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "localhost.", "", "::1",
     "localhost:80:80", "localhost:x", "[::1", "0.0.0.0", "localhost/evil", "localhost evil"],
)  # fmt: skip
async def test_a_foreign_host_is_refused(host: str) -> None:
    async with client(shell()) as http:
        answer = await http.get("/health", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "foreign_host"


@pytest.mark.parametrize(
    ("headers", "at_home"),
    [
        ({"Host": "127.0.0.1:7860"}, True),
        ({"Host": "localhost:7860", "Origin": "http://localhost:7860"}, True),
        ({"Host": "abc.gradio.live"}, False),
        ({"Host": "localhost:7860", "Origin": "https://abc.gradio.live"}, False),
        ({"Host": "localhost:7860", "X-Forwarded-For": "192.0.2.1"}, False),
        ({"Host": "localhost:7860", "Via": "1.1 proxy"}, False),
    ],
)
async def test_it_knows_who_sits_at_the_machine(headers: dict[str, str], at_home: bool) -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["state"]["at_home"])
        await hello(scope, receive, send)

    async with client(shell(app, "abc.gradio.live")) as http:
        assert (await http.get("/", headers=headers)).status_code == 200
    assert seen == [at_home]


async def test_a_request_with_no_host_or_with_two_is_refused() -> None:
    for hosts in ([], [(b"host", b"localhost")] * 2):
        sent, send = outbox()
        await shell()({**scope(), "headers": hosts}, inbox(), send)
        assert sent[0]["status"] == 400


async def test_a_public_name_can_be_added_while_running() -> None:
    hosts = HostNames(OWN)
    async with client(Shell(hello, hosts, Guard(None, None))) as http:
        link = {"Host": "abc.gradio.live", "Origin": "https://abc.gradio.live"}
        assert (await http.post("/", headers=link)).status_code == 400
        hosts.add("ABC.gradio.live")
        assert (await http.post("/", headers=link)).status_code == 200
        # The tunnel may put the local host in place of its own.
        local = {"Host": HOST, "Origin": "https://abc.gradio.live"}
        assert (await http.post("/", headers=local)).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PURGE"])
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:3000", "http://localhost:7860", "",
     "http://[::1", f"file://{HOST}", f"http://x@{HOST}", f"http://{HOST}.evil.example"],
)  # fmt: skip
async def test_pages_of_other_origins_may_not_write(method: str, origin: str) -> None:
    async with client(shell()) as http:
        answer = await http.request(method, "/v1/chat/completions", headers={"Origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign_origin"


async def test_the_page_itself_and_programs_without_origin_may_write() -> None:
    async with client(shell()) as http:
        own = await http.post("/", headers={"Origin": f"http://{HOST}"}, content=b"12")
        assert own.json() == {"size": 2, "owner": "local"}
        assert (await http.post("/")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_reading_is_open_to_links_but_not_readable_by_other_pages(method: str) -> None:
    async with client(shell()) as http:
        answer = await http.request(method, "/", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_every_answer_carries_the_headers_also_a_refusal() -> None:
    async with client(shell()) as http:
        for host in (HOST, "evil.example"):
            answer = await http.get("/", headers={"Host": host})
            for name, value in HEADERS.items():
                assert answer.headers[name] == value
    assert "img-src 'self' data: blob:;" in CONTENT_SECURITY_POLICY


async def test_a_body_that_is_too_large_is_refused_with_the_headers_on() -> None:
    async with client(shell()) as http:
        answer = await http.post("/gradio_api/queue/join", content=b"x" * (3 << 20))
    assert answer.status_code == 413
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_stricter_policy_of_an_answer_stays() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-security-policy", b"default-src 'none'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with client(shell(app)) as http:
        answer = await http.get("/")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'none'"]


async def test_a_failure_inside_says_nothing_of_the_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("the user wrote " + "-".join(("canary", "text")))

    with caplog.at_level(logging.ERROR):
        async with client(shell(app)) as http:
            answer = await http.get("/")
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unhandled: ValueError" in caplog.text
    assert "test_security.py" in caplog.text  # where
    assert "canary-text" not in caplog.text
    assert "canary-text" not in answer.text


async def test_an_answer_that_breaks_off_breaks_the_connection() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("secret")

    sent, send = outbox()
    with pytest.raises(ConnectionAbortedError, match="broke off"):
        await shell(app)(scope(), inbox(), send)
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_a_client_that_leaves_while_sending_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ClientDisconnect

    sent, send = outbox()
    await shell(app)(scope(), inbox(), send)
    assert sent == []
    assert not caplog.records


async def test_a_stream_is_sent_as_it_comes_and_sees_the_client_leave() -> None:
    went_on = asyncio.Event()
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await went_on.wait()
        seen.append((await receive())["type"])

    sent, send = outbox()
    running = asyncio.create_task(shell(app)(scope(), inbox(), send))
    await asyncio.sleep(0)
    assert [message.get("body") for message in sent] == [None, b"one"]
    went_on.set()
    await running
    assert seen == ["http.disconnect"]


async def test_cancelling_reaches_the_application() -> None:
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("closed")

    running = asyncio.create_task(shell(app)(scope(), inbox(), outbox()[1]))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["closed"]


async def test_websockets_are_refused_and_the_lifespan_passes() -> None:
    kinds: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kinds.append(scope["type"])

    sent, send = outbox()
    await shell(app)({"type": "websocket", "path": "/", "headers": []}, inbox(), send)
    await shell(app)({"type": "lifespan"}, inbox(), send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert kinds == ["lifespan"]
