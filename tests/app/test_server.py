"""The whole program from outside: it starts, guards itself, and ends when it is told to."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.controller import Controller
from app.engine import EchoEngine, EngineStatus
from app.instance import listen
from app.security import HEADERS
from app.server import _mend, address, build
from app.settings import Settings
from tests.app.running import Running, running, start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir = tmp_path_factory.mktemp("data")
    (data_dir / "uploads").mkdir()
    (data_dir / "uploads" / "left-over").write_text("from a crash")
    with running(data_dir) as process:
        assert not (data_dir / "uploads" / "left-over").exists()
        yield process


def question(text: str, stream: bool = False) -> dict[str, object]:
    return {
        "model": "default",
        "stream": stream,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 500,
    }


def test_page_api_and_static_files_are_there(server: Running) -> None:
    page = httpx.get(server.url)
    assert page.status_code == 200
    assert "gradio" in page.text
    assert httpx.get(server.url + "/health").status_code == 200
    assert httpx.get(server.url + "/ready").status_code == 200
    answer = httpx.post(server.url + "/v1/chat/completions", json=question("hello there"))
    assert answer.json()["choices"][0]["message"]["content"] == "hello there"


@pytest.mark.parametrize("path", ["/", "/config", "/health", "/v1/models", "/nowhere", "/ui/none"])
def test_every_answer_carries_the_shells_headers(server: Running, path: str) -> None:
    answer = httpx.get(server.url + path, headers={"Origin": "https://evil.example"})
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "server" not in answer.headers


def test_foreign_hosts_and_origins_are_refused_on_page_and_api(server: Running) -> None:
    for path in ("/", "/v1/models", "/health"):
        answer = httpx.get(server.url + path, headers={"Host": "evil.example"})
        assert answer.status_code == 400
    for path in ("/gradio_api/upload", "/gradio_api/queue/join", "/v1/chat/completions"):
        answer = httpx.post(server.url + path, headers={"Origin": "https://evil.example"}, json={})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=pyproject.toml",
        "/gradio_api/file=http://127.0.0.1:1/x",
        "/gradio_api/proxy=http://127.0.0.1:1/x",
        "/ui/../pyproject.toml",
        "/ui/%2e%2e/pyproject.toml",
        "/monitoring/summary",
        "/docs",
        "/openapi.json",
    ],
)
def test_nothing_of_the_machine_is_served(server: Running, path: str) -> None:
    assert httpx.get(server.url + path).status_code in (400, 403, 404, 405)


def test_our_static_files_are_asked_about_again(server: Running) -> None:
    static = Path(__file__).resolve().parents[2] / "static"
    one = next(path for path in sorted(static.rglob("*.css")))
    answer = httpx.get(f"{server.url}/ui/{one.relative_to(static)}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    same = {"If-None-Match": answer.headers["etag"]}
    assert httpx.get(str(answer.url), headers=same).status_code == 304


def test_it_ends_with_success_and_a_log_without_any_text(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        httpx.post(server.url + "/v1/chat/completions", json=question("canary-question"))
        httpx.get(server.url + "/gradio_api/file=/tmp/canary-file.png")
        status, errors = server.stop()
    assert status == 0
    assert "POST /v1/chat/completions 200" in errors
    assert "canary" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_page_open_and_an_answer_streaming(
    tmp_path: Path, number: int
) -> None:
    text = "word " * 400  # 40 seconds of answer
    with running(tmp_path, slow=True) as server:
        stream = httpx.stream(
            "POST", server.url + "/v1/chat/completions", json=question(text, stream=True)
        )
        beat = httpx.stream("GET", server.url + "/gradio_api/heartbeat/abc", timeout=30)
        with stream as answer, beat as page:
            lines = answer.iter_lines()
            while "word" not in next(lines):
                pass
            assert page.status_code == 200
            # Had it not ended by itself in time, it would have cut itself off with status 1.
            status, errors = server.stop(number)
            rest = "".join(lines)
    assert (status, errors.count("Traceback")) == (0, 0), errors
    assert '"error"' in rest
    assert "[DONE]" not in rest


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def test_a_second_instance_is_refused_and_a_killed_one_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as first:
        status, errors = ended(start(["-m", "app"], tmp_path))
        first.process.kill()
    assert (status, errors.count("\n")) == (2, 1)
    assert errors.startswith("LLaVA Chat: Another one already uses this data folder")
    with running(tmp_path) as third:
        assert httpx.get(third.url + "/health").status_code == 200


def test_a_busy_port_is_said_in_one_line(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = str(listener.getsockname()[1])
        status, errors = ended(start(["-m", "app"], tmp_path, "--port", port))
    assert (status, errors.count("\n")) == (2, 1)
    assert f"Port {port} is busy" in errors


@pytest.mark.parametrize("model", ["nowhere/nothing", "/nowhere", "no-such-alias"])
def test_a_missing_model_is_said_in_one_line(tmp_path: Path, model: str) -> None:
    process = start(["-m", "app"], tmp_path, "--engine", "mlx", "--model", model)
    status, errors = ended(process)
    assert status != 0
    assert errors.startswith("LLaVA Chat: ")
    assert errors.count("\n") == 1


def test_settings_that_do_not_fit_are_said_in_one_line(tmp_path: Path) -> None:
    status, errors = ended(start(["-m", "app"], tmp_path, "--share"))
    assert (status, errors.count("\n")) == (2, 1)
    assert "needs --auth" in errors


@pytest.mark.anyio
@pytest.mark.parametrize("time", ["first", "second"])  # one application leaves the next alone
async def test_gradio_is_mounted_with_its_doors_shut(tmp_path: Path, time: str) -> None:
    app = build(Settings(engine="echo", data_dir=tmp_path))
    parts: list[Any] = [getattr(route, "app", None) for route in app.routes]
    [page] = [part.get_blocks() for part in parts if hasattr(part, "get_blocks")]
    assert page.has_launched  # else whatever file an event names is served
    assert not page.analytics_enabled
    assert not page.run_history
    assert page.enable_monitoring is False
    assert not page.show_error
    assert page.allowed_paths == []
    assert page.footer_links == []
    async with app.router.lifespan_context(app):
        assert app.state.controller.status().engine.state == "ready"
    assert app.state.controller.status().engine.state == "closed"


def test_the_address_is_one_that_a_browser_takes() -> None:
    assert address("127.0.0.1", 7860) == "http://127.0.0.1:7860"
    assert address("::1", 80) == "http://[::1]:80"


def test_a_model_that_nobody_asks_rests_until_somebody_does(tmp_path: Path) -> None:
    options = ("--engine", "mlx", "--model", "pocket", "--idle-unload", "0.02")
    question = {"model": "default", "messages": [{"role": "user", "content": "Hello!"}]}
    with running(tmp_path, *options) as server, httpx.Client(base_url=server.url) as client:
        until(lambda: client.get("/ready").json()["state"] == "unloaded")
        assert client.get("/ready").status_code == 200
        assert client.get("/v1/models").json()["data"][0]["id"] == "pocket"
        answer = client.post("/v1/chat/completions", json=question, timeout=60)
        assert answer.json()["choices"][0]["message"]["content"]
        until(lambda: client.get("/ready").json()["state"] == "unloaded")


class Breaking(EchoEngine):
    """It breaks down when told to, and is well again when it is loaded."""

    broken, reloads = False, 0

    def status(self) -> EngineStatus:
        return replace(super().status(), state="failed" if self.broken else "ready")

    async def reload(self) -> None:
        self.broken = False
        self.reloads += 1

    async def switch(self, model: str) -> None:
        raise AssertionError

    async def unload(self) -> None:
        raise AssertionError

    def wake(self) -> None:
        raise AssertionError


@pytest.mark.anyio
async def test_a_model_that_breaks_down_is_loaded_again_but_not_over_and_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.server.LOOK_AT_ENGINE", 0.01)
    engine = Breaking()
    mending = asyncio.create_task(_mend(Controller(engine)))
    await asyncio.sleep(0.1)
    assert engine.reloads == 0
    for _ in range(2):
        engine.broken = True
        await asyncio.sleep(0.1)
    mending.cancel()
    assert engine.reloads == 1


def until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come about")
