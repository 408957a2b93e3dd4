"""Draws a training log as a picture: the loss of every stage over its steps, as SVG."""

import json
from html import escape
from itertools import groupby
from math import log10
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 220, 160, 34


def draw(log: Path, picture: Path) -> None:
    """One small chart a stage, loss on a logarithmic scale."""
    lines = [line for line in map(json.loads, log.read_text().splitlines()) if "loss" in line]
    lines.sort(key=lambda line: line["stage"])
    stages = {
        name: [(p["step"], p["loss"]) for p in points]
        for name, points in groupby(lines, lambda line: line["stage"])
    }
    order = sorted(
        stages,
        key=lambda name: (
            "vision",
            "vision-refine",
            "vision-heads",
            "vision-widen",
            "language",
            "align",
            "instruct",
            "polish",
        ).index(name),
    )
    charts = "".join(
        f'<g transform="translate({i * (WIDTH + MARGIN) + MARGIN},{MARGIN})">{_chart(name, stages[name])}</g>'
        for i, name in enumerate(order)
    )
    size = f'width="{len(order) * (WIDTH + MARGIN) + MARGIN}" height="{HEIGHT + 2 * MARGIN}"'
    style = "text{font:11px sans-serif;fill:#555}path{fill:none;stroke:#4f46e5;stroke-width:1.5}line{stroke:#ddd}"
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    picture.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>{ground}{charts}</svg>\n'
    )


def _chart(name: str, points: list[tuple[int, float]]) -> str:
    steps = max(step for step, _ in points)
    low, high = (log10(f(loss for _, loss in points)) for f in (min, max))
    path = " L".join(
        f"{step / steps * WIDTH:.1f} {(high - log10(loss)) / (high - low or 1) * HEIGHT:.1f}"
        for step, loss in points
    )
    return (
        f'<line x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/><line x1="0" y1="0" x2="0" y2="{HEIGHT}"/>'
        f'<path d="M{path}"/><text x="0" y="-8">{escape(name)}: loss {10**high:.2f} to {10**low:.3f}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 16}" text-anchor="end">{steps} steps</text>'
    )
