"""`GET /media/{digest}`: an owner's picture, or with `?thumb=1` a small one."""

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.dependencies import OwnerOf
from app.conversations import Conversations
from app.errors import NotFound

router = APIRouter(include_in_schema=False)
# A digest's picture never changes; whose it is may, so only this browser keeps it.
_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Disposition": "inline",
}
_KINDS = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


@router.get("/media/{digest}")
async def media(request: Request, owner: OwnerOf, digest: str, thumb: bool = False) -> Response:
    """The picture, if it is this owner's."""
    conversations: Conversations = request.app.state.conversations
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise NotFound("There is no such picture.")
    data = (
        await conversations.thumbnail(owner, digest)
        if thumb
        else (await conversations.picture(owner, digest)).data
    )
    return Response(data, media_type=_KINDS[data[:2]], headers=_HEADERS)
