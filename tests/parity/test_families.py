"""Every family against transformers.

Each seed makes a checkpoint of other odd settings, and asks it of pictures of other odd sizes. More
of them, and the largest difference of each in the report:

    export PARITY_SEEDS=100
    python -m pytest tests/parity/test_families.py -o junit_family=xunit1 --junitxml=report.xml
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

import model
from model.image_processor import PictureOrClip
from tests.checkpoints import write_checkpoint
from tests.parity.pictures import film, greedy, picture
from tests.parity.reference import Reference
from tests.random_weights import LAYOUTS, ORIGINAL

SEEDS = range(int(os.environ.get("PARITY_SEEDS", "6")))
TOLERANCE = 1e-4
TOKENS = 6
MODES = ["RGB", "RGB", "RGBA", "L", "CMYK"]
# Wide, tall, square, tiny: the sides' least and most.
SHAPES = [((40, 300), (8, 60)), ((8, 60), (40, 300)), ((20, 200), (20, 200)), ((1, 4), (1, 4))]

Case = dict[str, Any]


def text(random: Random) -> dict[str, Any]:
    kind = random.choice(["llama", "mistral", "qwen2"])
    return {
        "model_type": kind,
        "num_key_value_heads": random.choice([1, 2, 4]),
        "rope_theta": random.choice([1e4, 5e5, 1e6]),
        "max_position_embeddings": 2048,
        "sliding_window": None,
    }


def files(random: Random) -> Case:
    layout = random.choice([one for one in LAYOUTS if one not in ORIGINAL])
    return {"layout": layout, "shards": random.choice([1, 2]), "seed": random.randrange(99)}


def pinpoints(random: Random, side: int, most: int) -> list[list[int]]:
    every = [[side * h, side * w] for h in range(1, most + 1) for w in range(1, most + 1)]
    return random.sample(every, random.randint(2, len(every)))


def siglip(random: Random, side: int) -> dict[str, Any]:
    """Patches that leave a rest, too: pixels that no tower of this size sees."""
    return {
        "model_type": "siglip_vision_model",
        "image_size": side,
        "patch_size": random.choice([5, 6, 7]),
        "hidden_act": None if random.random() < 0.7 else "gelu",
        "layer_norm_eps": None,
        "num_hidden_layers": 2,
        "vision_use_head": random.random() < 0.5,
    }


def clip(random: Random) -> dict[str, Any]:
    return {
        "image_size": random.choice([28, 36, 45]),
        "patch_size": random.choice([7, 9, 14]),
        "hidden_act": random.choice([None, None, "gelu"]),
        "layer_norm_eps": random.choice([None, 1e-3]),
    }


def llava(random: Random) -> Case:
    pads = {"image_processor_type": "LlavaImageProcessor", "do_pad": True}
    return files(random) | {
        "text": text(random),
        "vision": clip(random),
        "preprocessing": random.choice([{}, pads]),
        "top": {
            "vision_feature_layer": random.choice([-2, -1, 1, [-2, 0]]),
            "vision_feature_select_strategy": random.choice(["default", "default", "full"]),
            "tie_word_embeddings": random.random() < 0.3,
        },
    }


def vipllava(random: Random) -> Case:
    layers = random.choice([[-2, -5, -8, -11, 6], [-1, 3], -2])
    return files(random) | {
        "text": text(random) | {"model_type": random.choice(["llama", "llama", "mistral"])},
        "vision": clip(random) | {"num_hidden_layers": 12},
        "top": {
            "model_type": "vipllava",
            "architectures": ["VipLlavaForConditionalGeneration"],
            "vision_feature_layer": layers,
            "projector_layernorm_eps": random.choice([None, 1e-2]),
        },
    }


def llava_next(random: Random) -> Case:
    side = random.choice([28, 36, 45])
    return files(random) | {
        "text": text(random),
        "vision": {"image_size": side, "patch_size": random.choice([7, 9, 14])},
        "top": {
            "model_type": "llava_next",
            "architectures": ["LlavaNextForConditionalGeneration"],
            "image_grid_pinpoints": pinpoints(random, side, 3),
            "vision_feature_layer": random.choice([-2, -1, 1, [-2, 0]]),
            "tie_word_embeddings": random.random() < 0.3,
        },
    }


def interleave(random: Random) -> Case:
    return files(random) | {
        "text": text(random) | {"model_type": "qwen2"},
        "vision": siglip(random, random.choice([28, 30, 42])),
        "top": {
            "vision_feature_select_strategy": "full",
            "vision_feature_layer": random.choice([-1, -2]),
            "tie_word_embeddings": random.random() < 0.3,
        },
    }


def onevision(random: Random) -> Case:
    side = random.choice([28, 30, 42])
    return files(random) | {
        "text": text(random) | {"model_type": random.choice(["qwen2", "qwen2", "llama"])},
        "vision": siglip(random, side),
        "top": {
            "model_type": "llava_onevision",
            "architectures": ["LlavaOnevisionForConditionalGeneration"],
            "image_grid_pinpoints": pinpoints(random, side, 4),
            "vision_feature_layer": -1,
            "vision_feature_select_strategy": "full",
            "vision_aspect_ratio": f"anyres_max_{random.choice([2, 4, 9])}",
            "tie_word_embeddings": random.random() < 0.3,
            "video_token_index": 350,
        },
    }


FAMILIES: dict[str, Callable[[Random], Case]] = {
    "LLaVA-1.5": llava,
    "ViP-LLaVA": vipllava,
    "LLaVA-NeXT": llava_next,
    "LLaVA-Interleave": interleave,
    "LLaVA-OneVision": onevision,
}


def pictures(random: Random, count: int) -> list[Image.Image]:
    made = []
    for shape in random.sample(SHAPES, count):
        width, height = (random.randint(*sides) for sides in shape)
        made.append(picture(width, height, random.choice(MODES), seed=random.randrange(99)))
    return made


def prompts(
    random: Random, pictures: Callable[[Random, int], list[Image.Image]] = pictures
) -> list[tuple[str, list[Image.Image]]]:
    """None, one, two in two turns, and three pictures."""
    return [
        ("USER: What is this? ASSISTANT:", []),
        ("USER: <image>\nWhat is this? ASSISTANT:", pictures(random, 1)),
        (
            "USER: <image>\nWhat? ASSISTANT: A cat. USER: <image>\nAnd here? ASSISTANT:",
            pictures(random, 2),
        ),
        ("USER: <image>\n<image>\nWhich <image> is it? ASSISTANT:", pictures(random, 3)),
    ]


def clips(
    random: Random, pictures: Callable[[Random, int], list[Image.Image]] = pictures
) -> list[tuple[str, list[PictureOrClip]]]:
    """One of 1 to 9 frames, one after a picture, and two of one length with two pictures."""

    def some(frames: int) -> list[Image.Image]:
        size = random.randint(1, 120), random.randint(1, 120)
        return film(*size, frames, seed=random.randrange(99))

    both = random.randint(1, 4)
    return [
        ("USER: <image>\nWhat is this? ASSISTANT:", [some(random.randint(1, 9))]),
        (
            "USER: <image>\nWhat? ASSISTANT: A cat. USER: <image>\nAnd here? ASSISTANT:",
            [*pictures(random, 1), some(random.randint(1, 4))],
        ),
        (
            "USER: <image>\n<image>\nWhat? ASSISTANT: A. USER: <image><image>\nNow? ASSISTANT:",
            [some(both), *pictures(random, 2), some(both)],
        ),
    ]


def compare(
    ours: model.Llava, reference: Any, prompts: Sequence[tuple[str, Sequence[PictureOrClip]]]
) -> float:
    """Both are asked all of it; the largest difference of logits."""
    largest = 0.0
    for prompt, images in prompts:
        expected = reference.logits(prompt, images)
        logits = np.array(ours.logits(prompt, images))
        assert logits.shape == expected.shape
        largest = max(largest, float(np.abs(logits - expected).max()))
        assert largest <= TOLERANCE
        assert greedy(ours, prompt, images, TOKENS) == reference.greedy(prompt, images, TOKENS)
    return largest


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_greedy_tokens_equal_transformers(
    family: str, seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    random = Random(f"{family} {seed}")
    folder = write_checkpoint(tmp_path, **FAMILIES[family](random))
    largest = compare(model.load(folder), Reference(folder), prompts(random))
    record_property("difference", float(largest))


@pytest.mark.parametrize("seed", SEEDS)
def test_video_clips_equal_transformers(
    seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    random = Random(f"clips {seed}")
    folder = write_checkpoint(tmp_path, **onevision(random))
    largest = compare(model.load(folder), Reference(folder), clips(random))
    record_property("difference", float(largest))


def test_every_frame_matters(tmp_path: Path) -> None:
    ours = model.load(write_checkpoint(tmp_path, **onevision(Random(0))))
    prompt = "USER: <image>\nWhat is this? ASSISTANT:"
    frames = film(60, 40, 4)
    seen = np.array(ours.logits(prompt, [frames])[-1])
    for place in range(4):
        others = [*frames[:place], picture(60, 40, seed=50), *frames[place + 1 :]]
        assert np.abs(np.array(ours.logits(prompt, [others])[-1]) - seen).max() > 1e-3
    assert np.abs(np.array(ours.logits(prompt, [frames[::-1]])[-1]) - seen).max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tile_matters(family: str, tmp_path: Path) -> None:
    """Else all of the above would prove little: a corner of the picture changes the answer."""
    folder = write_checkpoint(tmp_path, **FAMILIES[family](Random(family)))
    ours = model.load(folder)
    image = picture(200, 180)
    for left, top in ((0, 0), (130, 120)):
        other = image.copy()
        other.paste((255, 0, 255), (left, top, left + 40, top + 40))
        prompt = "USER: <image>\nWhat is this? ASSISTANT:"
        difference = np.array(ours.logits(prompt, [image]) - ours.logits(prompt, [other]))
        assert np.abs(difference[-1]).max() > 1e-3
