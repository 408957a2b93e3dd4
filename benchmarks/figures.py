"""Measured figures: all their runs, median and spread, and the bar they are held against.

Knows nothing of what is measured, or how.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure is to be: at most, or at least, a value."""

    kind: Literal["<=", ">="]
    value: float

    def holds(self, value: float) -> bool:
        return value <= self.value if self.kind == "<=" else value >= self.value

    def __str__(self) -> str:
        return f"{self.kind} {number(self.value)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured `len(runs)` times; the median is held against the bar."""

    name: str
    unit: str
    runs: tuple[float, ...]
    bar: Bar | None = None

    def __post_init__(self) -> None:
        if not self.runs:
            raise ValueError(f"'{self.name}' was never measured.")

    @property
    def median(self) -> float:
        return median(self.runs)

    @property
    def holds(self) -> bool | None:
        """Whether the bar is met; None where there is none."""
        return None if self.bar is None else self.bar.holds(self.median)

    def row(self) -> tuple[str, ...]:
        spread = f"{number(min(self.runs))} to {number(max(self.runs))}"
        bar = "" if self.bar is None else f"{self.bar} {'met' if self.holds else 'MISSED'}"
        return self.name, self.unit, number(self.median), spread, str(len(self.runs)), bar

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "runs": list(self.runs),
            "bar": None if self.bar is None else str(self.bar),
            "met": self.holds,
        }


HEAD = ("what", "unit", "median", "from, to", "runs", "bar")


def number(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that is readable in a terminal too."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, *rows)
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
