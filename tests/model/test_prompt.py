"""Visual tokens in their places, and their keys."""

import pytest

from model.errors import PromptError
from model.prompt import Prompt, expand, keys


def test_each_image_id_is_repeated_for_its_visual_tokens() -> None:
    assert expand([1, 9, 2, 9], 9, [2, 3]) == Prompt((1, 9, 9, 2, 9, 9, 9), ((1, 2), (4, 3)))


@pytest.mark.parametrize("lengths", [[], [2], [1, 1, 1]])
def test_as_many_pictures_as_marks_or_a_clear_refusal(lengths: list[int]) -> None:
    with pytest.raises(PromptError, match="2 images"):
        expand([9, 9], 9, lengths)


def test_keys_tell_pictures_apart_and_are_outside_every_vocabulary() -> None:
    prompt = expand([1, 9, 2, 9], 9, [2, 2])
    one, other = keys(prompt, ["a", "b"]), keys(prompt, ["a", "c"])
    assert one[:4] == other[:4] and not set(one[4:]) & set(other[4:])
    assert one[0] == 1 and one[3] == 2
    visual = [k for k in one if k > 9]
    assert len(set(visual)) == 4 and all(2**127 <= k < 2**128 for k in visual)


def test_the_same_picture_has_the_same_keys_everywhere() -> None:
    prompt = expand([9, 9], 9, [3, 3])
    assert keys(prompt, ["a", "a"])[:3] == keys(prompt, ["a", "a"])[3:]


def test_a_digest_for_every_picture() -> None:
    with pytest.raises(PromptError):
        keys(expand([9], 9, [2]), [])
