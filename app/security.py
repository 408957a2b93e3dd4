"""The shell around page and API, as plain ASGI: nothing is held back, a client's leaving passes.

Only names this server goes by (against DNS rebinding), no writing from other sites' pages, limits
on what is sent, the login, and headers that keep the page from loading from, or telling, any other
place. Knows nothing of chats and models.
"""

import logging
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.body_limit import BodyLimit
from app.failures import log_failure
from app.login import Guard, Verdict
from app.refusal import refusal
from app.settings import bare_host

log = logging.getLogger(__name__)

OWNER = "local"  # the one account; accounts to come are told apart here
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

# Gradio needs inline and evaluated scripts; its sanitiser keeps foreign ones out. What this policy
# stops is what it can: loading from, and so telling to, any other place.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: data:; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-src 'none'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# What tunnels and proxies add: who comes with one of these doesn't sit at this machine.
_FORWARDED = {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"}
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(:[0-9]*)?", re.IGNORECASE)


class HostNames:
    """The names this server goes by: its own, and public ones that a proxy or tunnel serves.

    A public link adds its name while the program runs.
    """

    def __init__(self, own: Iterable[str], public: Iterable[str] = ()) -> None:
        self._own = frozenset(bare_host(name) for name in own)
        self._public = {bare_host(name) for name in public}

    def add(self, name: str) -> None:
        self._public.add(bare_host(name))

    def knows(self, host: str) -> bool:
        """Whether a `Host` header, with or without port, names this server."""
        match = _HOST.fullmatch(host)
        return match is not None and bare_host(match["name"]) in self._own | self._public

    def is_own(self, host: str) -> bool:
        """Whether a `Host` header is a name of this machine itself."""
        match = _HOST.fullmatch(host)
        return match is not None and bare_host(match["name"]) in self._own

    def takes_origin(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may write: this server's own, known by `host`.

        On one's own names each port is another program, so host and port must be the same; a proxy
        may have put its own host in place of the public name.
        """
        try:
            parts = urlsplit(origin)
            name = parts.hostname or ""
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        return parts.netloc.lower() == host.lower() or name in self._public


class Shell:
    """Wraps the application. Whatever fails inside is an error 500 without a word of the inside."""

    def __init__(self, app: ASGIApp, hosts: HostNames, guard: Guard) -> None:
        self._app = BodyLimit(app)
        self._lifespan = app
        self._hosts = hosts
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        no = self._refuse_caller(scope, headers)
        verdict = Verdict(no) if no else self._guard.judge(scope, headers)
        outgoing = _Outgoing(send, verdict.cookie)
        scope.setdefault("state", {}).update(owner=OWNER, at_home=self._is_at_home(headers))
        try:
            await (verdict.answer or self._app)(scope, receive, outgoing.send)
        except ClientDisconnect:
            pass  # left while it was still sending: nobody is there to be told
        except Exception as error:
            log_failure(log, "unhandled", error)
            if outgoing.started:
                raise ConnectionAbortedError("an answer broke off; see the log") from None
            answer = refusal(500, "internal_error", "Something went wrong here; see the log.")
            await answer(scope, receive, outgoing.send)

    def _is_at_home(self, headers: Headers) -> bool:
        """Whether who asks came by a name of this machine itself, over no tunnel or proxy.

        A tunnel may put the local host in place of its own; then it tells by what it adds, and the
        page by its origin.
        """
        places = [headers.get("host", "")]
        places += [origin.partition("://")[2] for origin in headers.getlist("origin")]
        return all(map(self._hosts.is_own, places)) and not _FORWARDED & {*headers}

    def _refuse_caller(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._hosts.knows(hosts[0]):
            message = "This server doesn't go by that name; --allowed-hosts NAME adds one."
            return refusal(400, "foreign_host", message)
        if scope["method"] in SAFE_METHODS:
            return None
        if all(self._hosts.takes_origin(origin, hosts[0]) for origin in headers.getlist("origin")):
            return None
        return refusal(403, "foreign_origin", "Pages of other sites may not write here.")


class _Outgoing:
    """Sends an answer on with the shell's headers."""

    def __init__(self, send: Send, cookie: str | None) -> None:
        self._send = send
        self._cookie = cookie
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._dress(MutableHeaders(scope=message))
        await self._send(message)

    def _dress(self, headers: MutableHeaders) -> None:
        # Gradio lets any origin read when the host isn't loopback: no other site reads here.
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if self._cookie:
            headers.append("Set-Cookie", self._cookie)
