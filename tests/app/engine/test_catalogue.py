from pathlib import Path

import pytest

from app.engine.catalogue import ALIASES, find
from app.errors import SettingsError


def test_an_alias_stands_for_its_repository_and_is_shown() -> None:
    source, names = find("llava-1.5-7b")
    assert source == "llava-hf/llava-1.5-7b-hf"
    assert names == ("llava-1.5-7b", "llava-hf/llava-1.5-7b-hf")


def test_a_repository_answers_to_its_alias_too() -> None:
    assert find("llava-hf/llava-1.5-7b-hf")[1] == ("llava-hf/llava-1.5-7b-hf", "llava-1.5-7b")
    assert find("someone/a-llava") == ("someone/a-llava", ("someone/a-llava",))


def test_of_a_folder_only_the_last_name_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "secret place" / "my-llava"
    folder.mkdir(parents=True)
    assert find(str(folder)) == (str(folder), ("my-llava",))
    monkeypatch.chdir(folder)
    assert find(".")[1] == ("my-llava",)


@pytest.mark.parametrize("name", ["no-such-model", "/no/such", "./no", "a/b/c", "~/nothing-here"])
def test_what_can_not_be_meant_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(SettingsError, match="give an alias") as refusal:
        find(name)
    assert "\n" not in str(refusal.value)


def test_a_missing_bundled_model_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(ALIASES, "pocket", str(tmp_path / "pocket"))
    with pytest.raises(SettingsError, match="bundled model is missing"):
        find("pocket")
    (tmp_path / "pocket").mkdir()
    assert find("pocket") == (str(tmp_path / "pocket"), ("pocket",))
