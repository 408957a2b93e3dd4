"""Pictures that a browser draws: each manner gives well-formed SVG of what is said to be there."""

from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from model.evaluation.elsewhere import DARK, MANNERS, PALE, draw, score


class Browser:
    """Takes the SVG and draws nothing."""

    def __init__(self):
        self.seen = []

    def __call__(self, svg, width, height):
        self.seen.append(ElementTree.fromstring(svg))  # noqa: S314 - our own text
        return Image.new("RGB", (width, height))


@pytest.mark.parametrize("manner", MANNERS)
def test_every_thing_is_drawn_in_its_colour(manner):
    browser = Browser()
    for seed in range(30):
        drawing = draw(np.random.default_rng(seed), manner, browser)
        groups = browser.seen[-1].findall("{*}g")
        assert len(groups) == len(drawing.things)
        for group, thing in zip(groups, drawing.things, strict=True):
            assert thing.color in ElementTree.tostring(group, encoding="unicode")


def test_pale_things_stand_on_dark_grounds_only():
    browser = Browser()
    for seed in range(60):
        drawing = draw(np.random.default_rng(seed), "clean", browser)
        ground = browser.seen[-1].find("{*}rect").get("fill")
        assert ground in DARK or not {t.color for t in drawing.things} & set(PALE)


def test_one_seed_asks_the_same_in_every_manner():
    asked = []

    def answer(said):
        asked.append(said[-1].text)
        return "Yes"

    score(answer, Browser(), drawings=1, seed=3)
    assert asked == asked[:10] * len(MANNERS)
