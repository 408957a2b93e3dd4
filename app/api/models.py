"""`GET /v1/models`: the models served here, in OpenAI's shape."""

import time
from typing import Any

from fastapi import APIRouter

from app.api.dependencies import ControllerOf
from app.errors import UnknownModel

router = APIRouter()

_STARTED = int(time.time())


@router.get("/v1/models")
async def models(controller: ControllerOf) -> dict[str, Any]:
    """All of them; there is one, the resident."""
    return {"object": "list", "data": [_card(name) for name in controller.models()]}


@router.get("/v1/models/{name:path}")
async def model(name: str, controller: ControllerOf) -> dict[str, Any]:
    """One of them."""
    if name not in controller.models():
        raise UnknownModel("There is no model of that name; GET /v1/models lists them.")
    return _card(name)


def _card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _STARTED, "owned_by": "llava-chat"}
