"""Rules for answers: what they accept, and what they don't."""

import re
from random import Random

import numpy as np
import pytest

from model.evaluation.drawer import COLORS, INSIDE, Drawing, Drawn, draw, layout
from model.evaluation.questions import KINDS, Asker, pairs, says_number, says_only
from model.evaluation.score import draw_questions
from model.training.dialogue.speaker import Speaker
from model.training.dialogue.weights import POLISH_WEIGHTS
from model.training.scene import sample_scene

STAR, CIRCLE = Drawn("star", "red", 0.15, 0.2, 20), Drawn("circle", "blue", 0.85, 0.8, 20)
DRAWING = Drawing(draw(np.random.default_rng(0)).picture, (STAR, CIRCLE))


def ask(kind, seed=0):
    return Asker(np.random.default_rng(seed), DRAWING).ask(kind)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("describe", "I see a red star and a blue circle.", "I see a red star."),
        (
            "describe",
            "Two things: a blue circle, a red star",
            "a red star, a blue circle and a red circle",
        ),
        ("count", "There are 2 shapes.", "There are 3 shapes."),
        ("count", "Two.", "One or two."),
        ("colors", "The colors are red and blue.", "The colors are red, blue and green."),
    ],
)
def test_rules_accept_any_wording_of_the_truth_only(kind, right, wrong):
    question = ask(kind)
    assert question.accepts(right) and not question.accepts(wrong)


def test_a_place_needs_all_of_its_words_and_no_other():
    question = next(q for q in (ask("where", s) for s in range(20)) if "star" in q.text)
    assert question.accepts("It is at the top left.")
    assert not question.accepts("It is at the left.") and not question.accepts(
        "At the top left or right."
    )


def test_a_relation_names_what_is_there_and_nothing_else():
    for seed in range(60):
        question = ask("relation", seed)
        if "star" in question.text and (
            "right" in question.text or "below" in question.text or "under" in question.text
        ):
            assert question.accepts("A blue circle is there.") and not question.accepts(
                "Nothing is there."
            )
            return
    pytest.fail("no such question came up")


def test_yes_and_no_stand_first():
    for seed in range(40):
        question = ask("exists", seed)
        truth = any(w in question.text for w in ("red star", "blue circle")) or (
            ("star" in question.text or "circle" in question.text)
            and not any(c in question.text for c in COLORS)
        )
        assert question.accepts("Yes, there is." if truth else "No, there is not.")
        assert not question.accepts("No." if truth else "Yes.")


def test_numbers_and_words_are_read_out_of_answers():
    assert pairs("Two red stars and a grey circle") == {("red", "star"), ("gray", "circle")}
    assert says_number("There are four", 4) and not says_number("many", 4)
    assert says_only("red", {"red"}, tuple(COLORS)) and not says_only(
        "red, blue", {"red"}, tuple(COLORS)
    )


def test_drawings_hold_what_they_say():
    for seed in range(12):
        drawing = draw(np.random.default_rng(seed))
        pixels = np.asarray(drawing.picture).astype(int)
        height, width = pixels.shape[:2]
        for thing in drawing.things:
            assert thing.shape in INSIDE
            inside = pixels[int(thing.y * height), int(thing.x * width)]
            nearest = min(
                COLORS, key=lambda c: min(np.abs(inside - np.array(p)).sum() for p in COLORS[c])
            )
            assert (
                nearest == thing.color
                or np.abs(inside - np.array(COLORS[thing.color][0])).sum() < 120
            )


def test_every_kind_of_question_comes_up():
    kinds = {
        q.kind
        for seed in range(20)
        for q in draw_questions(np.random.default_rng(seed), draw(np.random.default_rng(seed)), 6)
    }
    assert kinds == set(KINDS)


def pattern(text):
    """A question without capitals, marks and the names that fill it."""
    text = re.sub(r"[?.!,:]", " ", text.lower()).replace("colour", "color")
    for words, letter in (
        ("|".join(COLORS), "C"), (r"crosses|(?:" + "|".join(INSIDE) + ")s?", "S"), ("an?", "a"),
        ("(?:top|bottom|center|upper|lower|middle)[ -](?:left|right|center|middle)(?: corner)?", "P"),
    ):  # fmt: skip
        text = re.sub(rf"\b(?:{words})\b", letter, text)
    return " ".join(text.split())


def test_training_never_asks_in_these_words():
    scored = set()
    for seed in range(400):
        numbers = np.random.default_rng(seed)
        things = layout(numbers, int(numbers.integers(1, 5)), 300, 300)
        drawing = Drawing(DRAWING.picture, things)
        scored |= {pattern(question.text) for question in draw_questions(numbers, drawing, 6)}
    rng, trained = Random(0), set[str]()
    for _ in range(3000):
        speaker = Speaker(rng, POLISH_WEIGHTS)
        for index in range(6):
            turn = speaker.turn([] if index else [sample_scene(rng)])
            trained.add(pattern(turn.question))
    assert len(scored) > 100
    assert not scored & trained
