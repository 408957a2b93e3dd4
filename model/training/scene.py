"""What a drawn scene holds: one to four coloured shapes at places. Knows nothing of pixels.

Coordinates are shares of the canvas: x to the right, y downwards, 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond", "cross")
COLORS = (
    "red", "green", "blue", "yellow", "orange", "purple",
    "pink", "brown", "black", "white", "gray",
)  # fmt: skip
ROWS = ("top", "center", "bottom")
COLUMNS = ("left", "center", "right")
SMALLEST = 0.08  # of the longer side: 9 of the 112 pixels that the tower sees


@dataclass(frozen=True, slots=True)
class Thing:
    """One drawn shape; `size` is its diameter as a share of the canvas's shorter side."""

    shape: str
    color: str
    x: float
    y: float
    size: float

    @property
    def place(self) -> str:
        """The ninth of the canvas that holds its middle: "top left" .. "center" .. "bottom right"."""
        return place_name(self.x, self.y)


@dataclass(frozen=True, slots=True)
class Scene:
    """Things, their order of no meaning; `aspect` is the canvas's width over its height."""

    things: tuple[Thing, ...]
    aspect: float = 1.0
    dark: bool = False


def place_name(x: float, y: float) -> str:
    row, column = ROWS[min(int(y * 3), 2)], COLUMNS[min(int(x * 3), 2)]
    return "center" if row == column else f"{row} {column}"


def clearly_placed(thing: Thing, margin: float = 0.035) -> bool:
    """Whether the middle is far enough from a border between ninths to have one right answer."""
    return all(
        abs(value - border) > margin for value in (thing.x, thing.y) for border in (1 / 3, 2 / 3)
    )


def sample_scene(rng: Random, *, counts: Sequence[float] = (0.2, 0.27, 0.27, 0.26)) -> Scene:
    """A random scene: things inside the canvas, apart from each other, of many sizes."""
    # As it is cut for a page, a screen, a phone; now and then a strip.
    aspect = 1.0 if rng.random() < 0.4 else 2.0 ** rng.uniform(-0.85, 0.85)
    if rng.random() < 0.12:
        aspect = 2.0 ** rng.uniform(-1.8, 1.8)
    wanted = rng.choices((1, 2, 3, 4), weights=counts)[0]
    things: list[Thing] = []
    kinds = _sample_kinds(rng, wanted)
    largest = (0.95, 0.5, 0.44, 0.4)[wanted - 1]
    while len(things) < wanted:
        thing = _sample_thing(rng, kinds[len(things)], aspect, largest)
        if all(_apart(thing, other, aspect) for other in things):
            things.append(thing)
        else:
            largest = max(0.14, largest * 0.985)
    return Scene(tuple(things), aspect, dark=rng.random() < 0.5)


def _sample_kinds(rng: Random, wanted: int) -> list[tuple[str, str]]:
    """Colours and shapes, often repeated, so that counting one kind has more answers than 1."""
    colors = rng.sample(COLORS, wanted) if rng.random() < 0.6 else rng.choices(COLORS, k=wanted)
    shapes = rng.sample(SHAPES, wanted) if rng.random() < 0.5 else rng.choices(SHAPES, k=wanted)
    if wanted > 1 and rng.random() < 0.3:
        if rng.random() < 0.5:
            colors[1] = colors[0]
        else:
            shapes[1] = shapes[0]
    return list(zip(colors, shapes, strict=True))


def _sample_thing(rng: Random, kind: tuple[str, str], aspect: float, largest: float) -> Thing:
    size = min(0.09 + rng.betavariate(1.4, 2.2) * 0.7, largest)
    if largest > 0.9 and rng.random() < 0.2:
        size = rng.uniform(0.6, largest)
    elif rng.random() < 0.12:
        size = rng.uniform(SMALLEST, 0.15)
    # On a strip, which is shown small, nothing smaller could be told from another.
    size = max(size, min(SMALLEST * max(aspect, 1 / aspect), largest))
    half_x, half_y = _half_extent(size, aspect)
    x = rng.uniform(half_x, 1 - half_x)
    y = rng.uniform(half_y, 1 - half_y)
    return Thing(kind[1], kind[0], x, y, size)


def _half_extent(size: float, aspect: float) -> tuple[float, float]:
    """Half of the thing's box as shares of width and height."""
    return size / 2 / max(aspect, 1.0), size / 2 * min(aspect, 1.0)


def _apart(a: Thing, b: Thing, aspect: float) -> bool:
    """Whether two things' boxes leave a gap, measured in shares of the shorter side."""
    dx = abs(a.x - b.x) * max(aspect, 1.0)
    dy = abs(a.y - b.y) / min(aspect, 1.0)
    reach = (a.size + b.size) / 2 * 1.06 + 0.01
    return max(dx, dy) > reach or (dx * dx + dy * dy) ** 0.5 > reach * 1.12
