"""The whole evaluation, its bars, and the table that the README shows."""

from dataclasses import dataclass

from PIL import Image

from model.evaluation.drawer import Drawing, draw
from model.evaluation.score import Answer, Tally, conversations, follow_ups, manners, two_pictures

BARS = {
    "all": 0.97, "describe": 0.93, "count": 0.93, "count_kind": 0.93, "color": 0.93, "shape": 0.93, "exists": 0.93,
    "where": 0.93, "relation": 0.93, "is_relation": 0.93, "colors": 0.93, "at": 0.93, "later turns": 0.95,
    "turn 10": 0.93, "follow-up": 0.95, "two pictures": 0.90, "no picture": 0.95, "beyond its world": 0.90, "manners": 0.90,
}  # fmt: skip


@dataclass(slots=True)
class Report(Tally):
    """A tally with its bars. "blank" and "swapped" show what is left when it can't see."""

    def table(self) -> str:
        rows = ["| what | right | of | bar |", "|---|---|---|---|"]
        for group in [*BARS, "blank picture", "swapped picture"]:
            if group in self.right:
                bar = f"{BARS[group]:.0%}" if group in BARS else ""
                rows.append(
                    f"| {group} | {self.share(group):.1%} | {len(self.right[group])} | {bar} |"
                )
        return "\n".join(rows) + "\n"

    def passes(self) -> bool:
        return all(self.share(group) >= bar for group, bar in BARS.items())


def evaluate(answer: Answer, drawings: int, seed: int) -> Report:
    """Everything the bars speak of, and the same questions with the picture taken away."""
    report = Report()
    conversations(answer, report, drawings, seed)
    follow_ups(answer, report, drawings, seed + 1)
    two_pictures(answer, report, drawings // 2, seed + 2)
    manners(answer, report)
    for name, shown in (("blank picture", _blank), ("swapped picture", _swapped)):
        unseen = Tally()
        conversations(answer, unseen, drawings // 5, seed, shown=shown)
        report.right[name] = unseen.right["all"]
    return report


def _blank(number: int, drawing: Drawing) -> Image.Image:
    return Image.new("RGB", drawing.picture.size, (230, 230, 230))


def _swapped(number: int, drawing: Drawing) -> Image.Image:
    import numpy as np

    return draw(np.random.default_rng((99, number))).picture
