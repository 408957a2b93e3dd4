"""What Pillow leaves to do with a JPEG file: count its scans, drop what isn't its picture.

Place, camera and thumbnails go, no pixel changes. Encoding anew would change the pixels; a
lossless copy would be several times the size.
"""

import re
from collections.abc import Iterator
from itertools import islice

_START = b"\xff\xd8"
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)  # restarts are part of a scan
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
# Frame headers, tables and scans. Of all the rest only the two heads below change the picture.
_PICTURE = {*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD}
_JFIF, _ADOBE = 0xE0, 0xEE


def without_metadata(data: bytes) -> bytes:
    """The first picture of a JPEG file, without anything else."""
    return b"".join([_START, *(_cleaned(*found) for found in _segments(data)), b"\xff\xd9"])


def has_more_scans(data: bytes, most: int) -> bool:
    """Whether the file goes over its picture more than `most` times; progressive ones do it ten.

    Each scan costs a pass over all pixels, and a few bytes: enough of them take a decoder hours.
    """
    scans = (marker for marker, _ in _segments(data) if marker == _SCAN)
    return sum(1 for _ in islice(scans, most + 1)) > most


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment, up to the end of the first picture.

    Fill bytes and stray bytes between segments are passed over, as decoders do.
    """
    at = len(_START) if data.startswith(_START) else len(data)
    while (found := _MARKER.search(data, at)) and found[0][1] != _END:
        marker, at = found[0][1], found.end()
        if marker not in _ALONE:
            at += int.from_bytes(data[at : at + 2])
        if marker == _SCAN:
            after = _AFTER_SCAN.search(data, at)
            at = after.start() if after else len(data)
        yield marker, data[found.start() : at]


def _cleaned(marker: int, segment: bytes) -> bytes:
    """What may stay of a segment: the picture's own, and heads cut to what colours depend on."""
    if marker in _PICTURE:
        return segment
    if marker == _JFIF and segment[4:9] == b"JFIF\0" and len(segment) >= 18:
        # Version, unit and densities; a thumbnail of 0 x 0 pixels.
        return b"\xff\xe0\x00\x10" + segment[4:16] + b"\0\0"
    if marker == _ADOBE and segment[4:9] == b"Adobe" and len(segment) >= 16:
        return b"\xff\xee\x00\x0e" + segment[4:16]
    return b""
