"""The program as a process of its own, for tests from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLOW = """
import runpy
from app import server
from app.engine import EchoEngine

server.create_engine = lambda settings: EchoEngine(delay=0.1)
runpy.run_module("app", run_name="__main__")
"""


@dataclass(slots=True)
class Running:
    """A process that serves at `url`."""

    process: subprocess.Popen[str]
    url: str

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Signal it, and give its exit status and what it said on standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


def start(program: list[str], data_dir: Path, *options: str) -> subprocess.Popen[str]:
    """The process, which may end at once."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LLAVA_CHAT_")}
    line = [sys.executable, *program, "--port", "0", "--data-dir", str(data_dir), *options]
    return subprocess.Popen(
        line,
        cwd=ROOT,
        env={**environment, "LLAVA_CHAT_ENGINE": "echo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(program: list[str], data_dir: Path, *options: str) -> Iterator[Running]:
    """The process, listening; it is ended when the test has not ended it."""
    with start(program, data_dir, *options) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("LLaVA Chat: http://"), (line, process.communicate(timeout=30))
            yield Running(process, line.split()[2])
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def running(data_dir: Path, *options: str, slow: bool = False) -> Iterator[Running]:
    """The program, listening, with an engine that echoes."""
    with serving(["-c", SLOW] if slow else ["-m", "app"], data_dir, *options) as server:
        yield server


@contextmanager
def pocket(data_dir: Path) -> Iterator[Running]:
    """The program with the bundled model, listening."""
    with serving(["-m", "app"], data_dir, "--engine", "mlx", "--model", "pocket") as server:
        yield server
