"""Any resolution: the tiles that a picture is cut into, and what becomes visual tokens of them.

Arithmetic on sizes alone, which are (height, width), in pixels or in patches as it is said. One
place counts the tokens and tells the packing what to keep, so that the two can't differ.
Sources: LLaVA-NeXT (Liu et al. 2024) and LLaVA-OneVision (Li et al. 2024, sec. 3.2); transformers
`image_processing_utils.select_best_resolution`, `models/llava_next/modeling_llava_next.py`
(`unpad_image`), `models/llava_onevision/modeling_llava_onevision.py` (`pack_image_features`,
`apply_pooling`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

Size = tuple[int, int]  # height, width


@dataclass(frozen=True, slots=True)
class Clip:
    """In the place of a picture's size: a video clip of so many frames, of whatever size."""

    frames: int


_SLACK = 1.1  # OneVision shrinks a canvas only where its sides are longer by more than this


@dataclass(frozen=True, slots=True)
class View:
    """How one picture, or one clip, becomes visual tokens.

    Without a `canvas` the tower sees it whole, as one tile, `padded` to a square where that is
    said. With one it sees the whole first, and then the tiles of the picture fitted into `canvas`
    pixels; of the tiles' patches, laid out as one canvas, `rows` and `columns` are kept, scaled to
    `shrunk` patches where that is not None. Of a clip each frame is a tile, `pooled` to so many
    patches.
    """

    tokens: int
    canvas: Size | None = None
    rows: range = range(0)
    columns: range = range(0)
    shrunk: Size | None = None
    padded: bool = False
    pooled: Size | None = None


@dataclass(frozen=True, slots=True)
class Tiling:
    """The rules of a family: `pinpoints` are the sizes that a canvas may have, in pixels.

    A tile has `side` pixels, `patches` patches each way. Where a kept canvas has more patches than
    `most_tiles` tiles it is shrunk to that many. With `several_padded`, pictures that are not
    alone in a prompt are not cut but padded to a square. `clips` says whether the model was
    trained on video clips.

    `row_ends` says whether a newline ends each row; where none does, tiles follow one another
    whole. Without `pinpoints` nothing is cut. `rounded` False is the original code's arithmetic,
    which transformers mended: a few sizes keep other rows or columns.
    """

    pinpoints: tuple[Size, ...]
    side: int
    patches: int
    most_tiles: int | None = None
    several_padded: bool = False
    row_ends: bool = True
    rounded: bool = True
    clips: bool = False

    def views(self, sizes: Sequence[Size | Clip]) -> list[View]:
        """How the pictures and clips of one prompt are seen, by the pictures' sizes in pixels."""
        padded = self.several_padded and sum(not isinstance(size, Clip) for size in sizes) > 1
        return [
            self._clip(size) if isinstance(size, Clip) else self._picture(size, padded)
            for size in sizes
        ]

    def _clip(self, clip: Clip) -> View:
        side = ceil(self.patches / 2)
        return View(clip.frames * side**2 + 1, pooled=(side, side))  # one newline, at the end

    def _picture(self, size: Size, padded: bool) -> View:
        if padded or not self.pinpoints:
            return View(self.patches**2 + self.row_ends, padded=padded)
        canvas = best_resolution(size, self.pinpoints)
        if not self.row_ends:
            tiles = canvas[0] * canvas[1] // self.side**2
            return View((1 + tiles) * self.patches**2, canvas)
        down, across = (pixels // self.side * self.patches for pixels in canvas)
        rows, columns = _kept(size, (down, across), self.rounded)
        shrunk = self._shrunk((len(rows), len(columns)))
        height, width = shrunk or (len(rows), len(columns))
        tokens = self.patches**2 + height * width + height  # with a newline after each row
        return View(tokens, canvas, rows, columns, shrunk)

    def _shrunk(self, size: Size) -> Size | None:
        if self.most_tiles is None:
            return None
        height, width = size
        ratio = sqrt(height * width / (self.most_tiles * self.patches**2))
        if ratio <= _SLACK:
            return None
        return max(1, int(height // ratio)), max(1, int(width // ratio))


def best_resolution(size: Size, pinpoints: Sequence[Size]) -> Size:
    """The canvas that shows most of a picture's pixels, and of those the one that wastes least."""
    height, width = size

    def shows(canvas: Size) -> Size:
        scale = min(canvas[1] / width, canvas[0] / height)
        shown = min(int(width * scale) * int(height * scale), height * width)
        return shown, shown - canvas[0] * canvas[1]

    return max(pinpoints, key=shows)  # the first of equals


def fitted(size: Size, canvas: Size) -> Size:
    """The size of a picture scaled to fit into a canvas, its shape kept."""
    down, across = canvas[0] / size[0], canvas[1] / size[1]
    if across < down:
        return min(ceil(size[0] * across), canvas[0]), canvas[1]
    return canvas[0], min(ceil(size[1] * down), canvas[1])


def _kept(size: Size, canvas: Size, rounded: bool) -> tuple[range, range]:
    """The rows and columns of a canvas of patches that show the picture, not its padding."""
    (height, width), (rows, columns) = size, canvas

    def whole(patches: float) -> int:
        return int(round(patches, 7)) if rounded else int(patches)

    if width / height > columns / rows:
        margin = (rows - whole(height * (columns / width))) // 2
        return range(margin, rows - margin), range(columns)
    margin = (columns - whole(width * (rows / height))) // 2
    return range(rows), range(margin, columns - margin)
