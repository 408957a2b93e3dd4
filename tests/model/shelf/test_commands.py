"""`python -m model list`, `pull` and `remove`, as processes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoints import write_checkpoint, write_json
from tests.hub_server import HubServer


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    with HubServer(tmp_path / "served") as hub:
        write_checkpoint(hub.repository("llava-hf/bakLlava-v1-hf"))
        yield hub


def model(hub: HubServer, home: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "model", *words],
        env=os.environ | hub.environment(home / "hf") | {"HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def test_a_model_is_listed_pulled_by_its_name_and_removed(hub: HubServer, tmp_path: Path) -> None:
    status, out, _ = done(model(hub, tmp_path, "list"))
    assert status == 0
    assert "bakllava  (llava-hf/bakLlava-v1-hf, not here)" in out
    assert "Licence: Apache 2.0" in out
    assert hub.asked == []  # nobody asked for the hub
    status, out, errors = done(model(hub, tmp_path, "pull", "bakllava"))
    assert (status, errors) == (0, "")
    assert out.startswith("llava-hf/bakLlava-v1-hf is here, in ")
    write_checkpoint(tmp_path / "models" / "mine")
    _, out, _ = done(model(hub, tmp_path, "list"))
    assert re.search(r"bakllava  \(llava-hf/bakLlava-v1-hf, \d+ kB here\)", out)
    assert str(tmp_path / "models" / "mine") in out
    status, out, _ = done(model(hub, tmp_path, "remove", "bakllava"))
    assert status == 0
    assert "are free again" in out
    assert done(model(hub, tmp_path, "remove", "bakllava"))[0] == 1


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell starts what runs in its background deaf to Ctrl-C, and so are its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_stopped_pull_says_that_it_goes_on(hub: HubServer, tmp_path: Path) -> None:
    hub.pace = 50_000
    process = model(hub, tmp_path, "pull", "bakllava")
    while not list(tmp_path.rglob("*.incomplete")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    status, _, errors = done(process)
    assert status == 130
    assert "the same command goes on" in errors
    assert "unfinished" in done(model(hub, tmp_path, "list"))[1]


def test_a_model_without_vision_is_refused_with_a_reason(hub: HubServer, tmp_path: Path) -> None:
    folder = write_checkpoint(hub.repository("them/words"))
    write_json(folder, "config.json", {"model_type": "llama", "hidden_size": 64})
    status, _, errors = done(model(hub, tmp_path, "pull", "them/words"))
    assert status == 1
    assert "them/words can't be run here: It is a model without vision ('llama')" in errors
    assert not list(tmp_path.rglob("*.safetensors*.incomplete"))
