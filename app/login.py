"""Who may use page and API: one user and password (HTTP Basic), and a bearer key for the API.

Wrong tries are counted by address. Behind a tunnel all visitors share one, so a browser that was
let in carries a cookie that frees it from the others' count (a device cookie): who guesses
passwords shuts out neither it nor, for longer than a minute, anyone else.
"""

import base64
import binascii
import hashlib
import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from app.refusal import refusal
from app.settings import Login

OPEN_PATHS = frozenset(("/health", "/ready"))
DEVICE_COOKIE = "llava_chat_device"
TRIES, WINDOW, ADDRESSES = 10, 60.0, 1024


class Throttle:
    """Counts failures by address: more than TRIES in WINDOW seconds, and the next must wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def fail(self, address: str) -> None:
        self._failures[address] = [*self._recent(address), self._clock()][-TRIES:]
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)

    def wait(self, address: str) -> int:
        """Whole seconds until the address may try again; 0 means now."""
        recent = self._recent(address)
        if len(recent) < TRIES:
            return 0
        return max(1, math.ceil(recent[0] + WINDOW - self._clock()))

    def _recent(self, address: str) -> list[float]:
        since = self._clock() - WINDOW
        return [moment for moment in self._failures.get(address, ()) if moment > since]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Keeps a request out with `answer`, or lets it in; `cookie` goes out with what it gets."""

    answer: Response | None = None
    cookie: str | None = None


class Guard:
    """Judges by a request's `Authorization`, on everything but OPEN_PATHS."""

    def __init__(
        self, login: Login | None, api_key: str | None, throttle: Throttle | None = None
    ) -> None:
        self._login = None if login is None else _digest(f"{login.user}:{login.password}".encode())
        self._key = None if api_key is None else _digest(api_key.encode())
        self._throttle = throttle or Throttle()
        self._device = secrets.token_urlsafe(32)
        self._cookie = f"{DEVICE_COOKIE}={self._device}; Path=/; HttpOnly; SameSite=Strict"

    def judge(self, scope: Scope, headers: Headers) -> Verdict:
        path = scope["path"]
        with_key = self._key is not None and is_api(path)
        if path in OPEN_PATHS or not (with_key or self._login):
            return Verdict()
        if "authorization" not in headers:
            return self._ask(with_key)
        known = self._knows(headers)
        address = scope["client"][0] if scope.get("client") else ""
        wait = 0 if known else self._throttle.wait(address)
        if wait:
            message = f"Too many wrong passwords: try again in {wait} seconds."
            retry = {"Retry-After": str(wait)}
            return Verdict(refusal(429, "too_many_tries", message, retry))
        if self._right(headers["authorization"], with_key):
            return Verdict(cookie=None if known else self._cookie)
        self._throttle.fail(address)
        return self._ask(with_key)

    def _right(self, authorization: str, with_key: bool) -> bool:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer" and with_key:
            return _same(value.strip().encode(errors="replace"), self._key)
        if scheme.lower() == "basic":
            try:
                return _same(base64.b64decode(value.strip(), validate=True), self._login)
            except (binascii.Error, ValueError):
                return False
        return False

    def _knows(self, headers: Headers) -> bool:
        cookie = cookie_parser(headers.get("cookie", "")).get(DEVICE_COOKIE, "")
        return hmac.compare_digest(cookie.encode(), self._device.encode())

    def _ask(self, with_key: bool) -> Verdict:
        schemes = ['Basic realm="LLaVA Chat", charset="UTF-8"'] if self._login else []
        schemes += ["Bearer"] if with_key else []
        message = "The API key is missing or wrong." if with_key else "User or password is wrong."
        answer = refusal(401, "unauthorized", message)
        for scheme in schemes:
            answer.headers.append("WWW-Authenticate", scheme)
        return Verdict(answer)


def is_api(path: str) -> bool:
    """Whether a path is the API's rather than the page's."""
    return path == "/metrics" or path == "/v1" or path.startswith("/v1/")


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _same(given: bytes, expected: bytes | None) -> bool:
    """Compared by digest: neither the time nor the length tells anything."""
    return expected is not None and hmac.compare_digest(_digest(given), expected)
