"""What is on this machine: in the hub's cache, in folders; and taking it away."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.download import alone
from model.errors import CheckpointError
from model.hub import pull
from model.shelf.disk import folder_size, folders, on_disk, remove
from tests.checkpoints import write_checkpoint, write_json
from tests.hub_server import HubServer
from tests.model.hubs import hub_for


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with hub_for(tmp_path, monkeypatch) as hub:
        for name in ("them/tiny", "them/begun"):
            write_checkpoint(hub.repository(name))
        yield hub


class Paused(Exception):
    pass


def begin(repository: str) -> None:
    def watch(done: int, total: int) -> None:
        if total and done > total / 2:
            raise Paused

    with pytest.raises(Paused):
        pull(repository, watch)


def test_the_cache_shows_what_is_complete_and_what_is_begun(hub: HubServer) -> None:
    assert on_disk() == []
    folder = pull("them/tiny")
    begin("them/begun")
    begun, tiny = on_disk()
    assert (tiny.repository, tiny.folder, tiny.refusal) == ("them/tiny", folder, "")
    assert tiny.size >= sum(path.stat().st_size for path in folder.iterdir())
    assert (begun.repository, begun.folder) == ("them/begun", None)
    assert 0 < begun.size < tiny.size


def test_models_without_pictures_are_left_out_and_strange_llavas_say_why(hub: HubServer) -> None:
    write_json(pull("them/tiny"), "config.json", {"model_type": "llama"})  # through the link
    assert on_disk() == []
    write_json(pull("them/begun"), "config.json", {"model_type": "llava_of_tomorrow"})
    [strange] = on_disk()
    assert "llava_of_tomorrow" in strange.refusal


def test_removing_frees_all_of_it_begun_or_whole(hub: HubServer, tmp_path: Path) -> None:
    pull("them/tiny")
    begin("them/begun")
    sizes = {one.repository: one.size for one in on_disk()}
    for repository, size in sizes.items():
        assert remove(repository) == size
    assert on_disk() == []
    assert folder_size(tmp_path / "cache") < 1000  # locks
    for name in ("them/tiny", "..", "../up", "a/..", str(tmp_path)):
        with pytest.raises(CheckpointError):
            remove(name)


def test_only_models_of_this_program_are_removed_and_none_that_is_on_its_way(
    hub: HubServer,
) -> None:
    pull("them/tiny")
    write_json(pull("them/begun"), "config.json", {"model_type": "bert"})
    with pytest.raises(CheckpointError, match="isn't among the models"):
        remove("them/begun")
    with alone("them/tiny"), pytest.raises(CheckpointError, match="being downloaded"):
        remove("them/tiny")
    assert [one.repository for one in on_disk()] == ["them/tiny"]
    assert remove("them/tiny") > 0


def test_a_folder_without_all_of_its_weights_says_so(tmp_path: Path) -> None:
    for name in ("none", "half", "whole"):
        write_checkpoint(tmp_path / name)
    (tmp_path / "none" / "model.safetensors").unlink()
    os.truncate(tmp_path / "half" / "model.safetensors", 100_000)
    refusals = {Path(one.repository).name: one.refusal for one in folders([str(tmp_path)])}
    assert refusals["whole"] == ""
    assert all(refusals[name] for name in ("none", "half"))


def test_folders_of_other_programs_are_found(tmp_path: Path) -> None:
    mine = write_checkpoint(tmp_path / "models" / "mine")
    theirs = write_checkpoint(tmp_path / "studio" / "them" / "theirs")
    write_json((tmp_path / "models" / "text").absolute().parent, "x", {})
    (tmp_path / "models" / "text").mkdir()
    write_json(tmp_path / "models" / "text", "config.json", {"model_type": "llama"})
    found = folders([str(tmp_path / "models"), str(tmp_path / "studio"), "/nowhere"])
    assert [one.folder for one in found] == [mine, theirs]
    named = [str(theirs), str(mine), str(tmp_path / "models" / ".." / "models" / "mine"), "/no"]
    assert [one.folder and one.folder.name for one in folders([], named)] == ["theirs", "mine"]
    assert len(folders([str(tmp_path / "models")], named)) == 2
    assert all(one.size == folder_size(one.folder) for one in found if one.folder)
