"""That each part is measured; how fast it is, is no test's matter."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from benchmarks.browser import read_stats
from benchmarks.page import MEASURED
from benchmarks.pictures import draw

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("31 tokens · 154 tok/s · first token 0.03 s", (31, 154.0)),
        ("1 token · first token 0.03 s", (1, None)),
        ("", (0, None)),
    ],
)
def test_the_line_below_an_answer_is_read(said: str, read: tuple[int, float | None]) -> None:
    assert read_stats(said) == read


def test_each_number_is_another_picture_and_always_the_same() -> None:
    assert draw(1).tobytes() == draw(1).tobytes() != draw(2).tobytes()


@pytest.mark.browser
@pytest.mark.skipif(
    which("chromium") is None and os.environ.get("CI") != "true", reason="no Chromium here"
)
def test_the_program_is_measured_from_start_to_end(tmp_path: Path) -> None:
    file = tmp_path / "page.json"
    line = [sys.executable, "-m", "benchmarks", "page", "--json", str(file)]
    line += ["--starts", "1", "--chats", "1", "--turns", "2"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    figures = {figure["name"]: figure for figure in json.loads(file.read_text())["figures"]}
    assert list(figures) == list(MEASURED)
    assert all(min(figure["runs"]) > 0 for figure in figures.values())
    assert all(name in done.stdout for name in MEASURED)
