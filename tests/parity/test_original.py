"""Checkpoints as LLaVA's own code writes them, against that code's arithmetic."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import model
from tests.checkpoints import write_checkpoint
from tests.parity.original import VIP, OriginalReference
from tests.parity.test_families import (
    SEEDS,
    Case,
    clips,
    compare,
    pictures,
    pinpoints,
    prompts,
    siglip,
    text,
)

CLASSES = {
    "llama": "LlavaLlamaForCausalLM",
    "mistral": "LlavaMistralForCausalLM",
    "qwen2": "LlavaQwenForCausalLM",
}


def case(random: Random, kinds: list[str], **original: Any) -> Case:
    """A checkpoint of the layout, some in shards and some without their towers."""
    kind = random.choice(kinds)
    written = {
        "model_type": random.choice(["llava", f"llava_{kind.removesuffix('2')}"]),
        "architectures": [CLASSES[kind]],
    }
    return {
        "layout": "llava",
        "text": text(random) | {"model_type": kind},
        "shards": random.choice([1, 2]),
        "seed": random.randrange(99),
        "frozen": random.random() < 0.3,
        "original": written | original,
    }


def clip(random: Random, side: int) -> dict[str, Any]:
    return {"image_size": side, "patch_size": random.choice([7, 9, 14])}


def canvases(random: Random, side: int) -> Any:
    """In the forms that are found, width first."""
    listed = pinpoints(random, side, 3)
    tuples = str([tuple(size) for size in listed])
    return random.choice([listed, tuples, "(1x1),(1x2),...,(3x2)"])


def first(random: Random) -> Case:
    square = random.choice([{}, {"image_aspect_ratio": "square"}])
    return case(random, ["llama"], mm_projector_type="linear", **square) | {
        "vision": clip(random, 28),
        "top": {"test_projector": "linear", "vision_feature_layer": random.choice([-2, -1])},
    }


def second(random: Random) -> Case:
    aspect = random.choice(["pad", "pad", "square"])
    feature = random.choice(["patch", "cls_patch"])
    given = {"image_aspect_ratio": aspect, "mm_vision_select_feature": feature}
    return case(random, ["llama", "mistral"], **given) | {"vision": clip(random, 28)}


def vip(random: Random) -> Case:
    given = {"image_aspect_ratio": "pad", "mm_vision_tower": VIP}
    return case(random, ["llama"], **given) | {
        "layout": "vip-llava",
        "vision": clip(random, 28) | {"num_hidden_layers": 12},
        "top": {"model_type": "vipllava", "vision_feature_layers": [-2, -5, -8, -11, 6]},
    }


def tiled(random: Random, kinds: list[str], **original: Any) -> Case:
    side = random.choice([28, 36, 45])
    given = {
        "mm_patch_merge_type": "spatial_unpad",
        "image_aspect_ratio": random.choice(["anyres", "anyres", "pad"]),
        "image_grid_pinpoints": canvases(random, side),
    }
    return case(random, kinds, **given | original) | {
        "vision": clip(random, side),
        "top": {"model_type": "llava_next"},
    }


def next_(random: Random) -> Case:
    return tiled(random, ["llama", "mistral"])


def next_qwen(random: Random) -> Case:
    return tiled(random, ["qwen2"])


def interleave(random: Random) -> Case:
    side = random.choice([28, 30, 42])
    aspect = random.choice(["pad", "anyres", "square"])
    given = {"image_aspect_ratio": aspect, "image_grid_pinpoints": canvases(random, side)}
    return case(random, ["qwen2"], mm_patch_merge_type="flat", **given) | {
        "vision": siglip(random, side),
        "top": {"model_type": random.choice(["llava", "llava_next"])},  # with a newline unread
    }


def onevision(random: Random) -> Case:
    side = random.choice([28, 30, 42])
    aspect = f"anyres_max_{random.choice([2, 4, 9])}"
    given = {"image_aspect_ratio": aspect, "image_grid_pinpoints": "(1x1),...,(4x4)"}
    return tiled(random, ["qwen2"], **given) | {"vision": siglip(random, side)}


LAYOUTS: dict[str, Callable[[Random], Case]] = {
    "LLaVA": first,
    "LLaVA-1.5": second,
    "ViP-LLaVA": vip,
    "LLaVA-1.6": next_,
    "LLaVA-NeXT, Qwen": next_qwen,
    "LLaVA-Interleave": interleave,
    "LLaVA-OneVision": onevision,
}


def opaque(random: Random, count: int) -> Any:
    """The original drops transparency, where here it is on white."""
    return [one.convert("RGB") for one in pictures(random, count)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", LAYOUTS)
def test_logits_and_greedy_tokens_equal_the_original_s(
    family: str, seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    random = Random(f"{family} {seed}")
    folder = write_checkpoint(tmp_path, **LAYOUTS[family](random))
    largest = compare(model.load(folder), OriginalReference(folder), prompts(random, opaque))
    record_property("difference", float(largest))


@pytest.mark.parametrize("seed", SEEDS)
def test_video_clips_equal_the_original_s(
    seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    random = Random(f"clips {seed}")
    made = onevision(random)
    made["original"] |= random.choice([{}, {"mm_spatial_pool_mode": "bilinear"}])
    folder = write_checkpoint(tmp_path, **made)
    largest = compare(model.load(folder), OriginalReference(folder), clips(random, opaque))
    record_property("difference", float(largest))


def test_small_pictures_take_the_original_s_canvas_where_several_fit(tmp_path: Path) -> None:
    """transformers reads the sizes the other way round: its canvas lies across."""
    case = next_(Random(0))
    case["original"] |= {
        "image_grid_pinpoints": [[28, 56], [56, 28]],
        "image_aspect_ratio": "anyres",
    }
    case["vision"] = {"image_size": 28, "patch_size": 14}
    llava = model.load(write_checkpoint(tmp_path, **case))
    assert llava.config.views([(9, 9)])[0].canvas == (56, 28)
