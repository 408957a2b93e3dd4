"""What is there is affirmed."""

from tests.model.training.dialogue.asking import SCENE, turns


def test_what_exists_is_affirmed_and_what_does_not_is_denied():
    for turn in turns("exists"):
        asked = turn.question.lower()
        # The first letters: a question may hold one slip.
        there = any(t.shape[:3] in asked or t.color[:3] in asked for t in SCENE.things)
        assert turn.answer.startswith(("Yes", "No"))
        assert there or turn.answer.startswith("No")


def test_the_color_of_one_and_the_shape_of_another_are_asked_for_and_denied():
    crossed = 0
    for turn in turns("exists", count=300):
        asked = turn.question.lower()
        if "red circ" in asked or "blue sta" in asked:
            crossed += 1
            assert turn.answer.startswith("No, there is no ")
    assert crossed > 20
