"""The program as a process of its own, with an echo as slow and as late as a test wants it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.app.running import Running, serving

PROGRAM = """
import os, runpy
from app import server
from app.engine import EchoEngine
from app.engine.base import EngineStatus

class Engine(EchoEngine):
    def status(self):
        if os.path.exists({gate!r}):
            return EngineStatus("loading", "echo", progress=0.5)
        return super().status()

server.create_engine = lambda settings: Engine(delay={delay}, capacity={capacity})
runpy.run_module("app", run_name="__main__")
"""


@contextmanager
def echoing(
    data_dir: Path, *, delay: float, gate: Path = Path("none"), capacity: int = 16
) -> Iterator[Running]:
    """The running program; `delay` seconds before each word, loading while `gate` is there."""
    program = PROGRAM.format(delay=delay, gate=str(gate), capacity=capacity)
    with serving(["-c", program], data_dir) as server:
        yield server
