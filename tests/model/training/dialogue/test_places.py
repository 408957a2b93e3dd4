"""Places that are told are the right ones."""

from dataclasses import replace

from model.training.scene import Scene
from tests.model.training.dialogue.asking import BLUE, RED, turns

SIDES = (("on", "left"), ("on", "right"), ("at", "top"), ("at", "bottom"))


def test_places_are_those_of_the_things():
    for turn in turns("where"):
        if "no" not in turn.answer.split():
            thing = RED if "star" in turn.answer else BLUE
            assert thing.place in turn.answer


def test_whether_a_thing_is_on_a_side_is_answered_with_its_place():
    verdicts = set()
    for turn in turns("is_at"):
        star = "red star" in turn.answer
        assert ("at the top left." if star else "at the bottom right.") in turn.answer
        asked = turn.question.lower()
        sides = [side for side in ("left", "right", "top", "bottom") if side in asked]
        if sides and "center" not in asked and "middle" not in asked:  # else a slip, or a ninth
            told = turn.answer.startswith("Yes")
            verdicts.add(told)
            assert told == all(side in turn.answer for side in sides)
    assert verdicts == {True, False}


def test_what_stands_in_the_middle_is_on_no_side():
    middle = Scene((replace(RED, x=0.5, y=0.5),))
    for turn in turns("is_at", middle):
        asked = turn.question.lower()
        if any(f"{word} the {side}" in asked for word, side in SIDES) and "center" not in asked:
            assert turn.answer == "No, the red star is in the center."
