"""Places that are told are the right ones."""

from tests.model.training.dialogue.asking import BLUE, RED, turns


def test_places_are_those_of_the_things():
    for turn in turns("where"):
        if "no" not in turn.answer.split():
            thing = RED if "star" in turn.answer else BLUE
            assert thing.place in turn.answer


def test_whether_a_thing_is_on_a_side_is_answered_with_its_place():
    for turn in turns("is_at"):
        star = "red star" in turn.answer
        assert ("at the top left." if star else "at the bottom right.") in turn.answer
        sides = [
            side for side in ("left", "right", "top", "bottom") if side in turn.question.lower()
        ]
        if sides:  # else a slip
            assert turn.answer.startswith("Yes") == (sides[0] in turn.answer)
