"""Draws scenes in more manners than `draw.py`: outlines thin and thick, scribbles, hatching,
shading, edges and shadows, by a steady or an unsteady hand, on canvases of 64 to 1024 pixels.

Half of the pictures are drawn as `draw.py` does, so that nothing learnt there is lost.
"""

import math
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from model.training import draw as plain
from model.training.contours import contour, turned
from model.training.draw import PALETTE, RGB, Point
from model.training.scene import Scene, Thing

# Further people's ideas of each colour.
MORE_COLORS: dict[str, tuple[RGB, ...]] = {
    "red": ((178, 34, 34), (231, 76, 60), (255, 30, 30), (190, 0, 0)),
    "green": ((46, 125, 50), (0, 100, 0), (60, 179, 113), (39, 174, 96), (100, 200, 80), (20, 120, 60)),
    "blue": ((52, 152, 219), (25, 25, 112), (70, 130, 180), (100, 149, 237), (0, 90, 190), (80, 170, 240)),
    "yellow": ((255, 240, 110), (241, 196, 15), (255, 223, 0), (250, 240, 60)),
    "orange": ((230, 126, 34), (243, 150, 18), (255, 120, 0), (255, 150, 50)),
    "purple": ((75, 0, 130), (155, 89, 182), (138, 43, 226), (160, 70, 190), (100, 50, 160)),
    "pink": ((255, 20, 147), (219, 112, 147), (255, 182, 193), (240, 98, 146), (255, 160, 200)),
    "brown": ((160, 82, 45), (111, 78, 55), (92, 51, 23), (141, 85, 36), (125, 70, 50)),
    "black": ((0, 0, 0), (40, 40, 40), (10, 10, 20)),
    "white": ((255, 255, 255), (255, 250, 245), (245, 250, 255)),
    "gray": ((105, 105, 105), (136, 136, 136), (180, 180, 180), (90, 90, 95), (144, 150, 156)),
}  # fmt: skip
GROUNDS: tuple[RGB, ...] = (
    (255, 255, 255), (255, 255, 255), (255, 255, 255), (250, 245, 230), (225, 240, 250), (230, 245, 225), (250, 230, 235),
    (240, 240, 240), (220, 220, 220), (0, 0, 0), (20, 25, 50), (40, 40, 40), (20, 45, 30), (50, 30, 40),
)  # fmt: skip
SIDES = {64: 4, 96: 8, 128: 10, 192: 12, 256: 16, 300: 12, 400: 12, 512: 8, 640: 4, 1024: 1}
MANNERS = {"filled": 18, "edged": 16, "outlined": 30, "scribbled": 14, "shaded": 12, "crayon": 10}


@dataclass(frozen=True, slots=True)
class Hand:
    """Who draws: how unsteady, how wide the pen is (share of the shorter side), and the edge."""

    manner: str
    wobble: float
    pen: float
    edge: RGB | None  # None: the thing's own colour, darker
    twice: bool  # every line is drawn twice, a little apart


def draw(scene: Scene, rng: Random) -> tuple[Image.Image, list[list[Point]]]:
    """A picture of the scene, and each thing's outline in shares of the canvas (for labels)."""
    if rng.random() < 0.5:
        return plain.draw(scene, rng)
    side = rng.choices(tuple(SIDES), weights=tuple(SIDES.values()))[0]
    size = _canvas_size(scene, side)
    scale = 2 if side <= 300 and rng.random() < 0.7 else 1
    large = (size[0] * scale, size[1] * scale)
    colors, ground = _choose_colors(scene, rng)
    textured = side <= 400 and rng.random() < 0.5
    canvas = plain.ground_of(rng, ground, *large) if textured else Image.new("RGB", large, ground)
    outlines = [plain.placed(t, contour(t.shape, rng), *size) for t in scene.things]
    if rng.random() < 0.08:
        canvas = _shadowed(canvas, outlines, rng)
    hand = _hand(rng)
    for thing, color, points in zip(scene.things, colors, outlines, strict=True):
        _paint(canvas, thing, points, color, hand if rng.random() < 0.8 else _hand(rng), rng)
    picture = canvas.resize(size, Image.Resampling.BOX) if scale > 1 else canvas
    return plain.degraded(picture, rng) if side <= 400 else picture, outlines


def _canvas_size(scene: Scene, side: int) -> tuple[int, int]:
    """The longer side is `side`."""
    return round(side * min(scene.aspect, 1.0)), round(side / max(scene.aspect, 1.0))


def _hand(rng: Random) -> Hand:
    manner = rng.choices(tuple(MANNERS), weights=tuple(MANNERS.values()))[0]
    edge = rng.choice(((0, 0, 0), (0, 0, 0), (40, 40, 40), (70, 70, 70), (255, 255, 255), None))
    pen = math.exp(rng.uniform(math.log(0.007), math.log(0.06)))
    wobble = rng.choice((0.0, 0.0, rng.uniform(0.01, 0.035)))
    return Hand(manner, wobble, pen, edge, twice=wobble > 0 and rng.random() < 0.3)


def _choose_colors(scene: Scene, rng: Random) -> tuple[list[RGB], RGB]:
    """One colour a thing, and a ground on which all of them show, if only faintly."""
    colors = []
    for thing in scene.things:
        choices = PALETTE[thing.color] + MORE_COLORS[thing.color]
        neutral = thing.color in ("black", "white", "gray")
        colors.append(plain.jitter(rng.choice(choices), rng, 6 if neutral else 10))
    contrast = rng.choice((50.0, 70.0, 90.0))
    while True:
        ground = _ground_color(scene, rng)
        if all(math.dist(color, ground) > contrast for color in colors):
            return colors, ground
        contrast *= 0.985


def _ground_color(scene: Scene, rng: Random) -> RGB:
    if rng.random() < 0.5:
        return plain.sample_ground(scene.dark, rng)
    fits = [ground for ground in GROUNDS if (sum(ground) < 300) == scene.dark]
    return plain.jitter(rng.choice(fits), rng, 6)


def _shadowed(canvas: Image.Image, outlines: list[list[Point]], rng: Random) -> Image.Image:
    """A soft shadow beside every thing."""
    away = rng.uniform(0.01, 0.025)
    mask = Image.new("L", canvas.size)
    pen = ImageDraw.Draw(mask)
    for points in outlines:
        pen.polygon(
            [((x + away) * canvas.width, (y + away) * canvas.height) for x, y in points],
            fill=rng.randint(70, 130),
        )
    mask = mask.filter(ImageFilter.GaussianBlur(max(canvas.size) * rng.uniform(0.004, 0.012)))
    return Image.composite(Image.new("RGB", canvas.size), canvas, mask)


def _paint(
    canvas: Image.Image, thing: Thing, points: list[Point], color: RGB, hand: Hand, rng: Random
) -> None:
    unit = min(canvas.size)
    size = thing.size * unit
    pixels = [(x * canvas.width, y * canvas.height) for x, y in points]
    path = _unsteady(pixels, hand.wobble * size, rng)
    # A pen so wide that nothing of the shape is left would draw a blot.
    width = max(1.0, min(hand.pen * unit, size * 0.2))
    if hand.manner == "outlined":
        _outline(canvas, thing, pixels, path, color, width, hand, rng)
        return
    if hand.manner == "scribbled":
        _scribble(canvas, path, color, width, rng)
    elif hand.manner == "shaded":
        _shade(canvas, path, color, rng)
    elif hand.manner == "crayon":
        _crayon(canvas, path, color, rng)
    else:
        ImageDraw.Draw(canvas).polygon(path, fill=color)
    if hand.manner == "edged" or (hand.manner != "filled" and rng.random() < 0.5):
        own = hand.manner == "scribbled" or (hand.edge is None and thing.color != "white")
        shade = rng.uniform(0.45, 0.8) if hand.manner != "scribbled" else 1.0
        edge = plain.clip(tuple(c * shade for c in color)) if own else hand.edge or (0, 0, 0)
        _stroke(canvas, path, edge, min(width, size * 0.09), hand, rng)


def _outline(
    canvas: Image.Image, thing: Thing, pixels: list[Point], path: list[Point], color: RGB, width: float,
    hand: Hand, rng: Random,
) -> None:  # fmt: skip
    """No filling, or a pale one; crosses as two strokes and stars in one go, as hands do."""
    size = thing.size * min(canvas.size)
    if thing.shape == "cross" and rng.random() < 0.4:
        ends = (
            [_middle(pixels[i], pixels[i + 1]) for i in (0, 3, 6, 9)] if len(pixels) == 12 else []
        )
        for a, b in zip(ends[:2], ends[2:], strict=True):
            line = _unsteady([a, b], hand.wobble * size, rng, closed=False)
            _stroke(canvas, line, color, max(width, size * 0.07), hand, rng, closed=False)
        if ends:
            return
    if thing.shape == "star" and len(pixels) == 10 and rng.random() < 0.25:
        crossing = [pixels[i] for i in (0, 4, 8, 2, 6)]
        path = _unsteady(crossing, hand.wobble * size, rng)
        width = min(width, size * 0.08)
    elif rng.random() < 0.12:
        back = canvas.getpixel((0, 0))
        share = rng.uniform(0.1, 0.4)
        pale = tuple(b + (c - b) * share for c, b in zip(color, back, strict=True))  # type: ignore[arg-type]
        ImageDraw.Draw(canvas).polygon(path, fill=plain.clip(pale))
    _stroke(canvas, path, color, width, hand, rng)


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _stroke(
    canvas: Image.Image, path: list[Point], color: RGB, width: float, hand: Hand, rng: Random,
    *, closed: bool = True,
) -> None:  # fmt: skip
    """A line with round joints and ends."""
    pen = ImageDraw.Draw(canvas)
    wide = max(1, round(width))
    for _ in range(2 if hand.twice else 1):
        away = (rng.gauss(0, width * 0.5), rng.gauss(0, width * 0.5)) if hand.twice else (0.0, 0.0)
        line = [(x + away[0], y + away[1]) for x, y in path]
        line = [*line, line[0]] if closed else line
        pen.line(line, fill=color, width=wide, joint="curve")
        if wide > 2:
            half = wide / 2
            for x, y in (line[0], line[-1]):
                pen.ellipse((x - half, y - half, x + half, y + half), fill=color)


def _unsteady(path: list[Point], spread: float, rng: Random, *, closed: bool = True) -> list[Point]:
    """The path as a hand draws it: slow waves, not jitter."""
    if spread <= 0:
        return path
    fine: list[Point] = []
    for (x0, y0), (x1, y1) in zip(path, path[1:] + path[:1] if closed else path[1:], strict=False):
        steps = 1 if len(path) > 16 else 6
        fine += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(steps)]
    fine = fine if closed else [*fine, path[-1]]
    waves = [
        (rng.uniform(2, 9), rng.uniform(0, 6.3), rng.uniform(0, 6.3), rng.gauss(0, spread * 0.5))
        for _ in range(4)
    ]
    moved = []
    for i, (x, y) in enumerate(fine):
        turn = 2 * math.pi * i / len(fine)
        moved.append(
            (
                x + sum(a * math.sin(round(f) * turn + p) for f, p, _, a in waves),
                y + sum(a * math.sin(round(f) * turn + q) for f, _, q, a in waves),
            )
        )
    return moved


def _cut_out(
    canvas: Image.Image, path: list[Point]
) -> tuple[Image.Image, tuple[int, int, int, int]] | None:
    """The shape's mask, and the box on the canvas that it fills; None when that is empty."""
    left, top = (max(0, math.floor(min(p[i] for p in path))) for i in (0, 1))
    right = min(canvas.width, math.ceil(max(p[0] for p in path)) + 1)
    bottom = min(canvas.height, math.ceil(max(p[1] for p in path)) + 1)
    if right <= left or bottom <= top:
        return None
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in path], fill=255)
    return mask, (left, top, right, bottom)


def _scribble(
    canvas: Image.Image, path: list[Point], color: RGB, width: float, rng: Random
) -> None:
    """Lines to and fro, or hatching once or crosswise, inside the shape."""
    if (cut := _cut_out(canvas, path)) is None:
        return
    mask, box = cut
    lines = Image.new("L", mask.size)
    pen = ImageDraw.Draw(lines)
    reach = math.hypot(*mask.size) / 2
    wide = max(1, round(min(width, reach * 0.12)))
    gap = wide * rng.uniform(1.1, 2.6) + 1
    angle, shaky = rng.uniform(0, math.pi), rng.choice((0.0, rng.uniform(0.1, 0.5))) * gap
    for turn in (0.0, math.pi / 2)[: rng.choice((1, 1, 2))]:
        rows = max(2, int(2 * reach / gap))
        ends = [(-reach, reach), (reach, -reach)]
        zigzag: list[Point] = []
        for row in range(rows + 1):
            y = -reach + row * gap
            zigzag += [(x, y + rng.gauss(0, shaky)) for x in ends[row % 2]]
        middle = (mask.width / 2, mask.height / 2)
        zigzag = [(x + middle[0], y + middle[1]) for x, y in turned(zigzag, angle + turn)]
        if rng.random() < 0.5:
            pen.line(zigzag, fill=255, width=wide, joint="curve")
        else:
            for a, b in zip(zigzag[::2], zigzag[1::2], strict=True):
                pen.line([a, b], fill=255, width=wide)
    canvas.paste(color, box, ImageChops.multiply(lines, mask))


def _shade(canvas: Image.Image, path: list[Point], color: RGB, rng: Random) -> None:
    """From light to dark, along a line or from a middle."""
    if (cut := _cut_out(canvas, path)) is None:
        return
    mask, box = cut
    rows, columns = np.mgrid[-1 : 1 : mask.height * 1j, -1 : 1 : mask.width * 1j]
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * math.pi)
        ramp = (columns * math.cos(angle) + rows * math.sin(angle)) / 1.4
    else:
        x, y = rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4)
        ramp = 1 - 1.4 * np.hypot(columns - x, rows - y)
    ramp = ramp[..., None] * rng.uniform(0.1, 0.4)
    base = np.array(color)
    tones = np.where(ramp > 0, base + (255 - base) * ramp, base * (1 + ramp))
    canvas.paste(Image.fromarray(np.clip(tones, 0, 255).astype(np.uint8)), box, mask)


def _crayon(canvas: Image.Image, path: list[Point], color: RGB, rng: Random) -> None:
    """Grainy colour with gaps."""
    if (cut := _cut_out(canvas, path)) is None:
        return
    mask, box = cut
    noise = np.random.default_rng(rng.getrandbits(32))
    coarse = rng.choice((1, 2, 3))
    shape = (mask.height // coarse + 1, mask.width // coarse + 1)
    grain = noise.random(shape).repeat(coarse, 0).repeat(coarse, 1)[: mask.height, : mask.width]
    covered = np.asarray(mask) * (grain > rng.uniform(0.05, 0.4))
    canvas.paste(color, box, Image.fromarray(covered.astype(np.uint8)))
