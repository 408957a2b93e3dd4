"""The HTTP API: thin clients of the one controller, on the page's own port.

`router` holds all routes, and `mount` puts it into an application whose `state.controller` is
set, with the one shape of errors.
"""

from fastapi import APIRouter, FastAPI

from app.api import completions, errors, health, media, metrics, models
from app.api.body import Memory
from app.errors import NotFound

__all__ = ["mount", "router"]

router = APIRouter()
for part in (health, metrics, models, completions, media):
    router.include_router(part.router)


@router.api_route(
    "/v1/{path:path}",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    include_in_schema=False,
)
async def unknown(path: str) -> None:
    """Other parts of OpenAI's API aren't here, and say so in its shape."""
    raise NotFound("Here are POST /v1/chat/completions, GET /v1/models and nothing else.")


def mount(app: FastAPI) -> None:
    """Put the API into `app`."""
    app.state.memory = Memory()
    errors.install(app)
    app.include_router(router)
