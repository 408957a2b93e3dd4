"""What transformers and the original LLaVA once answered, for machines without torch.

See `make_goldens`.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import model
from tests.parity.pictures import greedy

FOLDER = Path(__file__).parent / "goldens"
PROMPTS = json.loads((FOLDER / "prompts.json").read_text())
CASES = sorted(path.parent.name for path in FOLDER.glob("*/expected.npz"))


@pytest.mark.parametrize("case", CASES)
def test_logits_and_greedy_tokens_equal_what_the_reference_answered(case: str) -> None:
    ours = model.load(FOLDER / case)
    with np.load(FOLDER / case / "expected.npz") as file:
        expected = dict(file)
    for number, given in enumerate(PROMPTS):
        images: list[Image.Image] = [Image.open(FOLDER / name) for name in given["pictures"]]
        if case.startswith("original"):  # which drops transparency, where here it is on white
            images = [image.convert("RGB") for image in images]
        logits = np.array(ours.logits(given["prompt"], images))
        last = expected[f"logits-{number}"]
        assert len(logits) == expected[f"tokens-{number}"]
        assert np.abs(logits[-len(last) :] - last).max() <= 1e-4
        assert np.array_equal(logits.argmax(-1), expected[f"likeliest-{number}"])
        written = expected[f"greedy-{number}"].tolist()
        assert greedy(ours, given["prompt"], images, len(written)) == written


def test_there_are_goldens_of_all_families_and_layouts() -> None:
    assert len(CASES) == 14


def test_goldens_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.*")) < 3_500_000
