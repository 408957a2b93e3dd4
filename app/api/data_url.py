"""Takes the bytes out of a picture's data URL. Nothing here, or anywhere, fetches another URL."""

import base64
import binascii

from app.errors import InvalidRequest, PictureError

_PREFIX = "data:"


def decode(url: str) -> bytes:
    """The file in `data:image/...;base64,...`; what it says it is isn't believed."""
    if not url[: len(_PREFIX)].lower() == _PREFIX:
        raise InvalidRequest(
            "A picture comes as a data URL (data:image/png;base64,...): this server fetches "
            "nothing from other places."
        )
    head, comma, data = url[len(_PREFIX) :].partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise PictureError("A picture's data URL is data:image/png;base64,... and this one isn't.")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise PictureError("The base64 of a picture's data URL is damaged.") from None
