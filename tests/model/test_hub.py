"""Checkpoints from a hub, tried on a stand-in that answers on this machine's loopback."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from model.errors import CheckpointError
from model.hub import find_checkpoint
from tests.checkpoints import write_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROGRAM = """
import sys, model, numpy as np
from model.errors import CheckpointError
for repository in sys.argv[1:]:
    try:
        llava = model.load(repository)
    except CheckpointError as error:
        print(error)
    else:
        print(llava.name, np.array(llava.logits("USER: Hi")).shape)
"""


class Hub:
    """The part of a hub that `snapshot_download` calls, for one repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: set[str] = set()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                status, headers, body = hub.answer(self.path.split("?")[0])
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/api/models/them/tiny/"):
            files = [file for file in self.folder.rglob("*") if file.is_file()]
            names = sorted(str(file.relative_to(self.folder)) for file in files)
            if "/tree/" in path:
                tree = [
                    {
                        "type": "file",
                        "path": n,
                        "oid": "0" * 40,
                        "size": (self.folder / n).stat().st_size,
                    }
                    for n in names
                ]
                return 200, {"Content-Type": "application/json"}, json.dumps(tree).encode()
            info = {
                "id": "them/tiny",
                "modelId": "them/tiny",
                "sha": COMMIT,
                "private": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": name} for name in names],
            }
            return 200, {"Content-Type": "application/json"}, json.dumps(info).encode()
        prefix = f"/them/tiny/resolve/{COMMIT}/"
        if path.startswith(prefix):
            name = path.removeprefix(prefix)
            self.fetched.add(name)
            body = (self.folder / name).read_bytes()
            digest = hashlib.sha256(body).hexdigest()
            return 200, {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT}, body
        if "gated" in path:
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        if "down" in path:
            return 500, {}, b"{}"
        return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = write_checkpoint(tmp_path / "served", shards=2)
    (folder / "modeling_tiny.py").write_text("raise SystemExit('remote code ran')")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "original").mkdir()
    (folder / "original" / "copy.safetensors").write_bytes(b"large")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {
        "AutoModel": "modeling_tiny.Tiny",
        "AutoTokenizer": ["modeling_tiny.T", None],
    }
    (folder / "config.json").write_text(json.dumps(config))
    stand_in = Hub(folder)
    thread = Thread(target=stand_in.server.serve_forever)
    thread.start()
    yield stand_in
    stand_in.server.shutdown()
    stand_in.server.server_close()
    thread.join()


def load(repositories: list[str], cache: Path, url: str, **more: str) -> list[str]:
    """What a fresh process prints, a line each: the hub's client reads its settings at import."""
    settings = {"HF_ENDPOINT": url, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}
    settings |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"} | more
    program = [sys.executable, "-c", PROGRAM, *repositories]
    done = subprocess.run(
        program, env=os.environ | settings, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_repository_is_fetched_once_without_its_programs(hub: Hub, tmp_path: Path) -> None:
    [said] = load(["them/tiny"], tmp_path / "cache", hub.url)
    assert said.startswith("them/tiny (")
    assert {"config.json", "tokenizer.json", "model-00002-of-00002.safetensors"} <= hub.fetched
    assert not {name for name in hub.fetched if name.endswith((".py", ".bin")) or "/" in name}
    assert load(["them/tiny"], tmp_path / "cache", hub.url, HF_HUB_OFFLINE="1") == [said]


def test_what_the_hub_refuses_is_said_in_one_line(hub: Hub, tmp_path: Path) -> None:
    refused = ["nobody/nothing", "them/gated", "them/down"]
    nothing, gated, down = load(refused, tmp_path / "cache", hub.url)
    assert nothing == "Hugging Face has no public repository nobody/nothing."
    assert "them/gated can't be fetched: its owner wants an account and consent" in gated
    assert down.startswith("them/down can't be fetched: ")


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    [said] = load(["them/tiny"], tmp_path, "http://127.0.0.1:1")
    assert said.startswith("them/tiny can't be fetched: Hugging Face can't be reached")


@pytest.mark.parametrize(
    "name",
    ["", "nowhere", "a/b/c", "../up", "~nobody/x", "/no/such/folder", "a" * 5000, "a/b\0", "a b/c"],
)
def test_what_is_neither_folder_nor_repository_is_refused_without_asking_the_hub(name: str) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        find_checkpoint(name)


def test_a_folder_is_named_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    assert find_checkpoint(folder) == (folder, "tiny")
    monkeypatch.chdir(folder)
    assert find_checkpoint(".") == (folder, "tiny")
