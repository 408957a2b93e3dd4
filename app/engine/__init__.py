"""Engines: what turns a request into text. `create_engine` makes the one the settings ask for."""

from app.engine.base import Engine, EngineStatus
from app.engine.echo import EchoEngine
from app.settings import Settings

__all__ = ["EchoEngine", "Engine", "EngineStatus", "create_engine"]


def create_engine(settings: Settings) -> Engine:
    """The engine of `--engine`, which begins to load at once."""
    return EchoEngine()
