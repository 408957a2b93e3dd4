"""The protocol of an engine, which turns a request into text.

An engine knows nothing of HTTP, pages, the waiting line or storage. It begins to load when it is
made and says how far it is.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from app.messages import ChatRequest, Event
from model.amounts import size_text

GB = 10**9  # bytes

EngineState: TypeAlias = Literal["loading", "ready", "unloaded", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a model is on its way into memory, in bytes of its files."""

    doing: Literal["downloading", "loading"]
    done: int
    total: int

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0

    def sentence(self, model: str) -> str:
        """For people: Downloading llava-1.5-7b: 3.1 GB of 14.1 GB."""
        sizes = f"{size_text(min(self.done, self.total))} of {size_text(self.total)}"
        return f"{self.doing.capitalize()} {model}: {sizes}."


Watch: TypeAlias = Callable[[Callable[[], Progress]], None]  # takes what tells a loading's progress


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How an engine is. `detail` is a sentence for people; `progress` of loading is 0 to 1.

    `doing` is a word for what a loading is at, empty where that isn't known. `also`: other names
    the model answers to; `source`: the folder or repository it is, told to nobody: two folders may
    have one name. `clips`: whether it can look at videos, as far as is known. `stalled`: there is
    work, and nothing has moved for long. `figures`: numbers of its own for the metrics, by name.
    """

    state: EngineState
    model: str
    detail: str = ""
    progress: float | None = None
    also: tuple[str, ...] = ()
    stalled: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)
    doing: str = ""
    clips: bool = True
    source: str = ""


class Engine(Protocol):
    """Answers up to `capacity` requests at once."""

    @property
    def capacity(self) -> int:
        """How many streams may run at once."""
        ...

    def status(self) -> EngineStatus:
        """How the engine is now. Cheap, and may be called from any thread."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """The events of one answer, `Finished` last. Closing the generator cancels.

        Raises NotReady and InvalidRequest before the first event, EngineError later.
        """
        ...

    async def read_ahead(self, request: ChatRequest) -> None:
        """Read a conversation whose last message is still being written, before it is asked.

        At low priority: it gives way to every answer. Ends when all has been read; cancelling
        stops it. What can't be read ahead raises a ChatError, and costs only the time it saves.
        """
        ...

    async def aclose(self) -> None:
        """End all streams with an EngineError and let go of the model."""
        ...


@runtime_checkable
class ModelHolder(Protocol):
    """An engine that can let go of its model: for another, or until it is asked again."""

    async def switch(self, model: str) -> None:
        """Answer with another model; where it can't be loaded, EngineError and the one before.

        Raises SettingsError for an unknown name. Nobody may be answered meanwhile.
        """
        ...

    async def unload(self) -> None:
        """Let go of the model: the state is "unloaded". Nobody may be answered meanwhile."""
        ...

    async def reload(self) -> None:
        """Load the model again whose engine failed; `status` says how that went."""
        ...

    def wake(self) -> None:
        """Begin to load again what was let go of."""
        ...
