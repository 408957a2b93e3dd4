"""The log: one line for the API and for failures, and no word of a user's."""

import logging
import subprocess
import sys

import pytest
from starlette.types import Receive, Scope, Send

from app.logs import RequestLog, public_path
from tests.app.asgi import client, hello

pytestmark = pytest.mark.anyio


async def missing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"none"})


async def test_an_api_request_is_one_line_of_sizes_and_times(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "app.logs"):
        async with client(RequestLog(hello)) as http:
            await http.post("/v1/chat/completions?q=canary", content=b"canary")
            await http.get("/a-page")
    [line] = [record.getMessage() for record in caplog.records if record.name == "app.logs"]
    assert line.startswith("POST /v1/chat/completions 200, 26 B, 0.")


async def test_a_failed_page_request_is_logged_without_names(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "app.logs"):
        async with client(RequestLog(missing)) as http:
            await http.get("/gradio_api/file=/tmp/canary.png")
    lines = [record.getMessage() for record in caplog.records if record.name == "app.logs"]
    assert len(lines) == 1
    assert lines[0].startswith("GET /gradio_api 404, 4 B")


async def test_asking_whether_it_is_ready_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.logs"):
        async with client(RequestLog(missing)) as http:
            await http.get("/ready")
    assert [record for record in caplog.records if record.name == "app.logs"] == []


async def test_what_is_no_request_passes() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    await RequestLog(app)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan"}]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/models", "/v1/models"),
        ("/", "/"),
        ("//file=secret", "/file"),
        ("/media/0a1b", "/media"),
        ("/v1/\x1b[31m\nfake line", "/v1/?[31m?fake line"),
    ],
)
def test_a_path_is_logged_without_what_people_wrote(path: str, shown: str) -> None:
    assert public_path(path) == shown
    assert len(public_path("/v1/" + "x" * 500)) == 80


def test_only_our_own_records_are_shown_below_warnings() -> None:
    program = (
        "import logging; from app.logs import configure; configure();"
        "logging.getLogger('app.x').info('ours'); logging.getLogger('httpx').info('theirs')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "INFO app.x: ours" in done.stderr
    assert "theirs" not in done.stderr
