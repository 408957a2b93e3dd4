"""Checkpoints from a hub, tried on a stand-in that answers on this machine's loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.errors import CheckpointError
from model.hub import find_checkpoint
from tests.checkpoints import write_checkpoint
from tests.hub_server import HubServer

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


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    with HubServer(tmp_path / "served") as hub:
        folder = write_checkpoint(hub.repository("them/tiny"), shards=2)
        (folder / "modeling_tiny.py").write_text("raise SystemExit('remote code ran')")
        config = json.loads((folder / "config.json").read_text())
        config["auto_map"] = {
            "AutoModel": "modeling_tiny.Tiny",
            "AutoTokenizer": ["modeling_tiny.T", None],
        }
        (folder / "config.json").write_text(json.dumps(config))
        yield hub


def load(repository: str, cache: Path, hub: HubServer, **more: str) -> str:
    """What a fresh process prints: the hub's client reads its settings at import."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, repository],
        env=os.environ | hub.environment(cache) | more,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_repository_is_fetched_once_and_the_hub_not_asked_again(
    hub: HubServer, tmp_path: Path
) -> None:
    said = load("them/tiny", tmp_path / "cache", hub)
    assert said.startswith("them/tiny (")
    fetched = hub.fetched()
    assert {"config.json", "tokenizer.json", "model-00002-of-00002.safetensors"} <= {*fetched}
    assert "modeling_tiny.py" not in fetched
    asked = len(hub.asked)
    assert load("them/tiny", tmp_path / "cache", hub) == said
    assert len(hub.asked) == asked


def test_a_repository_that_isnt_there_is_said_in_one_line(hub: HubServer, tmp_path: Path) -> None:
    said = load("nobody/nothing", tmp_path / "cache", hub)
    assert said == "Hugging Face has no public repository nobody/nothing."


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
