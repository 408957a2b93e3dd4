"""LLaVA in MLX, usable alone: checkpoints, vision tower, projector, language model, generation.

`model.load("folder or owner/name")` gives a `model.Llava`.
"""

from typing import TYPE_CHECKING, Any

from model import blas, cuda, file_limit

blas.preload()
file_limit.keep()
cuda.set_up()

if TYPE_CHECKING:
    from model.checkpoint import load
    from model.llava import Llava

__all__ = ["Llava", "load"]


def __getattr__(name: str) -> Any:
    """Import on first use: templates and errors are of use without MLX and transformers."""
    if name == "load":
        from model.checkpoint import load

        return load
    if name == "Llava":
        from model.llava import Llava

        return Llava
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
