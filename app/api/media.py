"""`GET /media/{digest}`: an owner's picture, or with `?thumb=1` a small one."""

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.dependencies import OwnerOf
from app.conversations import Conversations
from app.errors import NotFound

router = APIRouter(include_in_schema=False)
_DIGEST = re.compile("[0-9a-f]{64}")
_KINDS = {b"\xff\xd8": "jpeg", b"\x89P": "png", b"RI": "webp"}


@router.get("/media/{digest}")
async def media(request: Request, owner: OwnerOf, digest: str, thumb: bool = False) -> Response:
    """The picture, if it is this owner's."""
    conversations: Conversations = request.app.state.conversations
    if not _DIGEST.fullmatch(digest):
        raise NotFound("There is no such picture.")
    if thumb:
        data = await conversations.thumbnail(owner, digest)
    else:
        data = (await conversations.picture(owner, digest)).data
    kind = _KINDS[data[:2]]
    headers = {
        # A digest's pixels never change; whose they are may, so only this browser keeps them.
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f'inline; filename="{digest[:12]}.{kind}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type=f"image/{kind}", headers=headers)
