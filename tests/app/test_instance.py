"""One process a data folder and a port, and no trace that could block the next."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.instance import LOCK_NAME, listen, only_instance

HOLDER = """
import sys, pathlib, time
from app.instance import only_instance
with only_instance(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def held_elsewhere(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_instance_is_refused_and_told_who_holds_the_data(tmp_path: Path) -> None:
    with (
        held_elsewhere(tmp_path) as holder,
        pytest.raises(SettingsError, match=rf"process {holder.pid}\).*--data-dir"),
    ):
        try:
            with only_instance(tmp_path):
                pass
        finally:
            holder.terminate()


def test_a_killed_instance_leaves_nothing_that_blocks(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    with only_instance(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_the_data_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    with only_instance(folder):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_an_instance_that_ends_frees_the_folder(tmp_path: Path) -> None:
    with only_instance(tmp_path):
        pass
    with only_instance(tmp_path):
        pass


def test_a_data_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"can't be written to \(Not a directory\)"):
        only_instance(tmp_path / "file" / "data").__enter__()


def test_a_busy_port_is_said_in_one_line() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} is busy"):
            listen("127.0.0.1", port)


def test_a_port_is_free_again_at_once() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            first.accept()[0].close()
    listen("127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["host.invalid", "192.0.2.1", "a" * 64, "a..b"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="--host"):
        listen(host, 0)


def test_a_port_for_root_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(SettingsError, match="Port 80 is only for root"):
        listen("127.0.0.1", 80)


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_every_address_of_ipv6_is_ipv4_too() -> None:
    try:
        listener = listen("::", 0)
    except SettingsError:
        pytest.skip("this system has no IPv6 address")
    with listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1])):
        pass
