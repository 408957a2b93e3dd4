"""Drops what a JPEG file tells beside its picture (place, camera, thumbnails); no pixel changes.

Encoding anew would change the pixels; a lossless copy would be ten times the size.
"""

_KEPT = {0xE0, 0xEE}  # JFIF, and Adobe's colour transform: without them colours change
_SCAN, _END = 0xDA, 0xD9
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length


def without_metadata(data: bytes) -> bytes | None:
    """The file without application segments and comments; None where it is laid out oddly."""
    if data[:2] != b"\xff\xd8":
        return None
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _END:
            return b"".join([*kept, data[at : at + 2]])
        end = at + 2 if marker in _ALONE else at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == _SCAN:
            end = _after_scan(data, end)
        is_metadata = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if not is_metadata or marker in _KEPT:
            kept.append(data[at:end])
        at = end
    # The end marker may be missing, or be the last two bytes.
    return b"".join([*kept, b"\xff\xd9"]) if len(kept) > 1 else None


def _after_scan(data: bytes, at: int) -> int:
    """Where the entropy-coded data that begins at `at` ends: at the next real marker."""
    while (found := data.find(b"\xff", at)) >= 0 and found + 1 < len(data):
        if data[found + 1] != 0 and not 0xD0 <= data[found + 1] <= 0xD7:
            return found
        at = found + 2
    return len(data)
