"""Engines: what turns a request into text. `create_engine` makes the one the settings ask for."""

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from app.engine.base import GB, Engine, EngineStatus, Watch
from app.engine.catalogue import BUNDLED, find
from app.engine.echo import EchoEngine
from app.engine.mlx import MlxEngine
from app.engine.openai import OpenAIEngine
from app.engine.switching import SwitchingEngine
from app.errors import SettingsError
from app.imports import import_models
from app.settings import Settings
from model.templates import OWN, TEMPLATES

if TYPE_CHECKING:
    from app.engine.loading import Loaded

__all__ = ["EchoEngine", "Engine", "EngineStatus", "MlxEngine", "OpenAIEngine", "create_engine"]


def create_engine(settings: Settings) -> Engine:
    """The engine of `--engine`, which begins to load at once. Raises SettingsError."""
    if settings.engine == "echo":
        return EchoEngine()
    if settings.engine == "openai" and settings.base_url is not None:
        # The default of --model means a model of ours: elsewhere, whatever is there.
        model = None if settings.model == BUNDLED else settings.model
        return OpenAIEngine(settings.base_url, model)
    if settings.template not in (None, OWN, *TEMPLATES):
        raise SettingsError(f"--template is one of {', '.join((*TEMPLATES, OWN))}.")
    return SwitchingEngine(settings.model, partial(_choose, settings))


def _choose(settings: Settings, model: str) -> Callable[[], Engine]:
    """What begins to load a model. Raises SettingsError where the name means none."""
    source, names = find(model)
    # Template and draft model were chosen for the model of the settings, and fit no other.
    own = model == settings.model
    draft = settings.draft_model if own else None
    load = partial(
        _load,
        source,
        template=settings.template if own else None,
        memory=None if settings.memory is None else int(settings.memory * GB),
        kv_bits=settings.kv_bits,
        draft=None if draft is None else find(draft)[0],
    )
    return partial(MlxEngine, names, load, source=source)


def _load(source: str, watch: Watch, **how: Any) -> "Loaded":
    """Runs on the engine's thread, which alone pays for the imports."""
    # transformers would tell everybody that there is no PyTorch, which is on purpose.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    import_models()
    from app.engine import loading

    return loading.load(source, watch, **how)
