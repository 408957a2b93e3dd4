"""`python -m app` as a process of its own, and what can be told of it from outside."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOK_EVERY = 0.01  # seconds
LONGEST_START = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Program:
    """The running program. `begun` is when its process was started, as `time.perf_counter`."""

    process: subprocess.Popen[str]
    url: str
    begun: float

    def until_answering(self, path: str) -> float:
        """Seconds from the start until a GET of `path` is answered with 200."""
        while not _answers(self.url + path):
            if time.perf_counter() - self.begun > LONGEST_START or self.process.poll() is not None:
                raise RuntimeError(f"{path} is not answered.")
            time.sleep(LOOK_EVERY)
        return time.perf_counter() - self.begun

    def resident(self) -> float:
        """Megabytes of memory that the process holds."""
        line = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
        return int(done.stdout) / 1024

    def interrupt(self) -> float:
        """Seconds from Ctrl-C until it has ended."""
        begun = time.perf_counter()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        return time.perf_counter() - begun


@contextmanager
def running(data_dir: Path, *options: str) -> Iterator[Program]:
    """The program with the bundled model on a free port; ended in the end, whatever happens."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LLAVA_CHAT_")}
    line = [sys.executable, "-m", "app", "--port", "0", "--data-dir", str(data_dir), *options]
    begun = time.perf_counter()
    with subprocess.Popen(
        line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            said = process.stdout.readline()
            if "http://" not in said:
                raise RuntimeError("The program did not start: its own words are above.")
            yield Program(process, said.split()[2], begun)
        finally:
            if process.poll() is None:
                process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False
