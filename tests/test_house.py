"""What holds for the repository as a whole: who imports whom, what is pinned, what is read."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("app", "model", "tests", "benchmarks", "scripts", "static", "docs", ".ci")
SMALL_LOCKS = ("requirements-video.txt", "requirements-cuda.txt")
LOCKS = ("requirements.txt", *SMALL_LOCKS, "requirements-dev.txt")


def imports(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            yield from ((str(path.relative_to(ROOT)), name.partition(".")[0]) for name in names)


def test_the_model_knows_nothing_of_the_application() -> None:
    foreign = {"app", "gradio", "fastapi", "starlette", "uvicorn"}
    found = list(imports("model"))
    assert len(found) > 20
    assert [(path, name) for path, name in found if name in foreign] == []


def test_importing_the_model_loads_no_web_library() -> None:
    web = ("app", "gradio", "fastapi", "starlette")
    program = f"import sys, model; print([name for name in {web} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_nothing_reads_what_lies_outside_the_repository() -> None:
    outside = re.compile(r"\.\./sha" + r"red\b|/wo" + r"rk/|/tm" + r"p/plan")
    texts = [path for name in OURS for path in (ROOT / name).rglob("*") if path.is_file()]
    texts += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".coverage"]
    kinds = {".py", ".md", ".toml", ".in", ".txt", ".js", ".css", ".json", ".html", ""}
    found = [
        str(path.relative_to(ROOT))
        for path in texts
        if path.suffix in kinds and outside.search(path.read_text(errors="ignore"))
    ]
    assert found == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_hashes_and_no_place_to_get_it_from(name: str) -> None:
    text = (ROOT / name).read_text()
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    pins = [line for line in lines if not line.startswith(" ")]
    assert len(pins) > (0 if name in SMALL_LOCKS else 10)
    assert all(re.match(r"[a-z0-9][a-z0-9._-]*==\S+", line) for line in pins), pins
    blocks = re.split(r"\n(?=[a-z0-9])", "\n".join(lines))
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--(extra-)?index|--find-links| @ ", "\n".join(lines))


def test_linux_and_macs_are_both_in_the_lock() -> None:
    text = (ROOT / "requirements.txt").read_text()
    assert re.search(r"^mlx-cpu==\S+ ; sys_platform == 'linux'", text, re.MULTILINE)
    assert re.search(r"^mlx-metal==\S+ ; sys_platform == 'darwin'", text, re.MULTILINE)
    assert re.search(r"^scipy-openblas32==\S+ ; sys_platform == 'linux'", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_was_asked_for(lock: str) -> None:
    locked = (ROOT / lock).read_text()
    for line in (ROOT / lock.replace(".txt", ".in")).read_text().splitlines():
        asked = re.match(r"([a-z0-9][a-z0-9-]*)(?:\[\w+\])?(==[^;\s]+)?", line)
        if asked:
            assert f"\n{asked[1]}{asked[2] or '=='}" in locked, line


def test_the_project_takes_the_pythons_that_set_up_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.15"
