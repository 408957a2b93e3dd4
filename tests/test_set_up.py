"""`make run`'s first half: finds a Python, makes the environment, and says what is missing."""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from scripts import suitable

ROOT = Path(__file__).resolve().parent.parent


class Fresh:
    """A checkout with nothing set up, on a machine that has only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a clone"
        self.bin = folder / "bin"
        self.bin.mkdir()
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        shutil.copy(ROOT / "Makefile", self.root)
        (self.root / "app").mkdir()
        (self.root / "app" / "__main__.py").write_text("import sys\nprint('ran', sys.argv[1:])\n")
        for lock in ("requirements.txt", "requirements-dev.txt"):
            (self.root / lock).write_text("")
        for tool in ("sh", "make", "dirname", "cmp", "grep", "tail", "cp", "rm", "echo"):
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)

    def has_python(self, name: str, program: str = 'exec "{python}" "$@"') -> None:
        """Put a `name` into PATH that does `program`."""
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + program.format(python=sys.executable) + "\n")
        path.chmod(0o755)

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "--no-print-directory", *words],
            cwd=self.root,
            env={"PATH": str(self.bin), "HOME": str(self.root), **environment},
            capture_output=True,
            text=True,
            check=False,
        )


MISSING = "no-such-thing==1 --hash=sha256:" + "0" * 64
UNSUITABLE = (
    '[ "$1" = -c ] && exit 0; [ "$1" = scripts/suitable.py ] && echo "it is {version}" >&2; exit 1'
)


@pytest.fixture
def fresh(tmp_path: Path) -> Fresh:
    return Fresh(tmp_path)


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of our own; make adds its own below."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_no_python_at_all_is_said_in_one_line(fresh: Fresh) -> None:
    assert "needs Python 3.11 to 3.14 with venv, and no python3 was found" in error_line(
        fresh.make("run")
    )


def test_an_unsuitable_python_is_named_with_its_version(fresh: Fresh) -> None:
    fresh.has_python("python3", UNSUITABLE.replace("{version}", "3.9.2"))
    line = error_line(fresh.make("run"))
    assert "needs Python 3.11 to 3.14" in line
    assert "python3 can't be used: it is 3.9.2" in line
    assert not (fresh.root / ".venv").exists()


def test_a_missing_venv_is_named(fresh: Fresh) -> None:
    (fresh.root / "without.py").write_text(
        "import runpy, sys\n"
        "sys.modules['ensurepip'] = None\n"
        "runpy.run_path('scripts/suitable.py', run_name='__main__')\n"
    )
    fresh.has_python("python3.13", '[ "$1" = -c ] || exec "{python}" without.py')
    line = error_line(fresh.make("run"))
    assert "python3.13 can't be used: its venv module is missing" in line
    assert "apt-get install python3." in line


def test_a_shim_without_its_python_is_passed_over(fresh: Fresh) -> None:
    fresh.has_python("python3.14", "echo 'python3.14: command not found' >&2; exit 127")
    fresh.has_python("python3", UNSUITABLE.replace("{version}", "3.10.1"))
    line = error_line(fresh.make("run"))
    assert "python3.14" not in line


@pytest.fixture(scope="module")
def newest(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Fresh, subprocess.CompletedProcess[str]]:
    """A checkout where `make run` was said for the first time, and what came of it."""
    fresh = Fresh(tmp_path_factory.mktemp("newest"))
    fresh.has_python("python3.13", UNSUITABLE.replace("{version}", "3.13.0t"))
    fresh.has_python("python3.12")
    fresh.has_python("python3.11", "echo must not be asked >&2; exit 9")
    return fresh, fresh.make("run", "ARGS=--port 8000 'two words'")


@pytest.fixture
def set_up(fresh: Fresh, newest: tuple[Fresh, object]) -> Fresh:
    """A checkout of the test's own that is set up already."""
    shutil.copytree(newest[0].root / ".venv", fresh.root / ".venv", symlinks=True)
    return fresh


def test_the_newest_suitable_python_is_taken_and_the_program_runs(
    newest: tuple[Fresh, subprocess.CompletedProcess[str]],
) -> None:
    done = newest[1]
    assert done.returncode == 0, done.stderr
    assert "Making a private environment" in done.stdout
    assert done.stdout.splitlines()[-1] == "ran ['--port', '8000', 'two words']"


def test_a_later_start_is_silent_and_needs_neither_pip_nor_network(set_up: Fresh) -> None:
    shutil.rmtree(next((set_up.root / ".venv").glob("lib/*/site-packages/pip")))
    done = set_up.make("run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran []\n", "")


def test_a_changed_list_is_installed_and_what_can_not_be_had_is_said(set_up: Fresh) -> None:
    whole = (set_up.root / "requirements.txt").read_text()
    (set_up.root / "requirements.txt").write_text(MISSING)
    line = error_line(set_up.make("run", PIP_NO_INDEX="1"))
    assert "requirements.txt was not installed" in line
    assert "is there a network?" in line
    # An installation that broke off is not taken for a whole one.
    (set_up.root / "requirements.txt").write_text(whole)
    assert "Installing requirements.txt" in set_up.make("run").stdout


def test_a_broken_environment_is_made_anew(set_up: Fresh) -> None:
    set_up.has_python("python3")
    broken = set_up.root / ".venv" / "bin" / "python"
    broken.unlink()
    broken.symlink_to("/nowhere/python3")
    done = set_up.make("run")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ran []")


def test_a_folder_that_can_not_be_written_is_said(fresh: Fresh) -> None:
    fresh.has_python("python3")
    (fresh.root / ".venv").write_text("a file in the way")
    assert "made no environment in .venv" in error_line(fresh.make("run"))


def test_help_names_the_commands(fresh: Fresh) -> None:
    shown = fresh.make().stdout
    assert all(f"make {name}" in shown for name in ("run", "test", "check", "lock"))


@pytest.mark.parametrize(
    ("version", "suits"),
    [((2, 7, 18), False), ((3, 10, 9), False), ((3, 11, 0), True), ((3, 14, 2), True),
     ((3, 15, 0), False)],
)  # fmt: skip
def test_pythons_from_3_11_to_3_14_suit(
    version: tuple[int, int, int], suits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert (suitable.reason() is None) is suits


def test_a_free_threaded_python_does_not_suit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED")
    assert "free-threaded" in suitable.reason()


@pytest.mark.parametrize(
    ("system", "machine", "release", "part"),
    [
        ("darwin", "arm64", "14.0", None),
        ("darwin", "arm64", "13.6.1", "macOS 14"),
        ("darwin", "x86_64", "14.0", "Apple silicon"),
        ("linux", "x86_64", "2.35", None),
        ("linux", "aarch64", "2.41", None),
        ("linux", "x86_64", "2.31", "glibc 2.35"),
        ("linux", "x86_64", "", "glibc 2.35"),
        ("linux", "riscv64", "2.41", "x86-64 or arm64"),
        ("win32", "AMD64", "", "MLX needs macOS"),
    ],
)
def test_platforms_that_mlx_does_not_serve_are_named(
    system: str, machine: str, release: str, part: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "mac_ver", lambda: (release, ("", "", ""), machine))
    libc = ("glibc", release) if release else ("", "")
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    reason = suitable.platform_reason()
    assert reason is None if part is None else part in reason


@pytest.mark.skipif(os.environ.get("CI") != "true", reason="only CI's machine must have them")
def test_ci_has_what_its_tests_skip_without() -> None:
    assert shutil.which("chromium")
