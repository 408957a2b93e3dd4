"""`GET /metrics` for Prometheus, in its text format. Numbers only: nothing of what was said."""

from collections.abc import Iterator

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from app.api.dependencies import ControllerOf
from app.controller import Controller

router = APIRouter()

PREFIX = "llava_chat_"
_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics")
async def metrics(controller: ControllerOf) -> PlainTextResponse:
    """Counts since the start, and how engine and line are now."""
    return PlainTextResponse("".join(_lines(controller)), media_type=_FORMAT)


def _lines(controller: Controller) -> Iterator[str]:
    status, totals = controller.status(), controller.totals
    yield from _metric("requests_total", "counter", "Questions that came", totals.requests)
    yield from _metric("refused_total", "counter", "Questions refused at once", totals.refused)
    yield from _metric("finished_total", "counter", "Answers that ended well", totals.finished)
    yield from _metric("failed_total", "counter", "Answers that failed", totals.failed)
    yield from _metric("cancelled_total", "counter", "Answers given up", totals.cancelled)
    yield from _metric("prompt_tokens_total", "counter", "Tokens read", totals.prompt_tokens)
    yield from _metric(
        "completion_tokens_total", "counter", "Tokens written", totals.completion_tokens
    )
    yield from _metric(
        "first_token_seconds_total", "counter", "Sum of times to first token", totals.first_token
    )
    yield from _metric("active", "gauge", "Answers being made", status.active)
    yield from _metric("waiting", "gauge", "Questions in the line", status.waiting)
    yield from _metric("accepting", "gauge", "1 when a question is let in", status.accepting)
    yield from _metric("stalled", "gauge", "1 when the engine is stuck", status.engine.stalled)
    for name, value in sorted(status.engine.figures.items()):
        yield from _metric(f"engine_{name}", "gauge", f"Engine: {name.replace('_', ' ')}", value)


def _metric(name: str, kind: str, what: str, value: float) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {what}.\n# TYPE {PREFIX}{name} {kind}\n"
    yield f"{PREFIX}{name} {float(value):.10g}\n"
