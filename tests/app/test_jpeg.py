"""JPEG files with all that they may carry, and with more scans than a picture needs."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from app.jpeg import has_more_scans, without_metadata


def jpeg(size=(64, 48), mode="RGB", **options):
    values = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, image.tobytes()


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def after_start(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


@pytest.mark.parametrize("marker", [*range(0xE0, 0xF0), 0xFE])
def test_no_segment_carries_anything_along(marker):
    told = b"JFXX\0 52.5 N 13.4 E" if marker == 0xE0 else b"52.5 N 13.4 E"
    data = after_start(jpeg(), segment(marker, told))
    assert b"52.5 N" in data and b"52.5 N" not in without_metadata(data)
    assert pixels(without_metadata(data)) == pixels(data)


def test_a_thumbnail_in_the_head_goes():
    head = b"JFIF\0\x01\x01\x00\x00\x01\x00\x01\x04\x02" + b"secret thumbnail pixels "
    data = jpeg()
    assert data[2:4] == b"\xff\xe0"
    data = data[:2] + segment(0xE0, head) + data[20:]
    kept = without_metadata(data)
    assert b"secret" not in kept and pixels(kept) == pixels(data)
    assert kept[2:20] == b"\xff\xe0\x00\x10JFIF\0\x01\x01\x00\x00\x01\x00\x01\0\0"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_pixels_stay(mode, options):
    data = jpeg(mode=mode, **options)
    assert pixels(without_metadata(data)) == pixels(data)


def test_adobes_colour_transform_is_kept_and_what_follows_it_is_not():
    told = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0" + b"52.5 N")  # 0: the channels are no YCbCr
    data = jpeg()[:2] + told + jpeg()[20:]
    assert pixels(data) != pixels(jpeg())
    kept = without_metadata(data)
    assert pixels(kept) == pixels(data) and b"52.5 N" not in kept


def test_stray_and_fill_bytes_are_passed_over():
    data = after_start(jpeg(), b"\xff\xff\xff")
    assert pixels(without_metadata(data)) == pixels(jpeg())


def test_what_follows_the_end_goes():
    assert without_metadata(jpeg() + b"PK\x03\x04") == without_metadata(jpeg())


def test_scans_are_counted_also_behind_stray_bytes():
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    scans = data[:-2] + (b"stray" + data[last:-2]) * 30 + data[-2:]
    with Image.open(io.BytesIO(scans)) as image:
        image.load()  # a decoder goes over all of them
    assert has_more_scans(scans, 39) and not has_more_scans(scans, 40)
    assert not has_more_scans(data, 10) and has_more_scans(data, 9)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda"])
def test_stubs_harm_nobody(data):
    assert without_metadata(data).startswith(b"\xff\xd8") and not has_more_scans(data, 1)
