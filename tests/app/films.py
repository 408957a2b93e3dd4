"""Video files for tests, of frames whose grey value rises from black to white."""

import io
from typing import Any

import numpy as np
import pytest

av: Any = pytest.importorskip("av", reason="video clips need PyAV: see requirements-video.txt")

PIXELS = {"mjpeg": "yuvj420p", "prores": "yuv422p10le"}
RECORDED = {"webm": {"live": "1"}, "mp4": {"movflags": "frag_keyframe+empty_moov"}}


class _Line(io.BytesIO):
    def seekable(self) -> bool:
        return False


def film(
    codec: str = "libx264",
    container: str = "mp4",
    frames: int = 40,
    size: tuple[int, int] = (96, 64),
    rate: int = 20,
    keys: int = 12,
    recorded: bool = False,
) -> bytes:
    """A file of so many `frames`, `rate` a second, each `keys` one that stands by itself.

    The left half of each frame is red. One that is `recorded` was written without going back, as
    a browser writes it: it doesn't say at its beginning what is in it.
    """
    file = _Line() if recorded else io.BytesIO()
    width, height = size
    with av.open(
        file, "w", format=container, options=RECORDED[container] if recorded else {}
    ) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.gop_size = width, height, keys
        stream.pix_fmt = PIXELS.get(codec, "yuv420p")
        for number in range(frames):
            pixels = np.full((height, width, 3), number * 255 // max(1, frames - 1), np.uint8)
            pixels[:, : width // 2] = 200, 0, 0
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        out.mux(stream.encode())
    return file.getvalue()


def greys(images: Any) -> list[int]:
    """The grey value in the right half of each frame."""
    return [image.getpixel((image.width * 3 // 4, image.height // 2))[1] for image in images]
