"""`Llava.logits` and its refusals."""

from collections.abc import Iterator

import mlx.core as mx
import numpy as np
import pytest
from PIL import Image

import model
from model.errors import PromptError
from tests.checkpoints import write_checkpoint

RED, BLUE = Image.new("RGB", (50, 50), "red"), Image.new("RGB", (80, 20), "blue")


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Iterator[model.Llava]:
    yield model.load(write_checkpoint(tmp_path_factory.mktemp("tiny")))


@pytest.mark.parametrize(
    ("prompt", "images"),
    [
        ("What is it?", [RED]),
        ("<image> What is it?", []),
        ("<image><image>", [RED]),
        ("<image>", [RED, BLUE]),
    ],
)
def test_a_count_of_marks_that_differs_from_the_images_is_a_value_error(
    llava: model.Llava, prompt: str, images: list[Image.Image]
) -> None:
    with pytest.raises(ValueError, match=rf"{prompt.count('<image>')} .*{len(images)}") as refusal:
        llava.logits(prompt, images)
    assert isinstance(refusal.value, PromptError)


def test_there_is_a_row_of_float32_logits_for_each_token(llava: model.Llava) -> None:
    words = llava.logits("USER: Hi")
    pictured = llava.logits("<image>USER: Hi", [RED])
    assert words.dtype == mx.float32
    assert words.shape[1] == 384
    assert pictured.shape[0] >= words.shape[0] + llava.config.visual_tokens


def test_no_token_sees_what_comes_after_it(llava: model.Llava) -> None:
    longer, shorter = llava.logits("USER: Hi. What is it?"), llava.logits("USER: Hi.")
    same = shorter.shape[0]
    assert np.abs(np.array(longer[:same] - shorter)).max() < 1e-5


def test_images_are_taken_in_the_order_of_their_marks(llava: model.Llava) -> None:
    prompt = "<image> and <image>"
    one, other = llava.logits(prompt, [RED, BLUE]), llava.logits(prompt, [BLUE, RED])
    first = 1 + llava.config.visual_tokens
    alone = llava.logits("<image>", [RED])
    assert np.abs(np.array(one[:first] - alone[:first])).max() < 1e-5
    assert np.abs(np.array(other[:first] - alone[:first])).max() > 1e-3


def test_a_picture_in_a_later_place_still_counts(llava: model.Llava) -> None:
    prompt = "<image> and <image>"
    one, other = llava.logits(prompt, [RED, RED]), llava.logits(prompt, [RED, BLUE])
    assert np.abs(np.array(one[-1] - other[-1])).max() > 1e-3


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_pictures_of_any_mode_are_taken(llava: model.Llava, mode: str) -> None:
    logits = llava.logits("<image>", [Image.new(mode, (3, 1))])
    assert bool(mx.isfinite(logits).all())
