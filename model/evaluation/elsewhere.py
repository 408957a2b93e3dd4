"""Scores a checkpoint on pictures that a browser drew: SVG in seven manners, CSS's colours.

`python -m model.evaluation.elsewhere pocket` needs Chromium and Playwright, as the browser tests do.
Shares the second drawer's layout and questions; outlines, colours and rendering are the browser's.
"""

import argparse
import io
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import which

import numpy as np
from PIL import Image

from model.evaluation.drawer import Drawing, Drawn, layout
from model.evaluation.score import Answer, Talk, Tally, draw_questions, note

Random = np.random.Generator
Rasterise = Callable[[str, int, int], Image.Image]
MANNERS = ("clean", "edged", "shaded", "unsteady hand", "scribbled", "thick outlines", "thin lines")
CANVASES = ((400, 300), (300, 400), (320, 320), (600, 450), (800, 600), (200, 200))
LIGHT = ("white", "whitesmoke", "ivory", "aliceblue")
DARK = ("midnightblue", "#222", "darkslategray", "black")
PALE = ("white", "yellow", "pink")
# Sides that the browser draws from corner to corner, middle (0, 0), radius 1.
CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "square": ((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)),
    "triangle": ((0, -0.95), (0.9, 0.75), (-0.9, 0.75)),
    "diamond": ((0, -1), (0.7, 0), (0, 1), (-0.7, 0)),
    "star": tuple(
        (r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5))
        for i, r in enumerate((1.0, 0.4) * 5)
    ),
    "cross": (
        (-0.28, -0.9), (0.28, -0.9), (0.28, -0.28), (0.9, -0.28), (0.9, 0.28), (0.28, 0.28),
        (0.28, 0.9), (-0.28, 0.9), (-0.28, 0.28), (-0.9, 0.28), (-0.9, -0.28), (-0.28, -0.28),
    ),
}  # fmt: skip
HEART = "M0,-.45 C.25,-1.05 1,-.95 1,-.3 C1,.25 .4,.6 0,.95 C-.4,.6 -1,.25 -1,-.3 C-1,-.95 -.25,-1.05 0,-.45Z"
CIRCLE = "M.92,0 A.92,.92 0 1 1 -.92,0 A.92,.92 0 1 1 .92,0Z"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m model.evaluation.elsewhere")
    parser.add_argument("what", help='"pocket", or the folder of a checkpoint')
    parser.add_argument("--drawings", type=int, default=12, help="a manner (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--wrong", action="store_true", help="list the wrong answers too")
    options = parser.parse_args()
    from model import load
    from model.evaluation.answering import greedy

    pocket = Path(__file__).parents[1] / "pocket"
    llava = load(pocket if options.what == "pocket" else Path(options.what))
    with chromium() as rasterise:
        tally = score(greedy(llava), rasterise, options.drawings, options.seed)
    for manner in MANNERS:
        sys.stdout.write(f"{manner}: {tally.share(manner):.1%} of {len(tally.right[manner])}\n")
    if options.wrong:
        sys.stdout.write("\n".join(tally.wrong) + "\n")
    return 0


def score(answer: Answer, rasterise: Rasterise, drawings: int, seed: int) -> Tally:
    """Ten questions about each of `drawings` pictures in every manner."""
    tally = Tally()
    for manner in MANNERS:
        for number in range(drawings):
            rng = np.random.default_rng((seed, number))
            drawing, talk = draw(rng, manner, rasterise), Talk(answer)
            questions = draw_questions(np.random.default_rng((seed, number, 1)), drawing, 10)
            for turn, question in enumerate(questions):
                reply = talk.ask(question.text, [] if turn else [drawing.picture])
                right = question.accepts(reply)
                tally.add([manner, question.kind], question.text, reply, right, note(drawing))
    return tally


@contextmanager
def chromium() -> Iterator[Rasterise]:
    """Draws SVG as a page's screenshot."""
    from playwright.sync_api import sync_playwright

    path = which("chromium") or which("google-chrome") or which("chromium-browser")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()

        def rasterise(svg: str, width: int, height: int) -> Image.Image:
            page.set_viewport_size({"width": width, "height": height})
            page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{svg}")
            return Image.open(io.BytesIO(page.screenshot())).convert("RGB")

        yield rasterise
        browser.close()


def draw(rng: Random, manner: str, rasterise: Rasterise) -> Drawing:
    """A scene of one to four things, drawn in that manner."""
    width, height = CANVASES[rng.integers(len(CANVASES))]
    things = layout(rng, int(rng.integers(1, 5)), width, height)
    dark = rng.random() < 0.3
    ground = (DARK if dark else LIGHT)[rng.integers(4)]
    things = tuple(_shown(thing, dark, rng) for thing in things)
    shapes = "".join(_svg(t, i, manner, (width, height), rng) for i, t in enumerate(things))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<rect width="100%" height="100%" fill="{ground}"/>{shapes}</svg>'
    )
    return Drawing(rasterise(svg, width, height), things)


def _shown(thing: Drawn, dark: bool, rng: Random) -> Drawn:
    """Another colour for a thing that its ground would swallow."""
    bad = ("black", "brown", "purple", "blue") if dark else PALE
    good = ("red", "green", "orange", "gray", *(PALE if dark else ("blue", "purple", "brown")))
    return replace(thing, color=good[rng.integers(len(good))]) if thing.color in bad else thing


def _svg(thing: Drawn, number: int, manner: str, canvas: tuple[int, int], rng: Random) -> str:
    radius, color = thing.radius, thing.color
    x, y, lean = thing.x * canvas[0], thing.y * canvas[1], rng.normal(0, 4)
    unsteady = 0.05 if manner in ("unsteady hand", "scribbled") else 0.0
    path = f'd="{_path(thing.shape, unsteady, rng)}"'
    pen = {"thick outlines": 0.24, "thin lines": min(canvas) / 150 / radius, "edged": 0.09}.get(
        manner, 0.06
    )
    line = f'stroke-width="{pen:.3f}" stroke-linejoin="round" stroke-linecap="round"'
    if manner in ("thick outlines", "thin lines"):
        body = f'<path {path} fill="none" stroke="{color}" {line}/>'
    elif manner == "edged":
        body = f'<path {path} fill="{color}" stroke="{_edge(color)}" {line}/>'
    elif manner == "shaded":
        body = (
            f'<radialGradient id="g{number}" cx="35%" cy="30%"><stop stop-color="color-mix(in srgb,{color},white 35%)"/>'
            f'<stop offset="1" stop-color="color-mix(in srgb,{color},black 15%)"/></radialGradient>'
            f'<path {path} fill="url(#g{number})"/>'
        )
    elif manner == "scribbled":
        body = (
            f'<clipPath id="c{number}"><path {path}/></clipPath><path d="{_zigzag(rng)}" clip-path="url(#c{number})" '
            f'fill="none" stroke="{color}" {line}/><path {path} fill="none" stroke="{color}" {line}/>'
        )
    else:
        body = f'<path {path} fill="{color}"/>'
    return f'<g transform="translate({x:.1f} {y:.1f}) rotate({lean:.1f}) scale({radius:.2f})">{body}</g>'


def _edge(color: str) -> str:
    return "dimgray" if color == "black" else "black"


def _path(shape: str, unsteady: float, rng: Random) -> str:
    """The shape; with an unsteady hand as curves through points that strayed."""
    if shape in ("circle", "heart") and not unsteady:
        return CIRCLE if shape == "circle" else HEART
    if not unsteady:
        return "M" + "L".join(f"{x:.3f},{y:.3f}" for x, y in CORNERS[shape]) + "Z"
    points = [(x + rng.normal(0, unsteady), y + rng.normal(0, unsteady)) for x, y in _fine(shape)]
    middles = [
        ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        for a, b in zip(points, points[1:] + points[:1], strict=True)
    ]
    curves = "".join(
        f"Q{p[0]:.3f},{p[1]:.3f} {m[0]:.3f},{m[1]:.3f}"
        for p, m in zip(points[1:] + points[:1], middles[1:] + middles[:1], strict=True)
    )
    return f"M{middles[0][0]:.3f},{middles[0][1]:.3f}{curves}Z"


def _fine(shape: str) -> list[tuple[float, float]]:
    """Points along the outline, corners among them."""
    if shape == "circle":
        return [
            (0.92 * math.cos(i * math.pi / 8), 0.92 * math.sin(i * math.pi / 8)) for i in range(16)
        ]
    if shape == "heart":
        turns = [i * math.pi / 10 for i in range(20)]
        return [
            (
                math.sin(t) ** 3,
                -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))
                / 16,
            )
            for t in turns
        ]
    corners = CORNERS[shape]
    return [
        (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
        for share in (0.0, 0.08, 0.5, 0.92)
    ]


def _zigzag(rng: Random) -> str:
    """Lines to and fro over the whole shape, leaning."""
    slope, gap = rng.uniform(-0.6, 0.6), rng.uniform(0.11, 0.16)
    rows = np.arange(-1.8, 1.8, gap)
    points = [
        (side * 1.2, row + side * slope + rng.normal(0, 0.02))
        for i, row in enumerate(rows)
        for side in ((-1, 1) if i % 2 else (1, -1))
    ]
    return "M" + "L".join(f"{x:.3f},{y:.3f}" for x, y in points)


if __name__ == "__main__":
    sys.exit(main())
