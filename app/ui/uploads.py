"""`POST /pictures`: one picture or clip as the body; its digest, or what is wrong, comes back.

A picture is read when it is dropped, seconds before the question is sent. What a picture may be
is `app.pictures`' business, how large a body the shell's, how errors look the API's.
"""

from urllib.parse import unquote

from fastapi import APIRouter, Request

from app.api.dependencies import OwnerOf
from app.conversations import Conversations

LONGEST_NAME = 80  # characters of a file's name that a message repeats

router = APIRouter(include_in_schema=False)


@router.post("/pictures")
async def add_picture(request: Request, owner: OwnerOf) -> dict[str, str | int]:
    """Store the picture for this owner, or say in the page's words why it can't be."""
    conversations: Conversations = request.app.state.conversations
    name = unquote(request.headers.get("x-file-name", ""))[-LONGEST_NAME:]
    picture = await conversations.add_picture(owner, await request.body(), name)
    return {"digest": picture.digest, "frames": picture.frames}
