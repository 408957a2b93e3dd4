"""The public link: opened in the background, checked, and never in the page's way."""

import hashlib
import http.server
import json
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio import tunneling

from app import share
from app.share import PublicLink

OFFER = [{"host": "tunnel.example", "port": 7000, "root_ca": "a certificate"}]


class Said:
    """What the person at the terminal reads, and the names that were found."""

    def __init__(self) -> None:
        self.lines: queue.Queue[str] = queue.Queue()
        self.names: list[str] = []

    def line(self) -> str:
        return self.lines.get(timeout=10)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def link(said: Said, tmp_path: Path) -> PublicLink:
    return PublicLink(tmp_path / "share", "127.0.0.1", 7860, said.names.append, said.lines.put)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Gradio's tunnel service, on loopback: answers with `body`."""
    answer: dict[str, Any] = {"body": json.dumps(OFFER), "status": 200}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer["status"])
            self.end_headers()
            self.wfile.write(answer["body"].encode())

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(share, "SERVICE", f"http://127.0.0.1:{server.server_port}/")
        yield answer
        server.shutdown()
        thread.join()


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gradio's helper program, already downloaded: a script that opens a link and stays."""
    program = tmp_path / "frpc"
    program.write_text(
        "#!/bin/sh\necho 'start proxy success: https://abc.gradio.live'\nexec sleep 60\n"
    )
    program.chmod(0o755)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    monkeypatch.setattr(tunneling, "BINARY_PATH", str(program))
    monkeypatch.setattr(tunneling, "CHECKSUMS", {tunneling.BINARY_URL: digest})
    return program


def test_the_link_is_said_and_its_name_is_known_to_the_server(
    link: PublicLink, said: Said, service: dict[str, Any], helper: Path
) -> None:
    link.open()
    assert said.line().startswith("Public link: https://abc.gradio.live ")
    assert said.names == ["abc.gradio.live"]
    assert (link.folder / "certificate.pem").read_text() == "a certificate"
    process = link._tunnel.proc
    assert process.args[process.args.index("-l") + 1] == "7860"
    link.close()
    assert process.returncode is not None


def test_without_a_network_that_is_said_and_the_page_goes_on(
    link: PublicLink, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "SERVICE", "http://127.0.0.1:9/")
    link.open()
    line = said.line()
    assert "can't be reached" in line
    assert "goes on" in line
    assert "\n" not in line
    assert said.names == []


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [
        (500, "broken", "can't be reached"),
        (200, "<html>", "another kind"),
        (200, "[]", "another kind"),
        (200, '[{"host": "h", "port": "x", "root_ca": ""}]', "another kind"),
    ],
)
def test_an_odd_answer_of_the_service_is_said(
    link: PublicLink, said: Said, service: dict[str, Any], status: int, body: str, part: str
) -> None:
    service.update(status=status, body=body)
    link.open()
    assert part in said.line()


def test_a_helper_that_was_changed_is_removed_and_not_run(
    link: PublicLink, said: Said, service: dict[str, Any], helper: Path
) -> None:
    helper.write_text("#!/bin/sh\ntouch ran\n")
    link.open()
    assert "damaged" in said.line()
    assert not helper.exists()


def test_a_helper_that_can_not_be_downloaded_is_said(
    link: PublicLink,
    said: Said,
    service: dict[str, Any],
    helper: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    helper.unlink()
    monkeypatch.setattr(tunneling, "BINARY_URL", "http://127.0.0.1:9/frpc")
    link.open()
    assert "could not be downloaded" in said.line()


def test_a_helper_that_does_not_start_is_said(
    link: PublicLink, said: Said, service: dict[str, Any], helper: Path
) -> None:
    helper.chmod(0o644)
    link.open()
    assert "could not be started" in said.line()


def test_a_helper_that_says_nothing_is_ended(
    link: PublicLink,
    said: Said,
    service: dict[str, Any],
    helper: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    helper.write_text("#!/bin/sh\nexec sleep 60\n")
    digest = hashlib.sha256(helper.read_bytes()).hexdigest()
    monkeypatch.setattr(tunneling, "CHECKSUMS", {tunneling.BINARY_URL: digest})
    monkeypatch.setattr(share, "PATIENCE", 1.0)
    link.open()
    assert "no answer within 1 seconds" in said.line()
    assert link._tunnel.proc is None


def test_closing_a_link_that_was_never_open_does_nothing(link: PublicLink) -> None:
    link.close()
