"""What has nothing to do with the picture gets the same answer each time."""

from model.training.dialogue.small_talk import BEYOND
from tests.model.training.dialogue.asking import turns


def test_what_lies_beyond_its_world_gets_the_same_honest_answer():
    assert {turn.answer for turn in turns("beyond", count=50)} == {BEYOND}
