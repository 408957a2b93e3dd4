"""Draws the example pictures of the empty page: our own work, of shapes the bundled model knows.

    python static/examples/draw.py

Drawn four times as large and scaled down, so that edges are smooth. Knows nothing of the page.
"""

import math
from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 384  # of a finished picture, in pixels
SCALE = 4  # drawn larger by this
Point = tuple[float, float]

RED, BLUE, GREEN = (221, 51, 51), (52, 98, 217), (46, 158, 82)
YELLOW, ORANGE, PURPLE = (245, 200, 40), (240, 136, 36), (134, 70, 186)


def ring(centre: Point, radii: list[float], turn: float) -> list[Point]:
    """Corner points around `centre`, one for each radius, the first at angle `turn` (radians)."""
    step = 2 * math.pi / len(radii)
    return [
        (centre[0] + r * math.sin(turn + k * step), centre[1] - r * math.cos(turn + k * step))
        for k, r in enumerate(radii)
    ]


def star(centre: Point, radius: float) -> list[Point]:
    return ring(centre, [radius, radius * 0.45] * 5, 0)


def heart(centre: Point, radius: float) -> list[Point]:
    points = []
    for k in range(120):
        t = 2 * math.pi * k / 120
        x = 16 * math.sin(t) ** 3
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((centre[0] + radius * x / 16, centre[1] - radius * (y + 2) / 16))
    return points


def cross(centre: Point, radius: float) -> list[Point]:
    a, b = radius, radius * 0.36
    turns = [(-b, -a), (b, -a), (b, -b), (a, -b), (a, b), (b, b)]
    corners = [*turns, *((-x, -y) for x, y in turns)]
    return [(centre[0] + x, centre[1] + y) for x, y in corners]


def circle(centre: Point, radius: float) -> list[Point]:
    return ring(centre, [radius] * 180, 0)


def square(centre: Point, radius: float) -> list[Point]:
    return ring(centre, [radius * 1.2] * 4, math.pi / 4)


def triangle(centre: Point, radius: float) -> list[Point]:
    return ring(centre, [radius * 1.15] * 3, 0)


def diamond(centre: Point, radius: float) -> list[Point]:
    return ring(centre, [radius * 1.15, radius * 0.8] * 2, 0)


def paint(name: str, ground: tuple[int, int, int], things: list[tuple[list[Point], tuple]]) -> None:
    size = SIDE * SCALE
    picture = Image.new("RGB", (size, size), ground)
    pen = ImageDraw.Draw(picture)
    for points, colour in things:
        pen.polygon([(x * size, y * size) for x, y in points], fill=colour)
    picture = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    picture.save(Path(__file__).with_name(name), optimize=True)


def main() -> None:
    paint(
        "three-shapes.png",
        (247, 244, 236),
        [
            (circle((0.27, 0.32), 0.17), RED),
            (square((0.72, 0.36), 0.15), BLUE),
            (triangle((0.46, 0.75), 0.17), YELLOW),
        ],
    )
    paint(
        "night.png",
        (28, 34, 48),
        [(star((0.3, 0.34), 0.2), YELLOW), (heart((0.68, 0.66), 0.19), RED)],
    )
    paint(
        "four-shapes.png",
        (229, 238, 243),
        [
            (diamond((0.26, 0.27), 0.16), PURPLE),
            (cross((0.74, 0.27), 0.15), GREEN),
            (circle((0.27, 0.74), 0.15), ORANGE),
            (star((0.74, 0.74), 0.18), BLUE),
        ],
    )


if __name__ == "__main__":
    main()
