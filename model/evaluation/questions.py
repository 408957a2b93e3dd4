"""Questions for scoring, in phrasings that training never used, each with a rule for its answer.

A rule accepts any wording that says the right thing and nothing wrong: Yes or No first, the
number as digit or word, places by left, right, top, bottom, center.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from model.evaluation.drawer import COLORS, INSIDE, Drawing, Drawn

Random = np.random.Generator
SHAPES = tuple(INSIDE)
NUMBERS = ("zero", "one", "two", "three", "four")
MARGIN = 0.1  # how clearly left, right, above or below a thing must be before it is asked about


@dataclass(frozen=True, slots=True)
class Question:
    kind: str
    text: str
    accepts: Callable[[str], bool]


def plural(shape: str) -> str:
    return "crosses" if shape == "cross" else shape + "s"


def said(answer: str) -> list[str]:
    """The answer's words, lower case, British colours as American ones, singular."""
    words = re.findall(
        r"[a-z]+|\d+", answer.lower().replace("grey", "gray").replace("centre", "center")
    )
    singular = {plural(s): s for s in SHAPES}
    return [singular.get(word, word) for word in words]


def pairs(answer: str) -> set[tuple[str, str]]:
    """The (colour, shape) pairs that an answer names, as in "a red star"."""
    words = said(answer)
    return {(a, b) for a, b in pairwise(words) if a in COLORS and b in SHAPES}


def kinds_of(things: Sequence[Drawn]) -> set[tuple[str, str]]:
    return {(t.color, t.shape) for t in things}


def says_number(answer: str, number: int) -> bool:
    found = {
        int(w) if w.isdigit() else NUMBERS.index(w)
        for w in said(answer)
        if w.isdigit() or w in NUMBERS
    }
    return found == {number}


def says_only(answer: str, right: set[str], among: Sequence[str]) -> bool:
    """The words of a list that are in the answer are the right ones, all of them."""
    return {word for word in said(answer) if word in among} == right


def verdict(answer: str, truth: bool) -> bool:
    return answer.startswith("Yes" if truth else "No")


def place_words(thing: Drawn) -> set[str]:
    across = "left" if thing.x < 1 / 3 else "right" if thing.x > 2 / 3 else "center"
    down = "top" if thing.y < 1 / 3 else "bottom" if thing.y > 2 / 3 else "center"
    return {across, down}


def well_inside(thing: Drawn) -> bool:
    """Not so near to a border between thirds that two answers would be fair."""
    return all(abs(v - b) > 0.04 for v in (thing.x, thing.y) for b in (1 / 3, 2 / 3))


def _one(rng: Random, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


class Asker:
    """Asks about one drawing. A method gives None when its question has no single right answer."""

    def __init__(self, rng: Random, drawing: Drawing, which: str = "") -> None:
        self.rng, self.things, self.which = rng, drawing.things, which

    def ask(self, kind: str) -> Question | None:
        made = getattr(self, kind)()
        if made is None:
            return None
        text, accepts = made
        if self.which:
            text = f"{text[:-1]} in {self.which}{text[-1]}"
        return Question(kind, text, accepts)

    def _unique(self, prop: str) -> Drawn | None:
        """A thing that is alone with its shape or colour."""
        alone = [
            t
            for t in self.things
            if sum(getattr(o, prop) == getattr(t, prop) for o in self.things) == 1
        ]
        return alone[self.rng.integers(len(alone))] if alone else None

    def describe(self) -> tuple[str, Callable[[str], bool]]:
        text = _one(self.rng, (
            "Could you describe what this picture has in it?", "What do you notice in this drawing?", "Please tell me everything you see.",
            "What shapes did I put in the picture?", "Give a description of what you see.", "Which objects can be found in this image?",
            "Which things make up this drawing?", "Tell me which shapes are in the image.", "What is in here?",
        ))  # fmt: skip
        return text, lambda a: pairs(a) == kinds_of(self.things)

    def count(self) -> tuple[str, Callable[[str], bool]]:
        text = _one(self.rng, (
            "How many shapes did I draw?", "What number of objects is there?", "How many things do you count?", "Can you tell me how many figures there are in total?",
            "How many objects in the image?", "How many separate shapes are visible?", "In total, how many things are there?",
        ))  # fmt: skip
        return text, lambda a: says_number(a, len(self.things))

    def count_kind(self) -> tuple[str, Callable[[str], bool]]:
        thing = self.things[self.rng.integers(len(self.things))]
        shape = thing.shape if self.rng.random() < 0.7 else SHAPES[self.rng.integers(7)]
        color = thing.color if self.rng.random() < 0.7 else list(COLORS)[self.rng.integers(11)]
        if self.rng.random() < 0.6:
            noun, number = plural(shape), sum(t.shape == shape for t in self.things)
        else:
            noun, number = f"{color} objects", sum(t.color == color for t in self.things)
        text = _one(self.rng, (
            f"How many {noun} did I draw?", f"In this picture, how many {noun} do you count?", f"What number of {noun} is there?",
            f"Tell me how many {noun} you can find.", f"How many {noun} in the image?",
        ))  # fmt: skip
        return text, lambda a: says_number(a, number)

    def color(self) -> tuple[str, Callable[[str], bool]] | None:
        thing = self._unique("shape")
        if thing is None:
            return None
        name = thing.shape
        text = _one(self.rng, (
            f"Which color would the {name} be?", f"What colour would you say the {name} is?", f"The {name} - what color is it?", f"Please say which color the {name} comes in.",
            f"What's the {name}'s color?", f"Of what color is the {name}?", f"What color did I give the {name}?",
        ))  # fmt: skip
        return text, lambda a: says_only(a, {thing.color}, tuple(COLORS))

    def shape(self) -> tuple[str, Callable[[str], bool]] | None:
        thing = self._unique("color")
        if thing is None:
            return None
        color = thing.color
        text = _one(self.rng, (
            f"Which shape would the {color} one be?", f"What kind of shape is {color}?", f"So the {color} object is which kind of shape?", f"What {color} figure did I draw?",
            f"Which of these shapes did I color {color}?", f"The {color} shape: what is it?", f"Can you name the {color} shape?",
        ))  # fmt: skip
        return text, lambda a: says_only(a, {thing.shape}, SHAPES)

    def exists(self) -> tuple[str, Callable[[str], bool]]:
        thing = self.things[self.rng.integers(len(self.things))]
        shape, color = thing.shape, thing.color
        if self.rng.random() < 0.5:
            shape = SHAPES[self.rng.integers(7)]
            color = color if self.rng.random() < 0.5 else list(COLORS)[self.rng.integers(11)]
        by_color = self.rng.random() < 0.5
        noun = f"{color} {shape}" if by_color else shape
        truth = any(t.shape == shape and (not by_color or t.color == color) for t in self.things)
        a = "an" if noun[0] == "o" else "a"
        text = _one(self.rng, (
            f"Is {a} {noun} among the shapes?", f"Have I drawn {a} {noun} anywhere?", f"Would you find {a} {noun} in this picture?", f"Can {a} {noun} be made out?",
            f"Is there {a} {noun} somewhere?", f"Does my drawing include {a} {noun}?", f"Among the shapes, is there {a} {noun}?",
        ))  # fmt: skip
        return text, lambda answer: verdict(answer, truth)

    def where(self) -> tuple[str, Callable[[str], bool]] | None:
        thing = self._unique("shape")
        if thing is None or not well_inside(thing):
            return None
        text = _one(self.rng, (
            f"Where did I draw the {thing.shape}?", f"Whereabouts is the {thing.shape}?", f"Can you say where the {thing.shape} is?", f"In which spot did I put the {thing.shape}?",
            f"At which position do you see the {thing.shape}?", f"Where in the image is the {thing.color} {thing.shape}?",
        ))  # fmt: skip
        return text, lambda a: says_only(
            a, place_words(thing), ("left", "right", "top", "bottom", "center")
        )

    def relation(self) -> tuple[str, Callable[[str], bool]] | None:
        thing = self._unique("shape")
        if thing is None or len(self.things) < 2:
            return None
        others = [t for t in self.things if t is not thing]
        side = _one(self.rng, ("left", "right", "above", "below"))
        far = [
            {
                "left": thing.x - t.x,
                "right": t.x - thing.x,
                "above": thing.y - t.y,
                "below": t.y - thing.y,
            }[side]
            for t in others
        ]
        if any(abs(f) < MARGIN for f in far):
            return None
        there = kinds_of([t for t, f in zip(others, far, strict=True) if f > 0])
        words = {
            "left": ("to the left of", "left of"),
            "right": ("to the right of", "right of"),
            "above": ("above",),
            "below": ("below", "under"),
        }[side]
        rel = _one(self.rng, words)
        text = _one(self.rng, (
            f"Which things did you find {rel} the {thing.shape}?", f"What did I draw {rel} the {thing.shape}?", f"What can be found {rel} the {thing.shape}?",
            f"Looking at the picture, what is {rel} the {thing.color} {thing.shape}?",
        ))  # fmt: skip
        if not there:
            return (
                text,
                lambda a: (
                    not pairs(a) - kinds_of([thing])
                    and bool(re.search(r"\b(nothing|no|none)\b", a.lower()))
                ),
            )
        return text, lambda a: pairs(a) - kinds_of([thing]) == there

    def is_relation(self) -> tuple[str, Callable[[str], bool]] | None:
        thing = self._unique("shape")
        others = [
            t
            for t in self.things
            if thing and sum(o.shape == t.shape for o in self.things) == 1 and t is not thing
        ]
        if thing is None or not others:
            return None
        other = others[self.rng.integers(len(others))]
        side = _one(self.rng, ("left of", "right of", "above", "below"))
        far = {
            "left of": other.x - thing.x,
            "right of": thing.x - other.x,
            "above": other.y - thing.y,
            "below": thing.y - other.y,
        }[side]
        if abs(far) < MARGIN:
            return None
        text = _one(
            self.rng,
            (
                f"Looking at it, is the {thing.shape} {side} the {other.shape}?",
                f"Do you see the {thing.shape} {side} the {other.shape}?",
            ),
        )
        return text, lambda a: verdict(a, far > 0)

    def colors(self) -> tuple[str, Callable[[str], bool]]:
        text = _one(self.rng, (
            "Which colors did I use?", "What are all the colors here?", "What colours do you make out here?", "Tell me the colors in this drawing.", "Which colors occur in the picture?",
        ))  # fmt: skip
        return text, lambda a: says_only(a, {t.color for t in self.things}, tuple(COLORS))

    def at(self) -> tuple[str, Callable[[str], bool]] | None:
        thing = self.things[self.rng.integers(len(self.things))]
        if not all(well_inside(t) for t in self.things):
            return None
        here = [
            t
            for t in self.things
            if (int(t.x * 3), int(t.y * 3)) == (int(thing.x * 3), int(thing.y * 3))
        ]
        words = (
            ("top", "center", "bottom")[int(thing.y * 3)],
            ("left", "center", "right")[int(thing.x * 3)],
        )
        place = (
            "in the center" if words == ("center", "center") else f"at the {words[0]} {words[1]}"
        )
        text = _one(
            self.rng,
            (
                f"What have I placed {place}?",
                f"What shape is there {place}?",
                f"What would you say is {place}?",
            ),
        )
        return text, lambda a: pairs(a) == kinds_of(here)


KINDS = (
    "describe",
    "count",
    "count_kind",
    "color",
    "shape",
    "exists",
    "where",
    "relation",
    "is_relation",
    "colors",
    "at",
)


def follow_up(rng: Random, drawing: Drawing) -> tuple[Question, Question] | None:
    """A question about one thing and a second that calls it "it"."""
    asker = Asker(rng, drawing)
    thing = asker._unique("shape")
    if thing is None or not well_inside(thing):
        return None
    a = "an" if thing.color[0] == "o" else "a"
    first = Question(
        "exists",
        f"Can you make out {a} {thing.color} {thing.shape} here?",
        lambda s: verdict(s, True),
    )
    second = (
        Question("where", _one(rng, ("Whereabouts is it?", "Where did I draw it?")), lambda s: says_only(s, place_words(thing), ("left", "right", "top", "bottom", "center"))),
        Question("color", _one(rng, ("And what would its color be?", "What colour would you say it is?")), lambda s: says_only(s, {thing.color}, tuple(COLORS))),
    )[rng.integers(2)]  # fmt: skip
    if second.kind == "color":
        first = Question(
            "exists", f"Can you make out a {thing.shape} here?", lambda s: verdict(s, True)
        )
    return first, second
