"""What is said of two things holds."""

from dataclasses import replace

from model.training.scene import Scene
from tests.model.training.dialogue.asking import BLUE, RED, turns


def test_relations_hold():
    for turn in turns("is_relation"):
        assert "red star is " in turn.answer or "blue circle is " in turn.answer
        left_of = turn.answer.split(" is ")[1]
        first = "star" in turn.answer.split(" is ")[0]
        assert left_of.startswith(("left", "above") if first else ("right", "below"))


def test_whether_anything_is_there_is_answered_with_what_it_is():
    for turn in turns("anything_related"):
        missing = turn.answer.startswith("There is no ")
        assert missing or turn.answer.startswith(("Yes, a ", "No, nothing is "))
        if turn.answer.startswith("Yes"):
            star = turn.answer.startswith("Yes, a red star")
            assert ("left of" in turn.answer or "above" in turn.answer) == star


def test_nothing_is_told_to_lie_beside_what_is_not_there():
    answers = {turn.answer for turn in turns("relation", count=400)}
    missing = {answer for answer in answers if answer.startswith("There is no ")}
    assert missing and not missing & {"There is no red star.", "There is no blue circle."}


def test_the_bigger_of_two_is_told():
    scene = Scene((replace(RED, size=0.4), BLUE))
    for turn in turns("is_bigger", scene):
        star = "red star is" in turn.answer
        assert ("is bigger than" if star else "is smaller than") in turn.answer
        if "small" in turn.question.lower():
            assert turn.answer.startswith("No" if star else "Yes")
