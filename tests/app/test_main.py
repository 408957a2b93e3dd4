"""`python -m app`: which half is started, and what its exit status says."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from app.__main__ import main
from app.errors import EngineError
from app.settings import Settings


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What `app.ask` was called with; it answers with status 0."""
    calls: list[tuple[object, ...]] = []
    module = ModuleType("app.ask")

    def run(settings: Settings, images: Sequence[str], question: str) -> int:
        calls.append((settings.engine, images, question))
        if question == "break":
            raise EngineError("It broke.")
        if question == "stop":
            raise KeyboardInterrupt
        return 0

    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.ask", module)
    return calls


def test_ask_is_given_settings_pictures_and_question(asked: list[tuple[object, ...]]) -> None:
    assert main(["ask", "--engine", "echo", "--image", "a.png", "What?"]) == 0
    assert asked == [("echo", ("a.png",), "What?")]


def test_settings_that_do_not_fit_are_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "x"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("LLaVA Chat: ")
    assert said.err.count("\n") == 1


def test_what_fails_later_is_status_1(
    asked: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "break"]) == 1
    assert capsys.readouterr().err == "LLaVA Chat: It broke.\n"


def test_an_interruption_is_quiet(
    asked: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "stop"]) == 130
    assert capsys.readouterr().err == ""


def test_a_data_folder_that_can_not_be_used_is_said_before_anything_slow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "app.server", None)  # importing it would fail
    (tmp_path / "file").write_text("")
    assert main(["--engine", "echo", "--data-dir", str(tmp_path / "file")]) == 2
    assert "--data-dir" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("closed", "status"), [("<&- >&-", 0), ("<&- >&- 2>&-", 0), ("--image - <&-", 1)]
)
def test_closed_standard_streams_are_no_failure_of_ours(closed: str, status: int) -> None:
    line = f"'{sys.executable}' -m app ask --engine echo 'Hello!' {closed}"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True)
    assert done.returncode == status
    assert done.stderr.count("\n") == status  # an empty picture is said in one line
