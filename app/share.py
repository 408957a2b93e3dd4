"""A public link to the running page, through Gradio's tunnel.

It never holds the page up: it is opened in the background, and where there is no network that is
said in one line. Everything that goes over the link passes Gradio's servers.
"""

import hashlib
import logging
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

log = logging.getLogger(__name__)

SERVICE = "https://api.gradio.app/v3/tunnel-request"
PATIENCE = 60.0  # seconds for the first download, the service and the tunnel together


class NoLink(Exception):
    """A public link could not be had; the message says why."""


@dataclass(slots=True)
class PublicLink:
    """Opens the link to what listens on `host` and `port`; `found` is told the name it has."""

    folder: Path
    host: str
    port: int
    found: Callable[[str], None]
    say: Callable[[str], None]
    _tunnel: Any = field(default=None, init=False)

    def open(self) -> None:
        threading.Thread(target=self._run, name="public-link", daemon=True).start()

    def close(self) -> None:
        """End the tunnel's process, if there is one."""
        process = getattr(self._tunnel, "proc", None)
        if process is not None:
            self._tunnel.proc = None  # else Gradio ends it again at exit, and prints that it does
            process.kill()
            process.communicate()

    def _run(self) -> None:
        try:
            url = self._await_link()
        except NoLink as reason:
            self.close()
            self.say(f"No public link: {reason} The page on this machine goes on.")
        else:
            self.found(urlsplit(url).hostname or "")
            self.say(f"Public link: {url} (through Gradio's servers, for some days)")

    def _await_link(self) -> str:
        """The link's address, with a limit of time: Gradio reads its helper's output without."""
        answers: queue.Queue[str | NoLink] = queue.Queue()
        threading.Thread(target=self._connect, args=[answers], daemon=True).start()
        try:
            answer = answers.get(timeout=PATIENCE)
        except queue.Empty:
            raise NoLink(f"the tunnel gave no answer within {PATIENCE:.0f} seconds.") from None
        if isinstance(answer, NoLink):
            raise answer
        return answer

    def _connect(self, answers: "queue.Queue[str | NoLink]") -> None:
        try:
            answers.put(self._start_tunnel())
        except NoLink as reason:
            answers.put(reason)
        except Exception as error:
            log.debug("tunnel: %s", type(error).__name__)
            answers.put(NoLink("Gradio's tunnel could not be started."))

    def _start_tunnel(self) -> str:
        host, port, certificate = _ask_service()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        trusted = self.folder / "certificate.pem"
        trusted.write_text(certificate)
        from gradio import tunneling

        self._tunnel = tunneling.Tunnel(
            host, port, self.host, self.port, secrets.token_urlsafe(32), str(trusted)
        )
        _get_helper(tunneling)
        return str(self._tunnel.start_tunnel())


def _ask_service() -> tuple[str, int, str]:
    """Gradio's tunnel server: host, port, and the certificate to trust it by."""
    try:
        offer = httpx.get(SERVICE, timeout=20).raise_for_status().json()[0]
        return str(offer["host"]), int(offer["port"]), str(offer["root_ca"])
    except httpx.HTTPError:
        raise NoLink("Gradio's tunnel service can't be reached from here (no network?).") from None
    except (ValueError, LookupError, TypeError):
        raise NoLink("Gradio's tunnel service gave an answer of another kind.") from None


def _get_helper(tunneling: Any) -> None:
    """Download Gradio's helper program once, and look at its hash each time it is used.

    Gradio itself looks only right after the download.
    """
    try:
        tunneling.Tunnel.download_binary()
    except Exception:
        raise NoLink("the tunnel's helper program could not be downloaded.") from None
    helper = Path(tunneling.BINARY_PATH)
    expected = tunneling.CHECKSUMS.get(tunneling.BINARY_URL)
    if hashlib.sha256(helper.read_bytes()).hexdigest() != expected:
        helper.unlink()
        raise NoLink("the tunnel's helper program was damaged and is removed; start again.")
