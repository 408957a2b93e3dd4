"""The login: who comes in, how wrong tries are slowed, and what the device cookie is for."""

import base64

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from app.login import ADDRESSES, DEVICE_COOKIE, TRIES, WINDOW, Guard, Throttle, is_api
from app.security import HostNames, Shell
from app.settings import Login
from tests.app.asgi import client, hello

pytestmark = pytest.mark.anyio

LOGIN = Login("ada", "corréct:horse")
RIGHT = httpx.BasicAuth("ada", "corréct:horse")
WRONG = httpx.BasicAuth("ada", "wrong")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guarded(
    login: Login | None = LOGIN, key: str | None = None, clock: Clock | None = None
) -> Shell:
    throttle = Throttle(clock or Clock())
    return Shell(hello, HostNames(["127.0.0.1"]), Guard(login, key, throttle))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("path", ["/", "/v1/models", "/metrics", "/media/abc", "/gradio_api/info"])
async def test_without_the_password_there_is_only_the_question_for_it(path: str) -> None:
    async with client(guarded()) as http:
        answer = await http.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="LLaVA Chat", charset="UTF-8"'
        assert (await http.get(path, auth=WRONG)).status_code == 401
        assert (await http.get(path, auth=RIGHT)).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_health_and_readiness_stay_open(path: str) -> None:
    async with client(guarded(key="key")) as http:
        assert (await http.get(path)).status_code == 200
        # An open path must not say whether a password is right, or it would get past the throttle.
        assert "set-cookie" not in (await http.get(path, auth=RIGHT)).headers


async def test_with_neither_password_nor_key_everything_is_open() -> None:
    async with client(guarded(login=None)) as http:
        assert (await http.get("/")).status_code == 200
        assert (await http.get("/v1/models", headers=bearer("any"))).status_code == 200


async def test_a_key_alone_guards_the_api_and_not_the_page() -> None:
    async with client(guarded(login=None, key="the-key")) as http:
        assert (await http.get("/")).status_code == 200
        refused = await http.get("/v1/models")
        assert refused.status_code == 401
        assert refused.headers.get_list("www-authenticate") == ["Bearer"]
        assert refused.json()["error"]["type"] == "authentication_error"
        assert (await http.get("/v1/models", headers=bearer("wrong"))).status_code == 401
        assert (await http.get("/v1/models", auth=RIGHT)).status_code == 401
        assert (await http.get("/v1/models", headers=bearer("the-key"))).status_code == 200


async def test_password_and_key_each_open_the_api_and_only_the_password_the_page() -> None:
    async with client(guarded(key="the-key")) as http:
        assert (await http.get("/v1/models", headers=bearer("the-key"))).status_code == 200
        assert (await http.get("/v1/models", auth=RIGHT)).status_code == 200
        assert (await http.get("/", headers=bearer("the-key"))).status_code == 401


@pytest.mark.parametrize(
    "value",
    ["", "Basic", "Basic !!!", "Basic é", "Digest x", "Bearer ada:corréct:horse",
     "Basic !" + base64.b64encode("ada:corréct:horse".encode()).decode(),
     "Basic " + base64.b64encode(b"ada").decode(),
     "Basic " + base64.b64encode(b"ada:corr").decode()],
)  # fmt: skip
async def test_broken_credentials_are_wrong_ones(value: str) -> None:
    async with client(guarded(key="k")) as http:
        answer = await http.get("/v1/models", headers=[(b"Authorization", value.encode("latin-1"))])
    assert answer.status_code == 401


async def test_guessing_is_slowed_even_when_the_guess_is_right() -> None:
    clock = Clock()
    async with client(guarded(clock=clock)) as http:
        for _ in range(TRIES):
            assert (await http.get("/", auth=WRONG)).status_code == 401
        refused = await http.get("/", auth=RIGHT)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == str(int(WINDOW))
        assert "60 seconds" in refused.json()["error"]["message"]
        clock.now += WINDOW + 0.1
        assert (await http.get("/", auth=RIGHT)).status_code == 200


async def test_another_address_is_not_slowed() -> None:
    shell = guarded()
    async with client(shell) as http:
        for _ in range(TRIES):
            await http.get("/", auth=WRONG)
    async with client(shell, address="192.0.2.9") as http:
        assert (await http.get("/", auth=RIGHT)).status_code == 200


async def test_a_browser_that_was_let_in_is_not_shut_out_by_others_guesses() -> None:
    shell = guarded()
    async with client(shell) as known, client(shell) as stranger:
        first = await known.get("/", auth=RIGHT)
        cookie = first.headers["set-cookie"]
        assert cookie.startswith(f"{DEVICE_COOKIE}=")
        assert "HttpOnly; SameSite=Strict" in cookie
        for _ in range(TRIES):
            await stranger.get("/", auth=WRONG)
        assert (await stranger.get("/", auth=RIGHT)).status_code == 429
        again = await known.get("/", auth=RIGHT)
        assert again.status_code == 200
        assert "set-cookie" not in again.headers


async def test_the_device_cookie_alone_opens_nothing() -> None:
    async with client(guarded()) as http:
        await http.get("/", auth=RIGHT)
        assert DEVICE_COOKIE in http.cookies
        assert (await http.get("/")).status_code == 401


async def test_a_made_up_device_cookie_is_worth_nothing() -> None:
    async with client(guarded()) as http:
        http.cookies.set(DEVICE_COOKIE, "0")
        for _ in range(TRIES):
            await http.get("/", auth=WRONG)
        assert (await http.get("/", auth=RIGHT)).status_code == 429


async def test_a_request_without_an_address_is_counted_too() -> None:
    shell = guarded()

    async def nameless(scope: Scope, receive: Receive, send: Send) -> None:
        await shell({**scope, "client": None}, receive, send)

    async with client(nameless) as http:
        for _ in range(TRIES):
            await http.get("/", auth=WRONG)
        assert (await http.get("/", auth=RIGHT)).status_code == 429


def test_the_throttle_remembers_a_bounded_number_of_addresses() -> None:
    throttle = Throttle(Clock())
    for _ in range(TRIES):
        throttle.fail("first")
    for number in range(ADDRESSES):
        assert throttle.wait("first") > 0
        throttle.fail(str(number))
    assert throttle.wait("first") == 0


def test_the_api_is_told_from_the_page() -> None:
    assert [is_api(path) for path in ("/v1", "/v1/models", "/metrics")] == [True] * 3
    assert [is_api(path) for path in ("/", "/v10", "/gradio_api/v1/", "/metricsx")] == [False] * 4
