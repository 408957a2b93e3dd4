"""Draws scenes for training with Pillow, in many manners: grounds, strokes, wobble, blur, JPEG.

The evaluation has a second drawing routine of its own (`model/evaluation/drawer.py`), so that a
score never rests on this one's habits.
"""

import io
import math
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from model.training.scene import COLORS, Scene, Thing

Point = tuple[float, float]
RGB = tuple[int, int, int]

# Several people's idea of each colour: CSS names, plotting palettes, material design, crayons.
PALETTE: dict[str, tuple[RGB, ...]] = {
    "red": ((255, 0, 0), (220, 20, 20), (214, 39, 40), (229, 57, 53), (200, 30, 45), (235, 64, 52)),
    "green": ((0, 128, 0), (0, 200, 0), (0, 255, 0), (44, 160, 44), (67, 160, 71), (34, 139, 34), (50, 205, 50), (20, 90, 30)),
    "blue": ((0, 0, 255), (31, 119, 180), (30, 80, 220), (30, 136, 229), (65, 105, 225), (0, 0, 160), (60, 130, 246)),
    "yellow": ((255, 255, 0), (255, 235, 59), (250, 220, 30), (253, 216, 53), (240, 230, 40), (255, 215, 0)),
    "orange": ((255, 165, 0), (255, 127, 14), (251, 140, 0), (255, 140, 0), (245, 130, 32), (240, 120, 20)),
    "purple": ((128, 0, 128), (148, 103, 189), (142, 36, 170), (120, 40, 200), (106, 27, 154), (147, 51, 234), (90, 30, 130)),
    "pink": ((255, 192, 203), (255, 105, 180), (227, 119, 194), (244, 143, 177), (255, 150, 190), (236, 64, 150), (255, 130, 170)),
    "brown": ((165, 42, 42), (139, 69, 19), (140, 86, 75), (121, 85, 72), (120, 72, 30), (150, 90, 40), (101, 67, 33)),
    "black": ((0, 0, 0), (15, 15, 15), (30, 30, 30), (20, 20, 28), (38, 38, 38)),
    "white": ((255, 255, 255), (250, 250, 250), (242, 242, 242), (248, 248, 240)),
    "gray": ((128, 128, 128), (127, 127, 127), (158, 158, 158), (110, 110, 110), (150, 150, 155), (169, 169, 169), (100, 105, 110)),
}  # fmt: skip


def outline(shape: str, rng: Random) -> list[Point]:
    """The shape's corners around (0, 0), about 1 across, with the freedom people take."""
    points = _OUTLINES[shape](rng)
    angle = rng.gauss(0, _TILT[shape])
    if shape == "cross" and rng.random() < 0.25:
        angle += math.pi / 4
    stretch = math.exp(rng.gauss(0, 0.05))
    return [
        (
            (x * math.cos(angle) - y * math.sin(angle)) * stretch,
            (x * math.sin(angle) + y * math.cos(angle)) / stretch,
        )
        for x, y in points
    ]


def _ring(count: int, start: float, radius: float = 0.5) -> list[Point]:
    turn = 2 * math.pi / count
    return [
        (radius * math.cos(start + i * turn), radius * math.sin(start + i * turn))
        for i in range(count)
    ]


def _circle(rng: Random) -> list[Point]:
    return _ring(40, 0.0)


def _square(rng: Random) -> list[Point]:
    half = rng.uniform(0.42, 0.5)
    return [(-half, -half), (half, -half), (half, half), (-half, half)]


def _triangle(rng: Random) -> list[Point]:
    if rng.random() < 0.5:
        return [(x, y + 0.1) for x, y in _ring(3, -math.pi / 2, 0.56)]
    tip = rng.uniform(-0.12, 0.12)
    return [(tip, -0.5), (0.5, 0.46), (-0.5, 0.46)]


def _star(rng: Random) -> list[Point]:
    inner = rng.uniform(0.17, 0.27)
    outer_points, inner_points = (
        _ring(5, -math.pi / 2, 0.53),
        _ring(5, -math.pi / 2 + math.pi / 5, inner),
    )
    return [point for pair in zip(outer_points, inner_points, strict=True) for point in pair]


def _heart(rng: Random) -> list[Point]:
    if rng.random() < 0.5:  # the well-known parametric heart
        ts = [2 * math.pi * i / 40 for i in range(40)]
        return [
            (
                math.sin(t) ** 3 * 0.5,
                -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))
                / 34
                - 0.06,
            )
            for t in ts
        ]
    radius = 0.25 + rng.uniform(-0.01, 0.015)  # two round lobes over a wedge
    left = [
        (-0.25 + radius * math.cos(a), -0.2 + radius * math.sin(a))
        for a in _arc(0.8 * math.pi, 2 * math.pi)
    ]
    right = [
        (0.25 + radius * math.cos(a), -0.2 + radius * math.sin(a))
        for a in _arc(math.pi, 2.2 * math.pi)
    ]
    return [*left, *right, (0.0, 0.5)]


def _arc(start: float, end: float, steps: int = 14) -> list[float]:
    return [start + (end - start) * i / (steps - 1) for i in range(steps)]


def _diamond(rng: Random) -> list[Point]:
    half = rng.choice((0.5, 0.5, rng.uniform(0.3, 0.5)))
    return [(0.0, -0.53), (half, 0.0), (0.0, 0.53), (-half, 0.0)]


def _cross(rng: Random) -> list[Point]:
    arm, half = rng.uniform(0.1, 0.2), 0.5
    return [
        (-arm, -half), (arm, -half), (arm, -arm), (half, -arm), (half, arm), (arm, arm),
        (arm, half), (-arm, half), (-arm, arm), (-half, arm), (-half, -arm), (-arm, -arm),
    ]  # fmt: skip


_OUTLINES = {
    "circle": _circle, "square": _square, "triangle": _triangle, "star": _star,
    "heart": _heart, "diamond": _diamond, "cross": _cross,
}  # fmt: skip
_TILT = {
    "circle": 1.0, "square": 0.09, "triangle": 0.14, "star": 0.25,
    "heart": 0.13, "diamond": 0.06, "cross": 0.1,
}  # fmt: skip


def draw(scene: Scene, rng: Random) -> tuple[Image.Image, list[list[Point]]]:
    """A picture of the scene, and each thing's outline in shares of the canvas (for labels)."""
    side = rng.choice((112, 160, 200, 224, 256, 300, 336))
    width = round(side * min(scene.aspect, 1.0)) if scene.aspect < 1 else side
    height = side if scene.aspect < 1 else round(side / scene.aspect)
    scale = rng.choice((1, 1, 2))  # without and with anti-aliasing
    colors, ground = _choose_colors(scene, rng)
    canvas = ground_of(rng, ground, width * scale, height * scale)
    pen = ImageDraw.Draw(canvas)
    hand_drawn = rng.random() < 0.16
    manner = rng.choices(("filled", "edged", "stroked"), weights=(0.72, 0.16, 0.12))[0]
    outlines = []
    for thing, color in zip(scene.things, colors, strict=True):
        points = placed(thing, outline(thing.shape, rng), width, height)
        if hand_drawn:
            points = _wobbled(points, thing.size * rng.uniform(0.01, 0.035), rng)
        _paint(
            pen,
            points,
            color,
            manner,
            thing,
            min(width, height) * scale,
            (width * scale, height * scale),
            rng,
        )
        outlines.append(points)
    picture = canvas.resize((width, height), Image.Resampling.BOX) if scale > 1 else canvas
    return degraded(picture, rng), outlines


def _choose_colors(scene: Scene, rng: Random) -> tuple[list[RGB], RGB]:
    """One colour a thing, near a palette entry, and a ground on which all of them show."""
    colors = [
        jitter(
            rng.choice(PALETTE[thing.color]),
            rng,
            7 if thing.color in ("black", "white", "gray") else 12,
        )
        for thing in scene.things
    ]
    contrast = 85.0
    while True:
        ground = sample_ground(scene.dark, rng)
        if all(_distance(color, ground) > contrast for color in colors):
            return colors, ground
        contrast *= 0.985


def sample_ground(dark: bool, rng: Random) -> RGB:
    low, high = (0, 95) if dark else (160, 255)
    level = rng.uniform(low, high) if rng.random() < 0.65 else rng.choice((low, high))
    tint = rng.choice((0.0, 0.0, 14.0, 28.0))
    return clip(tuple(level + rng.uniform(-tint, tint) for _ in range(3)))


def jitter(color: RGB, rng: Random, spread: float) -> RGB:
    return clip(tuple(channel + rng.uniform(-spread, spread) for channel in color))


def clip(channels: tuple[float, ...]) -> RGB:
    red, green, blue = (max(0, min(255, round(channel))) for channel in channels)
    return red, green, blue


def _distance(a: RGB, b: RGB) -> float:
    return math.dist(a, b)


def ground_of(rng: Random, color: RGB, width: int, height: int) -> Image.Image:
    """A plain, noisy, shaded or blotchy ground."""
    kind = rng.choices(("plain", "noisy", "shaded", "blotchy"), weights=(0.5, 0.28, 0.12, 0.1))[0]
    if kind == "plain":
        return Image.new("RGB", (width, height), color)
    noise = np.random.default_rng(rng.getrandbits(32))
    if kind == "noisy":
        spread = rng.uniform(4, 24)
        channels = rng.choice((1, 3))
        field = noise.normal(0, spread, (height, width, channels))
    elif kind == "shaded":
        ramp = np.linspace(-1, 1, width)[None, :] * rng.uniform(-25, 25)
        field = (ramp + np.linspace(-1, 1, height)[:, None] * rng.uniform(-25, 25))[..., None]
    else:
        coarse = Image.fromarray(noise.integers(0, 255, (6, 6), dtype=np.uint8))
        field = (
            np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))[..., None] / 255
            - 0.5
        ) * 40
    return Image.fromarray(np.clip(np.asarray(color) + field, 0, 255).astype(np.uint8))


def placed(thing: Thing, points: list[Point], width: int, height: int) -> list[Point]:
    """Outline points as shares of the canvas."""
    unit = thing.size * min(width, height)
    return [(thing.x + x * unit / width, thing.y + y * unit / height) for x, y in points]


def _wobbled(points: list[Point], spread: float, rng: Random) -> list[Point]:
    """The outline as an unsteady hand draws it: finer points, moved a little."""
    fine: list[Point] = []
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        steps = 1 if len(points) > 20 else 4
        fine += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(steps)]
    return [(x + rng.gauss(0, spread / 2), y + rng.gauss(0, spread / 2)) for x, y in fine]


def _paint(
    pen: ImageDraw.ImageDraw, points: list[Point], color: RGB, manner: str,
    thing: Thing, unit: float, canvas: tuple[int, int], rng: Random,
) -> None:  # fmt: skip
    pixels = [(x * canvas[0], y * canvas[1]) for x, y in points]
    size = thing.size * unit
    if manner == "stroked" and size > unit * 0.16:  # a thick line and no filling
        pen.line(
            [*pixels, *pixels[:2]],
            fill=color,
            width=max(3, round(size * rng.uniform(0.11, 0.2))),
            joint="curve",
        )
        return
    pen.polygon(pixels, fill=color)
    if manner == "edged":
        edge = rng.choice(
            ((0, 0, 0), (40, 40, 40), (255, 255, 255), clip(tuple(c * 0.6 for c in color)))
        )
        width = max(1, round(size * rng.uniform(0.015, 0.045)))
        pen.line([*pixels, *pixels[:2]], fill=edge, width=width, joint="curve")


def degraded(picture: Image.Image, rng: Random) -> Image.Image:
    """What pictures go through on their way: blur, sensor noise, a change of light, JPEG."""
    if rng.random() < 0.3:
        picture = picture.filter(
            ImageFilter.GaussianBlur(rng.uniform(0.3, 1.4) * max(picture.size) / 224)
        )
    if rng.random() < 0.3:
        noise = np.random.default_rng(rng.getrandbits(32)).normal(
            0, rng.uniform(2, 12), (*picture.size[::-1], 3)
        )
        picture = Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    if rng.random() < 0.35:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=rng.randint(35, 95))
        picture = Image.open(buffer).convert("RGB")
    return picture


assert set(PALETTE) == set(COLORS)  # noqa: S101 - a slip of the author, not of a user
