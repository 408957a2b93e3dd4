"""Numbers are those of what was drawn."""

from model.training.scene import COLORS
from tests.model.training.dialogue.asking import SCENE, turns


def test_all_things_are_counted_also_when_no_noun_is_said():
    assert {turn.answer for turn in turns("count", count=300)} == {"There are 2 shapes."}


def test_of_a_kind_only_its_own_are_counted():
    for turn in turns("count_kind", count=300):
        number, *kind = turn.answer.rstrip(".").split()[2:]
        words = {word.removesuffix("s") for word in kind} - {"shape"}
        assert int(number) == sum(words <= {t.color, t.shape} for t in SCENE.things), turn


def test_what_is_not_of_a_color_is_counted():
    for turn in turns("count_not"):
        there = any(color in turn.question.lower() for color in ("red", "blue"))
        slip = not any(color in turn.question.lower() for color in COLORS)
        assert slip or turn.answer == (
            "There is 1 such shape." if there else "There are 2 such shapes."
        )
