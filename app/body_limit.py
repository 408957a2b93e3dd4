"""How much a request may send, counted as it comes; nothing is collected or held back here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.refusal import refusal

MEBIBYTE = 1 << 20
DEFAULT = 2 * MEBIBYTE  # events of the page: a long text, and ids
PICTURE = 26 * MEBIBYTE  # one file of 25 MB and its envelope
CHAT = 64 * MEBIBYTE  # pictures as data URLs, a third larger than they are

LIMITS = {"/pictures": PICTURE, "/gradio_api/upload": PICTURE, "/v1/chat/completions": CHAT}


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """Answers 413 when a body is, or becomes, larger than its path allows."""

    app: ASGIApp
    limits: Mapping[str, int] = field(default_factory=lambda: LIMITS)
    default: int = DEFAULT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self.limits.get(scope["path"], self.default)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await _too_large(limit, scope, receive, send)
        else:
            await self._counted(limit, scope, receive, send)

    async def _counted(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        started = False

        async def count() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            # To the application a client that sends too much is one that left.
            return message if size <= limit else {"type": "http.disconnect"}

        async def watch(message: Message) -> None:
            nonlocal started
            if size <= limit or started:
                started = True
                await send(message)

        try:
            await self.app(scope, count, watch)
        except Exception:
            if size <= limit:
                raise
        if size > limit and not started:
            await _too_large(limit, scope, receive, send)


async def _too_large(limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    message = f"The request is too large: {limit // MEBIBYTE} MiB at most are taken here."
    # What is still on its way is not read: the connection ends with this answer.
    answer = refusal(413, "request_too_large", message, {"Connection": "close"})
    await answer(scope, receive, send)
