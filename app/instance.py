"""What a process takes for itself before anything slow: the data folder and the port.

Both are held by the operating system for as long as the process lives, so nothing stale is ever
left behind by a crash. Knows nothing of what is served or stored.
"""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import SettingsError
from app.settings import bare_host

LOCK_NAME = "instance.lock"
BACKLOG = 2048


@contextmanager
def only_instance(data_dir: Path) -> Iterator[None]:
    """Hold the data folder, made when missing, for this process alone. Raises SettingsError."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(
            f"The data folder can't be written to ({_why(error)}); name another with --data-dir."
        ) from error
    try:
        _take(lock)
        yield
    finally:
        os.close(lock)  # which is what frees the lock


def _take(lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode(errors="replace").strip()
        raise SettingsError(
            f"Another one already uses this data folder (process {holder or 'unknown'}): go on "
            "with that one, stop it, or give this one a folder of its own with --data-dir."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)  # for the message above only


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; browsers that come early wait in its backlog. Raises SettingsError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            bare_host(host), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise SettingsError(f"--host {host} is no address of this machine.") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and bare_host(host) == "::":
            with suppress(OSError):  # "every address" means IPv4's too, where the system can
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(_no_port(error, host, port)) from error
    return listener


def _no_port(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is busy: stop what listens there, or choose another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is only for root: choose one from 1024 up with --port."
    return f"--host {host} can't be listened on ({_why(error)})."


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "unknown reason"
