"""The side of who measures: starts the workers of all programs and asks them, one at a time."""

import json
import os
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 180.0  # seconds for one answer


class WorkerError(Exception):
    """What a program said that it can't do, or that it is gone."""


@dataclass(frozen=True, slots=True)
class Command:
    """How to run a program's worker: an environment's Python, a module, and variables."""

    python: Path
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Worker:
    """A program in a process of its own, loaded and waiting."""

    def __init__(self, name: str, command: Command) -> None:
        self.name = name
        line = [str(command.python), "-m", command.module, *command.arguments]
        self._process = subprocess.Popen(
            line,
            cwd=ROOT,
            env=_environment() | dict(command.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Let it do one thing. Raises WorkerError."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        try:
            self._process.stdin.write(json.dumps({"do": do} | request) + "\n")
            self._process.stdin.flush()
            said = self._answers.get(timeout=LONGEST)
        except (OSError, ValueError, queue.Empty):  # ValueError: it was closed before
            said = ""
        if not said:
            self.close()
            raise WorkerError(f"it did not answer '{do}'")
        answer: dict[str, Any] = json.loads(said)
        if "error" in answer:
            raise WorkerError(str(answer["error"]))
        return answer

    def close(self) -> None:
        self._process.kill()
        self._listener.join()
        self._process.communicate()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")


def _environment() -> dict[str, str]:
    """Ours without settings of this program or of threads, and without a way to the network."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LLAVA_CHAT_") and not name.endswith("_NUM_THREADS")
    }
    return kept | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
