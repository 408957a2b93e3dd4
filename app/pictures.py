"""Picture intake: the bytes of a file become a picture that is safe to keep, or a clear refusal.

Whatever comes in, what goes on is RGB pixels without metadata. Knows nothing of models, owners or
where pictures are kept.
"""

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Final

import pillow_heif
from PIL import Image, ImageDraw, ImageOps

from app.errors import PictureError
from app.jpeg import has_more_scans, without_metadata
from app.messages import Picture
from model.image_processor import to_rgb

MOST_BYTES: Final = 25 * 2**20
MOST_PIXELS: Final = 64_000_000
MOST_STRETCH: Final = 100  # times that a picture's longer side may be its shorter one
MOST_SCANS: Final = 100  # of a JPEG
LONGEST_NAME: Final = 60
THUMBNAIL: Final = 512  # pixels, of the longer side
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "HEIF")
# A JPEG, with further pictures behind the first or not: MPO is what most telephones write.
_JPEG: Final = ("JPEG", "MPO")
_LONGEST_WEBP: Final = 16_383  # pixels, of a side
_LARGE: Final = 16_000_000  # pixels from which a picture is read alone
_STRIP: Final = 1_000_000  # pixels that are copied at once
_ORIENTATION: Final = 0x0112  # the EXIF tag; 1 is upright
_KINDS: Final = "PNG, JPEG, WebP, GIF, HEIC or AVIF"

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # the header's size is checked against our own limit, before decoding
# Oddities that don't change the pixels, such as a damaged camera's note, are nobody's concern.
warnings.filterwarnings("ignore", module=r"PIL\.")

# The largest pictures take a gigabyte while they are read: one at a time, whoever sends them.
_alone = threading.Lock()


def read_picture(data: bytes, name: str = "") -> Picture:
    """Decode a file: first frame, upright, on white, without metadata, pixels as they came.

    Raises PictureError with a sentence that names the file and says what to do.
    """
    called = file_name(name)
    if not data:
        raise PictureError(f"{called} is empty. Choose another file.")
    if len(data) > MOST_BYTES:
        raise PictureError(
            f"{called} has {len(data) / 2**20:.1f} MB; {MOST_BYTES // 2**20} MB at most can be "
            "read. Save it smaller."
        )
    try:
        pixels = _check_size(data, called)
        with _alone if pixels > _LARGE else nullcontext():
            return _decode(data)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(
            f"{called} is too large for this machine's memory. Save it smaller."
        ) from error
    except Exception as error:  # decoders raise what they like
        raise PictureError(
            f"{called} could not be read. Is it a {_KINDS} file, and complete?"
        ) from error


def thumbnail(picture: Picture) -> bytes:
    """A WebP of at most 512 pixels a side; of a clip the first frame, marked."""
    image = picture.open()
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    if picture.frames:
        _mark_as_clip(image)
    return _encoded(image, "WEBP", quality=82, method=4)


def _mark_as_clip(image: Image.Image) -> None:
    """The sign for play in the middle, which stays in sight when the sides are cut off."""
    x, y, radius = image.width / 2, image.height / 2, min(image.size) / 6
    drawn = ImageDraw.Draw(image, "RGBA")
    drawn.ellipse((x - radius, y - radius, x + radius, y + radius), (0, 0, 0, 160))
    left, right, half = x - radius * 0.35, x + radius * 0.55, radius * 0.5
    drawn.polygon([(left, y - half), (left, y + half), (right, y)], (255, 255, 255, 255))


def _check_size(data: bytes, called: str) -> int:
    """How many pixels the file's header promises; nothing is decoded for it."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as file:
        width, height = file.size
    if width * height > MOST_PIXELS:
        raise PictureError(
            f"{called} has {width} x {height} pixels; {MOST_PIXELS // 10**6} megapixels at most "
            "can be read. Save it smaller."
        )
    if max(width, height) > MOST_STRETCH * min(width, height):
        raise PictureError(
            f"{called} is a strip of {width} x {height} pixels; one side may be {MOST_STRETCH} "
            "times the other at most. Cut out the part you mean."
        )
    if has_more_scans(data, MOST_SCANS):
        raise PictureError(f"{called} is a JPEG file that takes too long to read. Save it anew.")
    return width * height


def _decode(data: bytes) -> Picture:
    image, upright_jpeg = _pixels(data)
    digest = digest_of(image)
    # Of a 12-megapixel photo the JPEG itself has 2.6 MB, a lossless copy 11.5 MB.
    kept = without_metadata(data) if upright_jpeg else None
    if kept is None or _digest_of_jpeg(kept) != digest:
        kept = _lossless(image)
    return Picture(digest, kept, image.width, image.height)


def _pixels(data: bytes) -> tuple[Image.Image, bool]:
    """The RGB pixels, and whether the file is a JPEG that shows just these by itself."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as file:
        file.load()
        upright = file.getexif().get(_ORIENTATION, 1) == 1
        plain = file.format in _JPEG and file.mode in ("RGB", "L") and upright
        if not upright:
            ImageOps.exif_transpose(file, in_place=True)
        return to_rgb(file), plain


def _lossless(image: Image.Image) -> bytes:
    """Of a 12-megapixel photo WebP at no effort takes 0.5 s, PNG at its least 3.7 s and half more.

    At WebP's default effort the same takes 13 s.
    """
    if max(image.size) > _LONGEST_WEBP:
        return _encoded(image, "PNG", compress_level=1)
    return _encoded(image, "WEBP", lossless=True, method=0, quality=0)


def digest_of(image: Image.Image) -> str:
    """SHA-256 of mode, size and pixels."""
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    for strip in _strips(image):
        digest.update(strip.tobytes())
    return digest.hexdigest()


def _strips(image: Image.Image) -> Iterator[Image.Image]:
    """The picture from top to bottom: a whole copy of the largest would take 200 MB more."""
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _digest_of_jpeg(jpeg: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            image.load()
            return digest_of(image if image.mode == "RGB" else image.convert("RGB"))
    except Exception:
        return None  # then a lossless copy is kept


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    image.info = {}  # nothing of the file but its pixels
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def file_name(name: str, unnamed: str = "The picture") -> str:
    """The file's name as a message may repeat it: one short line, or words for none."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in last if c.isprintable()).strip()
    if len(shown) > LONGEST_NAME:
        shown = shown[: LONGEST_NAME - 12] + "..." + shown[-9:]
    return shown or unnamed
