"""Conversations: every kind comes up, the right picture is spoken of."""

from random import Random

import pytest

from model.training.dialogue.small_talk import NO_PICTURE
from model.training.dialogue.speaker import Speaker
from model.training.dialogue.weights import WEIGHTS
from model.training.scene import Scene
from tests.model.training.dialogue.asking import BLUE, RED, turns


@pytest.mark.parametrize(
    "kind", [k for k in WEIGHTS if k not in ("and_it", "count_them", "extreme", "is_bigger")]
)
def test_every_kind_can_be_asked(kind):
    assert all(turn.question and turn.answer and turn.kind == kind for turn in turns(kind, count=5))


def test_without_a_picture_it_asks_for_one():
    rng = Random(2)
    visual = {
        k: w
        for k, w in WEIGHTS.items()
        if k
        not in ("hello", "thanks", "bye", "who", "can", "cannot", "load", "beyond", "sure", "ok")
    }
    for _ in range(100):
        assert Speaker(rng, visual).turn().answer == NO_PICTURE


def test_of_two_pictures_the_named_one_is_answered_about():
    first, second = Scene((RED,)), Scene((BLUE,))
    named = 0
    for seed in range(300):
        speaker = Speaker(Random(seed), {"describe": 1.0})
        speaker.turn([first])
        turn = speaker.turn([second])
        question = turn.question.lower()
        wants_first = any(
            w in question
            for w in ("first", "previous", "earlier", "old ", "other", "image 1", "picture 1")
        )
        named += wants_first
        assert ("red star" in turn.answer) == wants_first, turn
    assert named > 30


def test_the_last_question_is_repeated_of_another_picture():
    one, two = Scene((RED,)), Scene((RED, BLUE))
    repeated = 0
    for seed in range(300):
        speaker = Speaker(Random(seed), {"count": 1.0})
        speaker.turn([one])
        for turn in (speaker.turn([two]), speaker.turn()):
            asked = turn.question.lower()
            first = any(
                w in asked for w in ("first", "previous", "earlier", "old ", "the other", " 1")
            )
            assert ("1" in turn.answer) == first, turn
            repeated += asked.startswith(("and", "what about", "how about", "now", "here"))
    assert repeated > 30
