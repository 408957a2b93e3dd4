"""What goes to the log: methods, sizes and times; never a text, a file name or a query.

Knows nothing of what the requests mean.
"""

import logging
import sys
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.login import OPEN_PATHS, is_api

log = logging.getLogger(__name__)


def configure() -> None:
    """Our own records to standard error from INFO up, other libraries' from WARNING up."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    for name in ("app", "model"):
        logging.getLogger(name).setLevel(logging.INFO)


class RequestLog:
    """One line for each request to the API, and for each of the page that failed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.monotonic()
        status = size = 0

        async def measure(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, measure)
        finally:
            failed = (
                status >= 400 and scope["path"] not in OPEN_PATHS
            )  # which are asked all the time
            if is_api(scope["path"]) or failed:
                seconds = time.monotonic() - begun
                name = public_path(scope["path"])
                log.info("%s %s %d, %d B, %.3f s", scope["method"], name, status, size, seconds)


def public_path(path: str) -> str:
    """What of a path may be logged: all of the API's, else the part before names and ids."""
    known = path if is_api(path) else "/" + path.lstrip("/").partition("/")[0].partition("=")[0]
    return "".join(letter if letter.isprintable() else "?" for letter in known[:80])
