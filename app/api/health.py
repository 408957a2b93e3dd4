"""`GET /health` says that the process lives, `GET /ready` that a question would be answered now."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from app.api.dependencies import ControllerOf
from app.controller import ControllerStatus

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """Always the same, as long as anything is answered here."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(controller: ControllerOf) -> JSONResponse:
    """200 when the model is loaded, or rests, and the line has room; else 503 and why."""
    status = controller.status()
    reason = _reason(status)
    body: dict[str, Any] = {
        "status": "ready" if reason is None else "not ready",
        "reason": reason,
        "model": status.engine.model,
        "state": status.engine.state,
        "progress": status.engine.progress,
        "active": status.active,
        "waiting": status.waiting,
    }
    if reason is None:
        return JSONResponse(body)
    return JSONResponse(body, 503, {"Retry-After": "2"})


def _reason(status: ControllerStatus) -> str | None:
    if status.engine.state not in ("ready", "unloaded"):  # a question loads it again
        return f"The model is {status.engine.state}."
    if status.engine.stalled:
        return "The engine has made no step for long, though there is work."
    return None if status.accepting else "The line is full, or the program is being closed."
