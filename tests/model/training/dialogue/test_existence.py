"""What is there is affirmed."""

from tests.model.training.dialogue.asking import SCENE, turns


def test_what_exists_is_affirmed_and_what_does_not_is_denied():
    for turn in turns("exists"):
        asked = turn.question.lower()
        # The first letters: a question may hold one slip.
        there = any(t.shape[:3] in asked or t.color[:3] in asked for t in SCENE.things)
        assert turn.answer.startswith(("Yes", "No"))
        assert there or turn.answer.startswith("No")
