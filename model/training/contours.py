"""Outlines of the seven shapes as many people draw them, wider apart than those of `draw.py`.

Corners around (0, 0), about 1 across. Knows nothing of colours, strokes or canvases.
"""

import math
from random import Random

from model.training.draw import Point, outline


def contour(shape: str, rng: Random) -> list[Point]:
    """The shape's corners: in the manner of `draw.py`, or with other proportions."""
    if rng.random() < 0.4:
        return outline(shape, rng)
    points = _rounded(_CONTOURS[shape](rng), shape, rng)
    angle = max(-0.3, min(0.3, rng.gauss(0, _TILT[shape])))
    if shape == "cross" and rng.random() < 0.25:
        angle += math.pi / 4
    return stretched(turned(points, angle), math.exp(rng.gauss(0, 0.06)))


def turned(points: list[Point], angle: float) -> list[Point]:
    cos, sin = math.cos(angle), math.sin(angle)
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in points]


def stretched(points: list[Point], by: float) -> list[Point]:
    return [(x * by, y / by) for x, y in points]


def _circle(rng: Random) -> list[Point]:
    return [(0.5 * math.cos(i * math.pi / 20), 0.5 * math.sin(i * math.pi / 20)) for i in range(40)]


def _square(rng: Random) -> list[Point]:
    half = rng.uniform(0.38, 0.5)
    return [(-half, -half), (half, -half), (half, half), (-half, half)]


def _triangle(rng: Random) -> list[Point]:
    """Broad or steep, standing on its side's middle or right-angled; now and then on its tip."""
    half, top = rng.uniform(0.36, 0.52), rng.uniform(-0.52, -0.36)
    tip = rng.choice((0.0, 0.0, 0.0, rng.uniform(-half, half), -half, half))
    points = [(tip, top), (half, 0.45), (-half, 0.45)]
    return [(x, -y) for x, y in points] if rng.random() < 0.2 else points


def _star(rng: Random) -> list[Point]:
    """Five points from slim to plump; some of six."""
    tips = 6 if rng.random() < 0.1 else 5
    inner = rng.uniform(0.24, 0.32) if tips == 6 else rng.uniform(0.15, 0.3)
    radii = (0.53, inner)
    turn = math.pi / tips
    return [
        (radii[i % 2] * math.sin(i * turn), -radii[i % 2] * math.cos(i * turn))
        for i in range(2 * tips)
    ]


def _heart(rng: Random) -> list[Point]:
    """Two Bezier curves from the notch to the tip, or two discs on a wedge."""
    if rng.random() < 0.6:
        notch, shoulder = rng.uniform(-0.36, -0.18), rng.uniform(-0.72, -0.5)
        belly, wide = rng.uniform(0.0, 0.3), rng.uniform(0.46, 0.56)
        knee, tip = rng.uniform(-0.25, -0.1), rng.uniform(0.44, 0.54)
        upper = _bezier((0.0, notch), (0.08, shoulder), (wide, shoulder), (wide, knee))
        lower = _bezier((wide, knee), (wide, belly), (rng.uniform(0.05, 0.22), 0.28), (0.0, tip))
        right = upper + lower[1:]
    else:
        radius, high = rng.uniform(0.24, 0.28), rng.uniform(-0.28, -0.16)
        start, end = math.acos(-min(1.0, 0.24 / radius)), rng.uniform(-0.35, 0.1)
        right = [
            (0.24 + radius * math.cos(a), high - radius * math.sin(a))
            for a in (start + (-end - start) * i / 14 for i in range(15))
        ]
        right = [*right, (0.0, rng.uniform(0.42, 0.54))]
    return right + [(-x, y) for x, y in reversed(right[1:-1])]


def _bezier(a: Point, b: Point, c: Point, d: Point, steps: int = 10) -> list[Point]:
    points = []
    for i in range(steps + 1):
        t, u = i / steps, 1 - i / steps
        shares = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
        points.append(
            (
                sum(s * p[0] for s, p in zip(shares, (a, b, c, d), strict=True)),
                sum(s * p[1] for s, p in zip(shares, (a, b, c, d), strict=True)),
            )
        )
    return points


def _diamond(rng: Random) -> list[Point]:
    wide, high = rng.uniform(0.3, 0.52), rng.uniform(0.44, 0.54)
    return [(0.0, -high), (wide, 0.0), (0.0, high), (-wide, 0.0)]


def _cross(rng: Random) -> list[Point]:
    """Thin or stout arms; some stand on a longer foot."""
    arm, half = rng.uniform(0.06, 0.23), 0.5
    wide, bar = (half, 0.0) if rng.random() < 0.8 else (rng.uniform(0.3, 0.4), -0.16)
    return [
        (-arm, -half), (arm, -half), (arm, bar - arm), (wide, bar - arm), (wide, bar + arm), (arm, bar + arm),
        (arm, half), (-arm, half), (-arm, bar + arm), (-wide, bar + arm), (-wide, bar - arm), (-arm, bar - arm),
    ]  # fmt: skip


_CONTOURS = {
    "circle": _circle, "square": _square, "triangle": _triangle, "star": _star,
    "heart": _heart, "diamond": _diamond, "cross": _cross,
}  # fmt: skip
# A square far from upright would be a diamond, and the other way round.
_TILT = {
    "circle": 1.0, "square": 0.1, "triangle": 0.16, "star": 0.25, "heart": 0.15, "diamond": 0.07, "cross": 0.1,
}  # fmt: skip


def _rounded(points: list[Point], shape: str, rng: Random) -> list[Point]:
    """Corners cut twice (Chaikin), in some of the pictures and never so far as to a disc."""
    if shape in ("circle", "heart") or rng.random() < 0.75:
        return points
    share = rng.uniform(0.04, 0.14)
    for part in (share, 0.25):
        cut: list[Point] = []
        for i, (x, y) in enumerate(points):
            for nx, ny in (points[i - 1], points[(i + 1) % len(points)]):
                cut.append((x + (nx - x) * part, y + (ny - y) * part))
        points = cut
    return points
