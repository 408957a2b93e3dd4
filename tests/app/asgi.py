"""Small ASGI applications and a client, for the tests of the shell and its parts."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1:7860"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the size of the body it was sent and the owner it was told."""
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RuntimeError("left in the middle of the body")
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = json.dumps({"size": size, "owner": scope.get("state", {}).get("owner")}).encode()
    headers = [(b"content-type", b"application/json"), (b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def client(app: ASGIApp, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client on the page's own host that sees what uvicorn would send."""
    transport = httpx.ASGITransport(app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}")


def scope(path: str = "/", method: str = "GET", headers: Iterable[tuple[str, str]] = ()) -> Scope:
    """What a server hands over for one request."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {
        "type": "http", "method": method, "path": path, "query_string": b"",
        "headers": [(b"host", HOST.encode()), *raw], "client": ("127.0.0.1", 1),
    }  # fmt: skip


def inbox(*messages: Message) -> Receive:
    """A `receive` that hands out these messages, then says that the client left."""
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    return receive


def outbox() -> tuple[list[Message], Callable[[Message], Any]]:
    """A `send` and the list of what it was given."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    return sent, send
