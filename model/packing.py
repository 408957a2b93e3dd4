"""Puts the tiles of a picture together again: `[tiles, P, D]` to one line of visual tokens.

First those of the whole picture; then the tiles' patches, laid out as the picture is, without
those of its padding, row by row, each row ended by the learned `image_newline`. A clip's frames are
pooled and follow one another, with one newline at the end.
Source: transformers `models/llava_next/modeling_llava_next.py` and
`models/llava_onevision/modeling_llava_onevision.py` (`pack_image_features`,
`get_video_features`).
"""

from math import isqrt

import mlx.core as mx

from model.tiling import Size, Tiling, View


def pack(tiles: mx.array, newline: mx.array | None, view: View, tiling: Tiling) -> mx.array:
    """Visual tokens `[T, D]` of one picture from its tiles' `[tiles, P, D]` and `newline` `[D]`."""
    if newline is None:
        return tiles.reshape(-1, tiles.shape[-1])
    if view.pooled is not None:
        return mx.concatenate([_pooled(tiles, view.pooled), newline[None]])
    if view.canvas is None:
        return mx.concatenate([tiles[0], newline[None]])
    rows, columns = (pixels // tiling.side for pixels in view.canvas)
    side, width = tiling.patches, tiles.shape[-1]
    canvas = tiles[1:].reshape(rows, columns, side, side, width).transpose(0, 2, 1, 3, 4)
    canvas = canvas.reshape(rows * side, columns * side, width)
    canvas = canvas[view.rows.start : view.rows.stop, view.columns.start : view.columns.stop]
    if view.shrunk is not None:
        canvas = resized(canvas, *view.shrunk)
    ends = mx.broadcast_to(newline, (canvas.shape[0], 1, width))
    lines = mx.concatenate([canvas, ends], axis=1).reshape(-1, width)
    return mx.concatenate([tiles[0], lines])


def _pooled(frames: mx.array, size: Size) -> mx.array:
    """Frames `[F, P, D]` of a clip, each with fewer patches, one after the other: `[T, D]`."""
    count, patches, width = frames.shape
    side = isqrt(patches)
    return resized(frames.reshape(count, side, side, width), *size).reshape(-1, width)


def resized(canvas: mx.array, height: int, width: int) -> mx.array:
    """`[.., h, w, D]` to `[.., height, width, D]`, bilinear between the centres of patches.

    As torch's `interpolate` with `align_corners=False`: nothing is averaged where it shrinks.
    """
    rows = canvas.ndim - 3
    return _blended(_blended(canvas, rows, height), rows + 1, width)


def _blended(x: mx.array, axis: int, size: int) -> mx.array:
    """Along one axis: each place is a blend of the two nearest."""
    old = x.shape[axis]
    places = mx.maximum((mx.arange(size) + 0.5) * (old / size) - 0.5, 0)
    low = places.astype(mx.int32)
    high = mx.minimum(low + 1, old - 1)
    share = (places - low).astype(x.dtype).reshape(-1, *[1] * (x.ndim - axis - 1))
    return mx.take(x, low, axis) * (1 - share) + mx.take(x, high, axis) * share
