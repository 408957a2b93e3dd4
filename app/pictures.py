"""Picture intake: the bytes of a file become a picture that is safe to keep, or a clear refusal.

Whatever comes in, what goes on is RGB pixels without metadata. Knows nothing of models, owners or
where pictures are kept.
"""

import hashlib
import io
import warnings
from typing import Final

import pillow_heif
from PIL import Image, ImageOps

from app.errors import PictureError
from app.jpeg import without_metadata
from app.messages import Picture
from model.image_processor import to_rgb

MOST_BYTES: Final = 25 * 2**20
MOST_PIXELS: Final = 64_000_000
LONGEST_NAME: Final = 60
THUMBNAIL: Final = 512  # pixels, of the longer side
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "HEIF")
_LONGEST_WEBP: Final = 16_383  # pixels, of a side
_KINDS: Final = "PNG, JPEG, WebP, GIF, HEIC or AVIF"

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # the header's size is checked against our own limit, before decoding


def read_picture(data: bytes, name: str = "") -> Picture:
    """Decode a file: first frame, upright, on white, without metadata, pixels as they came.

    Raises PictureError with a sentence that names the file and says what to do.
    """
    called = _called(name)
    if not data:
        raise PictureError(f"{called} is empty. Choose another file.")
    if len(data) > MOST_BYTES:
        raise PictureError(
            f"{called} has {len(data) / 2**20:.0f} MB; {MOST_BYTES // 2**20} MB at most can be read. "
            "Save it smaller."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about oddities that don't matter here
            return _decode(data, called)
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
    """A WebP of at most 512 pixels a side."""
    image = picture.open()
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    return _encoded(image, "WEBP", quality=82, method=4)


def _decode(data: bytes, called: str) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as file:
        width, height = file.size
        if width * height > MOST_PIXELS:
            raise PictureError(
                f"{called} has {width} x {height} pixels; {MOST_PIXELS // 10**6} megapixels at most "
                "can be read. Save it smaller."
            )
        file.load()
        plain = file.format == "JPEG" and file.mode == "RGB" and file.getexif().get(0x0112, 1) == 1
        image = to_rgb(ImageOps.exif_transpose(file))
    digest = _digest(image)
    kept = without_metadata(data) if plain else None
    if kept is None or _digest_of(kept) != digest:
        kept = _lossless(image)
    return Picture(digest, kept, image.width, image.height)


def _lossless(image: Image.Image) -> bytes:
    """Of a noisy 12-megapixel photo WebP took 0.8 s and 23 MB, PNG at its fastest 2.1 s and 24 MB."""
    if max(image.size) > _LONGEST_WEBP:
        return _encoded(image, "PNG", compress_level=1)
    return _encoded(image, "WEBP", lossless=True, method=0)


def _digest(image: Image.Image) -> str:
    head = f"{image.mode} {image.width} {image.height} ".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()


def _digest_of(data: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return _digest(image.convert("RGB"))
    except Exception:
        return None  # then it is kept as PNG


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    clean = Image.frombytes(
        image.mode, image.size, image.tobytes()
    )  # nothing of the file but pixels
    file = io.BytesIO()
    clean.save(file, kind, **options)
    return file.getvalue()


def _called(name: str) -> str:
    """The file's name as a message may repeat it: one short line, or words for none."""
    shown = "".join(
        c for c in name.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable()
    ).strip()
    if len(shown) > LONGEST_NAME:
        shown = shown[: LONGEST_NAME - 12] + "..." + shown[-9:]
    return shown or "The picture"
