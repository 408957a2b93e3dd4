"""Video intake: the bytes of a file become a clip, some frames of it, or a clear refusal.

What is kept is one animated WebP: the page shows it as a picture, and Pillow gives a model its
frames. Decoding needs PyAV, which is optional, and happens in a process of its own
(`app/frame_reader.py`). Knows nothing of models, owners or where pictures are kept.
"""

import hashlib
import importlib.util
import io
import subprocess
import sys
from pathlib import Path
from typing import Final

from PIL import Image, ImageSequence

from app import frame_reader
from app.errors import PictureError
from app.messages import Picture
from app.pictures import MOST_BYTES, digest_of, file_name, read_picture

_READER: Final = Path(frame_reader.__file__)
_SECONDS: Final = 2 * frame_reader.SECONDS  # by the clock: other work may be on the cores
_HOW_TO_INSTALL: Final = ".venv/bin/python -m pip install -r requirements-video.txt"
_PROBLEMS: Final = {
    frame_reader.TOO_LONG: f"is longer than {frame_reader.MOST_MINUTES} minutes. Cut out a part.",
    frame_reader.TOO_LARGE: "has larger frames than 4K. Save it smaller.",
    frame_reader.UNKNOWN_CODEC: "is encoded in a way that can't be read. Save it as H.264.",
}
# What stands at 4 in an MP4 or MOV file. Pictures in HEIC and AVIF begin with `ftyp` as well.
_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_PICTURES: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif",
                    b"avis", b"mif2")  # fmt: skip


def read_media(data: bytes, name: str = "") -> Picture:
    """A picture or a video clip, whichever the file holds. Raises PictureError."""
    container = container_of(data)
    return read_picture(data, name) if container is None else read_clip(data, container, name)


def container_of(data: bytes) -> str | None:
    """FFmpeg's name of a video file's container, by how it begins; None for what is no video."""
    if data[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "avi"
    if data[4:8] in _BOXES and not (data[4:8] == b"ftyp" and data[8:12] in _PICTURES):
        return "mov"
    return None


def read_clip(data: bytes, container: str, name: str = "") -> Picture:
    """Frames of a video file, sampled evenly, upright, their longer side bounded.

    Raises PictureError with a sentence that names the file and says what to do.
    """
    called = file_name(name, "The video")
    if len(data) > MOST_BYTES:
        raise PictureError(
            f"{called} has {len(data) / 2**20:.1f} MB; {MOST_BYTES // 2**20} MB at most can be "
            "read. Cut out a part, or save it smaller."
        )
    if importlib.util.find_spec("av") is None:
        raise PictureError(
            f"{called} is a video; this machine has nothing to read it with yet: {_HOW_TO_INSTALL}"
        )
    kept = _animation(data, container, called)
    with Image.open(io.BytesIO(kept), formats=("WEBP",)) as animation:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(animation)]
    digest = hashlib.sha256(f"clip {' '.join(map(digest_of, frames))}".encode()).hexdigest()
    return Picture(digest, kept, frames[0].width, frames[0].height, len(frames))


def _animation(data: bytes, container: str, called: str) -> bytes:
    # Isolated: neither the environment's secrets nor anything of the current folder.
    command = [sys.executable, "-I", str(_READER), container]
    try:
        reading = subprocess.run(  # noqa: S603
            command, input=data, capture_output=True, timeout=_SECONDS, env={}, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PictureError(f"{called} takes too long to read. Cut out a part.") from error
    if reading.returncode or not reading.stdout:
        problem = "could not be read. Is it a whole MP4, MOV, WebM, MKV or AVI file?"
        raise PictureError(f"{called} {_PROBLEMS.get(reading.returncode, problem)}")
    return reading.stdout
