"""How answers name things."""

from model.training.dialogue.wording import enumeration, join
from model.training.scene import Thing
from tests.model.training.dialogue.asking import BLUE, RED


def test_equal_things_are_enumerated_together():
    pair = (RED, BLUE, Thing("circle", "blue", 0.5, 0.5, 0.1))
    assert enumeration(pair) == "a red star and two blue circles"
    assert join(["a", "b", "c"]) == "a, b and c"


def test_an_article_fits_the_word_that_follows_it():
    orange = Thing("heart", "orange", 0.5, 0.5, 0.1)
    assert enumeration([orange]) == "an orange heart"
    assert enumeration([orange], colored=False) == "a heart"
