"""Puts our styles and the script that runs first into the page's document itself.

Gradio adds a page's `head` only once its own scripts run: until then its loading sign would stand
there, light where one had chosen dark.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.ui.appearance import early_script, head

PAGE = "/"


class EarlyHead:
    """Wraps the application; nothing but the page's own document is touched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._additions = {b"</head>": head().encode(), b"<gradio-app": early_script().encode()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == PAGE:
            send = _Document(send, self._additions).send
        await self._app(scope, receive, send)


class _Document:
    """Holds the page's document back until it is whole; refusals go on as they come."""

    def __init__(self, send: Send, additions: dict[bytes, bytes]) -> None:
        self._send = send
        self._additions = additions
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = self._body
        for before, addition in self._additions.items():
            body = body.replace(before, addition + before, 1)
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
