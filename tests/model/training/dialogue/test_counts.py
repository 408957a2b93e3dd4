"""Numbers are those of what was drawn."""

from tests.model.training.dialogue.asking import SCENE, turns


def test_all_things_are_counted_also_when_no_noun_is_said():
    assert {turn.answer for turn in turns("count", count=300)} == {"There are 2 shapes."}


def test_of_a_kind_only_its_own_are_counted():
    for turn in turns("count_kind", count=300):
        number, *kind = turn.answer.rstrip(".").split()[2:]
        words = {word.removesuffix("s") for word in kind} - {"shape"}
        assert int(number) == sum(words <= {t.color, t.shape} for t in SCENE.things), turn
