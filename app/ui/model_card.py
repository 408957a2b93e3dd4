"""Which model one talks with, in what state, and how a full LLaVA is loaded; as HTML.

Knows nothing of Gradio and engines beyond their status.
"""

from collections.abc import Mapping
from html import escape

from app.controller import ControllerStatus
from app.ui.parts import icon

POCKET = "pocket"
_STATES = {
    "loading": "loading",
    "ready": "ready",
    "unloaded": "resting",
    "failed": "doesn't work",
    "closed": "stopped",
}
_EXAMPLES = (
    ("three-shapes.png", "What do you see in this picture?"),
    ("night.png", "Where is the heart?"),
    ("four-shapes.png", "How many shapes are there?"),
)
_HOW_TO_LOAD = """
<p>To talk about photographs, stop the server and start it with a full LLaVA:</p>
<pre tabindex="0">make run ARGS="--model llava-1.5-7b"</pre>
<p>Its weights are fetched once; after that no network is needed. A folder with a checkpoint on
this machine does as well: <code>--model path/to/folder</code>.</p>
"""


def badge(status: ControllerStatus, *, shelf: bool = False) -> str:
    """Name and state of the model, as a button that opens the shelf, or else its description."""
    engine = status.engine
    state = engine.doing or _STATES.get(engine.state, engine.state)
    progress = f" {engine.progress:.0%}" if engine.state == "loading" and engine.progress else ""
    return (
        '<button type="button" class="model" data-act="about-model" data-testid="model" '
        f'data-shelf="{"open" if shelf else "closed"}" '
        f'aria-label="Model {escape(engine.model)}: {state}{progress}">'
        f'<span class="dot {escape(engine.state)}"></span>'
        f'<span class="name">{escape(engine.model)}</span>'
        f'<span class="state {escape(engine.state)}">{state}{progress}</span></button>'
        f'<template id="about-model">{_about(status)}</template>'
    )


def _about(status: ControllerStatus) -> str:
    engine = status.engine
    name = escape(engine.model)
    if engine.model == POCKET:
        said = (
            f"<h2>{name}, a tiny LLaVA</h2><p>It is a genuine LLaVA, made from scratch for this "
            "program, and tiny: it knows drawings of 1 to 4 shapes, of 7 kinds in 11 colors, and "
            "nothing of photographs.</p>"
        )
    else:
        said = f"<h2>{name}</h2><p>The model that answers here.</p>"
    said += _memory(engine.figures)
    detail = f"<p>{escape(engine.detail)}</p>" if engine.state == "failed" else ""
    return said + detail + _HOW_TO_LOAD


def _memory(figures: Mapping[str, float]) -> str:
    """What the model takes and conversations may take, where the engine knows it."""
    allowed = figures.get("conversation_bytes_allowed")
    if not allowed:
        return ""
    weights, used = (figures.get(name, 0) for name in ("weights_bytes", "memory_bytes"))
    return (
        f"<p>Its weights take {_gigabytes(weights)}, conversations may take {_gigabytes(allowed)} "
        f"(<code>--memory</code>). When this page was opened {_gigabytes(used)} were in use.</p>"
    )


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.2f} GB" if size < 1e10 else f"{size / 1e9:.0f} GB"


def empty_page(status: ControllerStatus) -> str:
    """What stands where messages will be: one line, three examples, what the model can do."""
    cards = "".join(
        f'<button type="button" class="card example" data-act="example" '
        f'data-picture="/ui/examples/{picture}" data-question="{question}">'
        f'<img src="/ui/examples/{picture}" alt="" width="384" height="384">'
        f"<span>{question}</span></button>"
        for picture, question in _EXAMPLES
    )
    return (
        '<section class="empty"><p class="promise">Talk with a picture.</p>'
        f'<div class="cards">{cards}</div>{_note(status)}</section>'
    )


def _note(status: ControllerStatus) -> str:
    if status.engine.state == "failed":
        said = f"The model can't be used. {escape(status.engine.detail)}"
        return f'<p class="ending error">{icon("warn")}{said}</p>'
    if status.engine.model != POCKET:
        return ""
    return (
        '<p class="note">You are talking with <strong>pocket</strong>, a tiny model for drawings '
        "of 7 shapes in 11 colors. For photographs, "
        '<button type="button" class="link-button" data-act="about-model">load a full LLaVA'
        "</button>.</p>"
    )
