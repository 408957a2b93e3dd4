"""Pictures in many manners: what is drawn shows, where the labels say."""

from random import Random

import numpy as np
import pytest

from model.training.contours import contour
from model.training.dataset import NOTHING, render_one
from model.training.manners import MANNERS, Hand, draw
from model.training.scene import SHAPES, sample_scene


@pytest.mark.parametrize("shape", SHAPES)
def test_contours_are_about_one_across_and_around_the_middle(shape):
    for seed in range(100):
        points = np.array(contour(shape, Random(seed)))
        assert 0.5 < np.ptp(points, axis=0).max() < 1.3
        assert np.abs((points.min(0) + points.max(0)) / 2).max() < 0.25


def test_every_thing_can_be_told_from_its_ground():
    faint = 0
    for seed in range(200):
        pixels, owners, _ = render_one(seed, draw)
        for index in set(owners[owners >= 0].tolist()):
            patches = pixels.reshape(8, 14, 8, 14, 3).swapaxes(1, 2).reshape(64, -1, 3)
            here = patches[owners == index].astype(int).reshape(-1, 3)
            ground = np.median(pixels[pixels.sum(-1) != 381], axis=0)
            faint += np.abs(here - ground).sum(-1).max() < 40
        assert (owners != NOTHING).any()
    assert faint <= 4


def test_one_seed_gives_one_picture():
    first, second = render_one(7, draw), render_one(7, draw)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("manner", MANNERS)
def test_every_manner_draws(manner, monkeypatch):
    hand = Hand(manner, 0.03, 0.02, None, twice=True)
    monkeypatch.setattr("model.training.manners._hand", lambda rng: hand)
    for seed in range(20):
        rng = Random(seed)
        picture, outlines = draw(sample_scene(rng), rng)
        assert np.asarray(picture).std() > 0 and outlines
