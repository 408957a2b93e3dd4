"""Places that are told are the right ones."""

from tests.model.training.dialogue.asking import BLUE, RED, turns


def test_places_are_those_of_the_things():
    for turn in turns("where"):
        if "no" not in turn.answer.split():
            thing = RED if "star" in turn.answer else BLUE
            assert thing.place in turn.answer
