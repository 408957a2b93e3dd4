"""Files of many kinds, whole, turned, deep, hidden behind names, and broken."""

import io
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from app import pictures
from app.errors import PictureError
from app.pictures import MOST_BYTES, read_picture, thumbnail


def photo(width=40, height=24, mode="RGB"):
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 6 % 256, rows * 10 % 256, (rows + columns) * 4 % 256], -1).astype(
        np.uint8
    )
    return Image.fromarray(pixels).convert(mode)


def saved(image, kind, **options):
    file = io.BytesIO()
    if isinstance(image, pillow_heif.HeifFile):
        image.save(file, **options)
    else:
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
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_rotation_is_applied_once_and_dropped(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A camera maker"
    quarters = photo().resize((64, 32))
    # A HEIC is turned by a property of its own, which Pillow's `save` would not write.
    writer = pillow_heif.from_pillow(quarters) if kind == "HEIF" else quarters
    data = saved(writer, kind, exif=exif.tobytes(), quality=95)
    tagged = quarters.copy()
    tagged.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged), int)  # [H, W, 3]
    picture = read_picture(data)
    got = np.asarray(picture.open(), int)
    assert got.shape == expected.shape and (picture.width, picture.height) == got.shape[1::-1]
    assert np.abs(got - expected).mean() < 4
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


def test_a_telephones_jpeg_keeps_its_first_picture_alone():
    first, second = photo(), Image.new("RGB", (40, 24), "red")
    data = saved(first, "MPO", save_all=True, append_images=[second])
    picture = read_picture(data)
    assert picture.data[:2] == b"\xff\xd8" and len(picture.data) < len(data) - 300
    assert picture.open().tobytes() == read_picture(saved(first, "JPEG")).open().tobytes()


@pytest.mark.parametrize("width", [400, 16_400])  # wider than a WebP can be
def test_words_and_places_in_a_png_go(width):
    told = PngImagePlugin.PngInfo()
    told.add_text("GPS", "52.5 N")
    told.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>52.5 N</x:xmpmeta>")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(photo(width, 170), "PNG", pnginfo=told, icc_profile=profile, dpi=(72, 72))
    assert b"52.5 N" in data
    with Image.open(io.BytesIO(read_picture(data).data)) as kept:
        assert {"icc_profile", "exif", "xmp", "dpi"}.isdisjoint(kept.info)
        assert b"52.5 N" not in read_picture(data).data


@pytest.mark.filterwarnings("ignore:.*EXIF")
@pytest.mark.parametrize(
    "body", [b"garbage", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff\x12\x01"]
)
def test_a_damaged_note_of_the_camera_costs_no_picture(body):
    data = saved(photo(), "JPEG")
    note = b"Exif\0\0" + body
    damaged = data[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + data[2:]
    assert read_picture(damaged).digest == read_picture(data).digest


def in_all_modes():
    """The same picture in every mode that Pillow can write each kind of file in."""
    grey = np.linspace(0, 65535, 40 * 24, dtype=np.uint16).reshape(24, 40)
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "RGBa"):
        image = Image.fromarray(grey) if mode == "I;16" else photo(mode="RGBA").convert(mode)
        for kind in ("PNG", "JPEG", "WEBP", "GIF", "AVIF"):
            with suppress(OSError, ValueError):
                yield pytest.param(saved(image, kind), id=f"{mode} {kind}")


@pytest.mark.filterwarnings("ignore:Palette images")
@pytest.mark.parametrize("data", list(in_all_modes()))
def test_every_mode_is_kept_as_it_is_seen(data):
    picture = read_picture(data)
    with Image.open(io.BytesIO(picture.data)) as kept:
        assert kept.convert("RGB").tobytes() == picture.open().tobytes()
    with Image.open(io.BytesIO(data)) as original:
        expected = np.asarray(original if original.mode == "I;16" else original.convert("L"))
    scaled = expected / 257 if expected.dtype == np.uint16 else expected
    assert np.abs(np.asarray(picture.open().convert("L")) - scaled.astype(float)).max() <= 1


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
    pixel = read_picture(saved(image, "JPEG", quality=95)).open().tobytes()[:3]
    red, green, blue = pixel
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


def scans(count):
    """A small progressive JPEG whose last scan comes again and again."""
    data = saved(photo(), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


def words(size):
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", "A" * size, zip=True)
    return saved(photo(), "PNG", pnginfo=told)


def smaller_than_it_is():
    """A GIF whose screen has 10 x 10 pixels and whose only frame has 81 megapixels."""
    data = saved(Image.new("P", (9000, 9000)), "GIF")
    return data[:6] + struct.pack("<HH", 10, 10) + data[10:]


def lying_heic():
    """A HEIC that says 64 x 64 pixels and holds 2048 x 2048."""
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (2048, 2048), "red")).save(file, quality=10)
    return file.getvalue().replace(struct.pack(">II", 2048, 2048), struct.pack(">II", 64, 64))


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
        (smaller_than_it_is(), "megapixels"),
        (lying_heic(), "could not be read"),
        (b"\0" * (MOST_BYTES + 1), "25 MB at most"),
        (scans(100), "too long"),
        (words(50_000_000), "could not be read"),
        (saved(photo(1, 101), "PNG"), "strip of 1 x 101"),
        (saved(photo(6000, 20), "PNG"), "strip of 6000 x 20"),
        (saved(photo(), "TIFF"), "could not be read"),
        (saved(photo(), "PDF"), "could not be read"),
        (saved(photo(64, 64), "WEBP")[:-20], "could not be read"),
        (saved(photo(64, 64), "AVIF")[:-20], "could not be read"),
        (saved(photo(64, 64), "GIF")[:-200], "could not be read"),
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
        "gif screen",
        "lying heic",
        "25 MB",
        "scans",
        "text bomb",
        "line",
        "strip",
        "tiff",
        "pdf",
        "cut webp",
        "cut avif",
        "cut gif",
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(data, says):
    with pytest.raises(PictureError, match=says) as refusal:
        read_picture(data, "scene.png")
    assert refusal.value.message.startswith("scene.png")


@pytest.mark.parametrize(
    "data", [scans(50), words(500_000), saved(photo(1, 100), "PNG"), saved(photo(1, 1), "PNG")]
)
def test_what_is_odd_and_harmless_is_read(data):
    assert read_picture(data).open().size[0] in (1, 40)


def test_large_pictures_are_read_one_at_a_time_and_small_ones_beside_them(monkeypatch):
    busy, most, small = [], [], threading.Event()

    def slow(data):
        busy.append(data)
        most.append(len(busy))
        small.wait(2)
        busy.pop()
        return decode(data)

    decode = pictures._decode
    monkeypatch.setattr(pictures, "_decode", slow)
    large = saved(Image.new("L", (4100, 4100)), "PNG")
    with ThreadPoolExecutor(3) as pool:
        threads = [pool.submit(read_picture, large) for _ in range(2)]
        while not busy:
            time.sleep(0.001)
        third = pool.submit(read_picture, saved(photo(), "PNG"))
        while len(most) < 2:
            time.sleep(0.001)
        small.set()
        assert third.result().width == 40 and {t.result().width for t in threads} == {4100}
    assert max(most) == 2


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
    assert picture.open().size == (40, 24)
