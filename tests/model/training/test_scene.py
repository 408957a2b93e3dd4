"""Scenes as they are sampled."""

from random import Random

from model.training.scene import COLORS, SHAPES, place_name, sample_scene


def test_scenes_hold_one_to_four_things_that_lie_apart_inside_the_canvas():
    rng = Random(0)
    for _ in range(300):
        scene = sample_scene(rng)
        assert 1 <= len(scene.things) <= 4
        for thing in scene.things:
            assert thing.shape in SHAPES and thing.color in COLORS
            assert 0 < thing.x < 1 and 0 < thing.y < 1
            assert thing.place == place_name(thing.x, thing.y)
