"""Questions and answers about scenes: what is said is true."""

from random import Random

import pytest

from model.training.dialogue import BEYOND, NO_PICTURE, WEIGHTS, Speaker, enumeration, join
from model.training.scene import COLORS, SHAPES, Scene, Thing, place_name, sample_scene

RED = Thing("star", "red", 0.15, 0.25, 0.2)
BLUE = Thing("circle", "blue", 0.85, 0.75, 0.2)
SCENE = Scene((RED, BLUE))


def turns(kind, scene=SCENE, count=60):
    """Many questions of one kind about a scene; kinds that need one before get it."""
    rng = Random(1)
    for _ in range(count):
        speaker = Speaker(rng, {kind: 1.0})
        yield speaker.turn([scene])


@pytest.mark.parametrize(
    "kind", [k for k in WEIGHTS if k not in ("and_it", "count_them", "extreme")]
)
def test_every_kind_can_be_asked(kind):
    assert all(turn.question and turn.answer and turn.kind == kind for turn in turns(kind, count=5))


def test_what_exists_is_affirmed_and_what_does_not_is_denied():
    for turn in turns("exists"):
        asked = turn.question.lower()
        # The first letters: a question may hold one slip.
        there = any(t.shape[:3] in asked or t.color[:3] in asked for t in SCENE.things)
        assert turn.answer.startswith(("Yes", "No"))
        assert there or turn.answer.startswith("No")


def test_places_are_those_of_the_things():
    for turn in turns("where"):
        if "no" not in turn.answer.split():
            thing = RED if "star" in turn.answer else BLUE
            assert thing.place in turn.answer


def test_relations_hold():
    for turn in turns("is_relation"):
        assert "red star is " in turn.answer or "blue circle is " in turn.answer
        left_of = turn.answer.split(" is ")[1]
        first = "star" in turn.answer.split(" is ")[0]
        assert left_of.startswith(("left", "above") if first else ("right", "below"))


def test_without_a_picture_it_asks_for_one():
    rng = Random(2)
    visual = {
        k: w
        for k, w in WEIGHTS.items()
        if k not in ("hello", "thanks", "bye", "who", "can", "cannot", "load", "beyond")
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


def test_what_lies_beyond_its_world_gets_the_same_honest_answer():
    assert {turn.answer for turn in turns("beyond", count=50)} == {BEYOND}


def test_equal_things_are_enumerated_together():
    pair = (RED, BLUE, Thing("circle", "blue", 0.5, 0.5, 0.1))
    assert enumeration(pair) == "a red star and two blue circles"
    assert join(["a", "b", "c"]) == "a, b and c"


def test_scenes_hold_one_to_four_things_that_lie_apart_inside_the_canvas():
    rng = Random(0)
    for _ in range(300):
        scene = sample_scene(rng)
        assert 1 <= len(scene.things) <= 4
        for thing in scene.things:
            assert thing.shape in SHAPES and thing.color in COLORS
            assert 0 < thing.x < 1 and 0 < thing.y < 1
            assert thing.place == place_name(thing.x, thing.y)
