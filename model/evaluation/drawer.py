"""A second drawing routine: shapes as implicit functions on a pixel grid, in numpy alone.

It shares nothing with the one that drew the training pictures, neither outlines nor colours,
grounds or places, so that a score on its pictures is about seeing and not about remembering.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Field = NDArray[np.float64]
Random = np.random.Generator

COLORS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "red": ((230, 25, 30), (196, 18, 48), (255, 40, 30)),
    "green": ((30, 160, 60), (0, 150, 0), (80, 190, 60)),
    "blue": ((20, 70, 200), (50, 110, 240), (0, 60, 150)),
    "yellow": ((250, 230, 20), (255, 245, 80), (240, 215, 0)),
    "orange": ((255, 145, 10), (245, 125, 25), (255, 155, 40)),
    "purple": ((130, 35, 160), (110, 50, 180), (155, 60, 190)),
    "pink": ((255, 130, 180), (250, 160, 200), (255, 182, 193)),
    "brown": ((130, 75, 30), (110, 65, 40), (145, 85, 50)),
    "black": ((5, 5, 5), (25, 25, 25)),
    "white": ((255, 255, 255), (245, 245, 245)),
    "gray": ((125, 125, 125), (145, 145, 145), (115, 118, 120)),
}
CANVASES = (
    (640, 480),
    (480, 640),
    (336, 336),
    (256, 256),
    (512, 512),
    (150, 150),
    (300, 200),
    (200, 260),
    (400, 400),
)


def _circle(x: Field, y: Field) -> Field:
    return 1 - np.hypot(x, y)


def _square(x: Field, y: Field) -> Field:
    return 0.88 - np.maximum(abs(x), abs(y))


def _triangle(x: Field, y: Field) -> Field:
    return np.minimum(0.75 - y, (y + 0.98) * 0.5 - abs(x) * 0.87)


def _star(x: Field, y: Field) -> Field:
    turn = 2 * np.pi / 5
    angle = np.abs((np.arctan2(x, -y) + turn / 2) % turn - turn / 2) / (
        turn / 2
    )  # 0 at a tip, 1 between
    tip, notch, half = 1.05, 0.43, turn / 2
    # The straight edge from a tip to the next notch, in polar form.
    edge = (
        tip
        * notch
        * np.sin(half)
        / (tip * np.sin(angle * half) + notch * np.sin(half - angle * half))
    )
    return edge - np.hypot(x, y)


def _heart(x: Field, y: Field) -> Field:
    u, v = x * 1.15, -y * 1.15 + 0.1
    return -np.cbrt((u * u + v * v - 1) ** 3 - u * u * v**3) * 0.6


def _diamond(x: Field, y: Field) -> Field:
    return (1 - abs(x) / 0.78 - abs(y) / 1.04) * 0.6


def _cross(x: Field, y: Field) -> Field:
    a, b = abs(x), abs(y)
    return np.maximum(np.minimum(0.3 - a, 0.98 - b), np.minimum(0.3 - b, 0.98 - a))


INSIDE: dict[str, Callable[[Field, Field], Field]] = {
    "circle": _circle, "square": _square, "triangle": _triangle, "star": _star,
    "heart": _heart, "diamond": _diamond, "cross": _cross,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawn thing: middle in shares of the canvas, radius in pixels."""

    shape: str
    color: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture and what is in it."""

    picture: Image.Image
    things: tuple[Drawn, ...]


def draw(rng: Random, count: int | None = None) -> Drawing:
    """A drawing of one to four things on a canvas of some size."""
    width, height = CANVASES[rng.integers(len(CANVASES))]
    things = layout(rng, count or int(rng.integers(1, 5)), width, height)
    canvas = _ground(rng, things, width, height)
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    for thing in things:
        palette = COLORS[thing.color]
        color = np.clip(
            np.array(palette[rng.integers(len(palette))]) + rng.integers(-6, 7, 3), 0, 255
        )
        lean = rng.normal(0, 0.07)
        x = (columns - thing.x * width) / thing.radius
        y = (rows - thing.y * height) / thing.radius
        x, y = x * np.cos(lean) + y * np.sin(lean), y * np.cos(lean) - x * np.sin(lean)
        inside = np.clip(INSIDE[thing.shape](x, y) * thing.radius + 0.5, 0, 1)[
            ..., None
        ]  # soft edge of a pixel
        canvas = canvas * (1 - inside) + color * inside
    return Drawing(_travelled(rng, Image.fromarray(canvas.astype(np.uint8))), things)


def layout(rng: Random, count: int, width: int, height: int) -> tuple[Drawn, ...]:
    """Things that don't touch, each wholly on the canvas."""
    side = min(width, height)
    colors, shapes = list(COLORS), list(INSIDE)
    while True:
        things: list[Drawn] = []
        for _ in range(200):
            radius = side * rng.uniform(0.075, 0.27 if count < 3 else 0.2)
            x, y = (
                rng.uniform(radius * 1.1, width - radius * 1.1),
                rng.uniform(radius * 1.1, height - radius * 1.1),
            )
            if all(
                np.hypot(x - t.x * width, y - t.y * height) > (radius + t.radius) * 1.2
                for t in things
            ):
                shape, color = shapes[rng.integers(7)], colors[rng.integers(11)]
                things.append(Drawn(shape, color, x / width, y / height, radius))
            if len(things) == count:
                return tuple(things)


def _ground(rng: Random, things: tuple[Drawn, ...], width: int, height: int) -> Field:
    """A light or dark ground, plain or noisy, that none of the things vanishes on."""
    dark_allowed = all(t.color not in ("black", "brown", "purple", "blue") for t in things)
    light_allowed = all(t.color not in ("white", "yellow", "pink") for t in things)
    dark = dark_allowed and (not light_allowed or rng.random() < 0.5)
    if dark:
        level = rng.uniform(0, 60)
    elif light_allowed:
        level = rng.uniform(200, 255)
    else:
        level = rng.uniform(175, 200)
    if not dark and any(t.color == "gray" for t in things):
        level = max(level, 195.0)
    base = np.clip(level + rng.uniform(-10, 10, 3), 0, 255)
    noise = rng.normal(0, rng.uniform(3, 14), (height, width, 3)) if rng.random() < 0.4 else 0.0
    return np.clip(np.ones((height, width, 3)) * base + noise, 0, 255)


def _travelled(rng: Random, picture: Image.Image) -> Image.Image:
    """Slight blur, noise and JPEG, each now and then."""
    if rng.random() < 0.25:
        picture = picture.filter(
            ImageFilter.BoxBlur(rng.uniform(0.3, 1.0) * max(picture.size) / 300)
        )
    if rng.random() < 0.25:
        pixels = np.asarray(picture) + rng.normal(
            0, rng.uniform(2, 8), (picture.height, picture.width, 3)
        )
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(rng.integers(50, 95)))
        picture = Image.open(file).convert("RGB")
    return picture
