"""A stand-in for the Hugging Face hub: its API over real HTTP on loopback, as its client calls it.

    with HubServer(tmp_path) as hub:
        write_checkpoint(hub.repository("them/tiny"))
        subprocess.run(..., env=hub.environment(tmp_path / "cache"))

It serves the folders below `root` as repositories: model info, file tree, files with checksums and
ranges, large ones from another address as the hub does. What goes wrong is set with `fail`.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".bin", ".model")  # kept as the hub keeps large files, by SHA-256
_CHUNK = 1 << 14


@dataclass(slots=True)
class Failure:
    """What goes wrong with the next `times` requests whose path holds `where`.

    `status` is answered in place of a file; `after` cuts the connection behind so many bytes;
    `damage` changes the first byte.
    """

    where: str
    times: int = 1
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    after: int | None = None
    damage: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came; `start` is the first byte of its range."""

    method: str
    path: str
    start: int = 0


class HubServer:
    """Serves until its block ends. `pace` is a limit in bytes a second, None for none."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[Asked] = []
        self.pace: float | None = None
        self.ranges = True  # whether a part of a file can be asked for
        self.digests: dict[str, str] = {}  # of files by name, in place of the true ones
        self.endless = False  # whether large files are longer than announced
        self._failures: list[Failure] = []
        self._lock = threading.Lock()
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> "HubServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.pace = None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def repository(self, name: str) -> Path:
        """The folder that is served as the repository OWNER/NAME."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def fail(self, where: str, **how: object) -> None:
        """Let something go wrong: see Failure."""
        self._failures.append(Failure(where, **how))  # type: ignore[arg-type]

    def environment(self, cache: Path) -> dict[str, str]:
        """Variables that lead huggingface_hub here, with a cache of its own."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(cache),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "*",
        }

    def fetched(self) -> list[str]:
        """The names of the files that were asked for, once for each time."""
        return [asked.path.rsplit("/", 1)[1] for asked in self.asked if "/resolve/" in asked.path]

    def failure(self, path: str) -> Failure | None:
        with self._lock:
            for failure in self._failures:
                if failure.times > 0 and failure.where in path:
                    failure.times -= 1
                    return failure
        return None


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionResetError):  # who asked has gone
            super().handle()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(self.path.split("?")[0])
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.hub.ranges else 0
        self.hub.asked.append(Asked(self.command, path, start))
        failure = self.hub.failure(path)
        try:
            if failure is not None and failure.status:
                self._answer(failure.status, failure.headers, b"{}")
            elif path.startswith("/api/models/"):
                self._api(path.removeprefix("/api/models/"))
            else:
                self._file(path, start, failure)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _api(self, path: str) -> None:
        found = re.fullmatch(r"([^/]+/[^/]+)(?:/(tree|revision)/([^/]+))?", path)
        folder = self.hub.root / found[1] if found else None
        if found is None or folder is None or not folder.is_dir():
            return self._missing()
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        if found[2] == "tree":
            entries = [_entry(file, folder) for file in files if file.parent == folder]
            told = self.hub.digests
            return self._json([e | {"oid": told.get(str(e["path"]), e["oid"])} for e in entries])
        siblings = [{"rfilename": str(file.relative_to(folder))} for file in files]
        self._json(
            {"id": found[1], "modelId": found[1], "sha": COMMIT, "private": False, "tags": []}
            | {"downloads": 0, "likes": 0, "siblings": siblings}
        )

    def _file(self, path: str, start: int, failure: Failure | None) -> None:
        """As the hub does: a large file is redirected to where it is stored."""
        found = re.fullmatch(r"/(storage/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)", path)
        file = self.hub.root / found[2] / found[3] if found else None
        if found is None or file is None or not file.is_file():
            return self._missing()
        digest = _digest(file)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest}"'}
        if file.suffix in LARGE and not found[1]:
            linked = {"X-Linked-Size": str(file.stat().st_size), "X-Linked-ETag": f'"{digest}"'}
            place = {"Location": f"{self.hub.url}/storage{path}"}
            return self._answer(302, headers | linked | place, b"")
        self._send(file, start, failure, headers)

    def _send(
        self, file: Path, start: int, failure: Failure | None, headers: dict[str, str]
    ) -> None:
        body = bytearray(file.read_bytes())
        if self.hub.endless and file.suffix in LARGE:
            body *= 20
        if failure is not None and failure.damage:
            body[0] ^= 1
        total = len(body)
        if start:
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(total - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = total if failure is None or failure.after is None else start + failure.after
        for at in range(start, end, _CHUNK):
            chunk = body[at : min(at + _CHUNK, end)]
            self.wfile.write(chunk)
            if self.hub.pace:
                time.sleep(len(chunk) / self.hub.pace)
        if end < total:
            self.close_connection = True  # in the middle of what was announced

    def _json(self, content: object) -> None:
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def _missing(self) -> None:
        self._answer(404, {"X-Error-Code": "RepoNotFound"}, b"{}")

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _entry(file: Path, folder: Path) -> dict[str, object]:
    """A file as the hub's list of a repository has it."""
    size, digest = file.stat().st_size, _digest(file)
    entry = {"type": "file", "path": str(file.relative_to(folder)), "size": size, "oid": digest}
    if file.suffix not in LARGE:
        return entry
    pointer = hashlib.sha1(digest.encode(), usedforsecurity=False).hexdigest()
    return entry | {"oid": pointer, "lfs": {"oid": digest, "size": size, "pointerSize": 134}}


def _digest(file: Path) -> str:
    content = file.read_bytes()
    if file.suffix in LARGE:
        return hashlib.sha256(content).hexdigest()
    blob = f"blob {len(content)}\0".encode() + content
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest()
