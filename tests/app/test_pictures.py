"""Files of many kinds, whole, turned, deep, hidden behind names, and broken."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from app.errors import PictureError
from app.messages import Picture
from app.pictures import MOST_BYTES, read_picture, thumbnail


def photo(width=40, height=24, mode="RGB"):
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 6 % 256, rows * 10 % 256, (rows + columns) * 4 % 256], -1).astype(
        np.uint8
    )
    return Image.fromarray(pixels).convert(mode)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "AVIF", "JPEG"])
def test_every_kind_is_read_with_its_pixels(kind):
    data = saved(photo(), kind)
    picture = read_picture(data, f"a.{kind.lower()}")
    with Image.open(io.BytesIO(data)) as expected:
        assert picture.open().tobytes() == expected.convert("RGB").tobytes()
    assert (picture.width, picture.height) == (40, 24)


def test_heic_is_read():
    file = io.BytesIO()
    pillow_heif.from_pillow(photo(64, 64)).save(file, quality=90)
    assert read_picture(file.getvalue(), "IMG_1.HEIC").width == 64


def test_a_picture_is_named_by_its_pixels_and_not_by_its_file():
    one, other = (
        read_picture(saved(photo(), "PNG")),
        read_picture(saved(photo(), "WEBP", lossless=True)),
    )
    assert one.digest == other.digest and len(one.digest) == 64
    assert one.digest != read_picture(saved(photo(24, 40), "PNG")).digest


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_once_and_dropped(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A camera maker"
    picture = read_picture(saved(photo(), "JPEG", exif=exif, quality=95))
    turned = orientation >= 5
    assert (picture.width, picture.height) == ((24, 40) if turned else (40, 24))
    with Image.open(io.BytesIO(picture.data)) as kept:
        assert not kept.getexif()
    assert b"camera" not in picture.data


def test_a_jpeg_keeps_its_own_bytes_but_for_what_they_tell():
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "A camera maker"
    data = saved(photo(), "JPEG", exif=exif, comment=b"where I live", quality=90)
    picture = read_picture(data)
    assert picture.data[:2] == b"\xff\xd8" and len(picture.data) < len(data)
    assert b"camera" not in picture.data and b"live" not in picture.data
    with Image.open(io.BytesIO(data)) as original:
        assert picture.open().tobytes() == original.tobytes()


def test_what_follows_a_jpegs_end_is_dropped():
    picture = read_picture(saved(photo(), "JPEG") + b"PK\x03\x04 an archive")
    assert b"archive" not in picture.data


def test_progressive_jpegs_keep_all_their_scans():
    data = saved(photo(64, 64), "JPEG", progressive=True, quality=85)
    with Image.open(io.BytesIO(data)) as original:
        assert read_picture(data).open().tobytes() == original.tobytes()


def test_transparency_is_on_white():
    image = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    assert read_picture(saved(image, "PNG")).open().getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30] * 256)
    assert read_picture(saved(palette, "PNG", transparency=0)).open().getpixel((0, 0)) == (
        255,
        255,
        255,
    )


def test_sixteen_bits_are_scaled_and_not_clipped():
    grey = Image.fromarray(np.full((8, 8), 32896, np.uint16))
    assert read_picture(saved(grey, "PNG")).open().getpixel((0, 0)) == (128, 128, 128)


def test_cmyk_becomes_rgb():
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    red, green, blue = read_picture(saved(image, "JPEG", quality=95)).open().getpixel((0, 0))
    assert red < 20 and green > 200 and blue > 200


def test_of_an_animation_the_first_frame_counts():
    frames = [Image.new("RGB", (8, 8), c) for c in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_picture(data).open().getpixel((0, 0)) == (255, 0, 0)


def bomb(width, height):
    """A PNG whose header promises far more pixels than its bytes hold."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10_000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "could not be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "could not be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "could not be read"),
        (saved(photo(), "BMP"), "could not be read"),
        (saved(photo(), "PNG")[:60], "could not be read"),
        (saved(photo(200, 200), "JPEG")[:400], "could not be read"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "could not be read"),
        (bomb(30_000, 30_000), "megapixels"),
        (bomb(9_000, 9_000), "megapixels"),
        (bomb(2**31 - 1, 2**31 - 1), "could not be read|megapixels"),
        (b"\0" * (MOST_BYTES + 1), "25 MB at most"),
    ],
    ids=[
        "empty",
        "text",
        "svg",
        "eps",
        "bmp",
        "cut png",
        "cut jpeg",
        "no png",
        "bomb",
        "81 MP",
        "huge",
        "25 MB",
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(data, says):
    with pytest.raises(PictureError, match=says) as refusal:
        read_picture(data, "scene.png")
    assert refusal.value.message.startswith("scene.png")


def test_names_are_repeated_short_and_on_one_line():
    with pytest.raises(PictureError) as refusal:
        read_picture(b"x", "/home/me/" + "a" * 300 + "\n\x1b[31m.png")
    assert len(refusal.value.message) < 200 and "/home" not in refusal.value.message
    assert refusal.value.message.isprintable()


def test_a_thumbnail_is_small_and_keeps_its_shape():
    picture = read_picture(saved(photo(1600, 400), "PNG"))
    with Image.open(io.BytesIO(thumbnail(picture))) as small:
        assert small.format == "WEBP" and small.size == (512, 128)


def test_the_kept_file_opens_by_itself():
    picture = read_picture(saved(photo(), "PNG"))
    assert isinstance(picture, Picture) and picture.open().size == (40, 24)
