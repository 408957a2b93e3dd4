"""Pixels against transformers' own Pillow processors, and where ours is right instead."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

from model import image_processor
from model.errors import CheckpointError, PromptError
from model.image_processor import ImageProcessor, to_rgb

REFERENCES = {
    "CLIPImageProcessor": CLIPImageProcessorPil,
    "LlavaImageProcessor": LlavaImageProcessorPil,
}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}},
    {"size": 35, "crop_size": 20, "resample": 2},
    {"size": 20, "crop_size": {"height": 28, "width": 31}},
    {"size": {"height": 28, "width": 40}, "do_center_crop": False, "image_mean": [0.5] * 3},
    {"size": 28, "crop_size": 28, "do_pad": True},
    {"size": 30, "crop_size": 28, "do_pad": True, "image_mean": [0.1, 0.5, 0.9]},
    {"size": 28, "crop_size": 28, "do_pad": True, "do_normalize": False},
    {"do_resize": False, "crop_size": 33},
    {"size": 28, "crop_size": 28, "do_rescale": False},
    {"size": 28, "crop_size": 28, "do_normalize": False, "image_std": None},
]
SIZES = [(1, 1), (1, 30), (50, 1), (2, 61), (27, 28), (28, 28), (29, 28), (97, 131), (213, 142)]


def pictures(width: int, height: int) -> Iterator[Image.Image]:
    """Random pixels in every mode that the reference can convert."""
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 4))
    rgba = Image.fromarray(pixels.astype(np.uint8))
    rgb = rgba.convert("RGB")
    yield from (rgba, rgba.convert("LA"), rgba.quantize(16))
    for mode in ("RGB", "L", "1", "CMYK", "YCbCr", "HSV", "F"):
        yield rgb.convert(mode)
    yield rgb.convert("L").convert("I")
    transparent: tuple[tuple[str, Any], ...] = (
        ("P", None),
        ("P", 0),
        ("P", bytes(range(200))),
        ("L", 7),
        ("RGB", (1, 2, 3)),
    )
    for mode, value in transparent:
        picture = rgb.convert(mode, palette=Image.Palette.ADAPTIVE)
        if value is not None:
            picture.info["transparency"] = value
        yield picture


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pixels_equal_the_reference_bit_by_bit(
    name: str, settings: dict[str, Any], size: tuple[int, int]
) -> None:
    reference = REFERENCES[name](**settings)
    ours = ImageProcessor.from_dict({"image_processor_type": name} | settings)
    assert ours == ImageProcessor.from_dict({"image_processor": reference.to_dict()})
    for picture in pictures(*size):
        wanted = reference(picture.copy(), return_tensors="np")["pixel_values"][0]
        pixels = ours(picture)
        assert pixels.dtype == np.float32
        assert np.array_equal(pixels, wanted.transpose(1, 2, 0)), picture.mode


def test_padding_means_the_square_for_llava_and_nothing_for_clip() -> None:
    assert not ImageProcessor.from_dict(
        {"image_processor_type": "CLIPImageProcessor", "do_pad": True}
    ).pad_to_square
    assert ImageProcessor.from_dict({"do_pad": True}).pad_to_square
    assert ImageProcessor.from_dict({"image_aspect_ratio": "pad"}).pad_to_square


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_sixteen_bits_are_scaled_where_the_reference_clips_them_to_white(mode: str) -> None:
    values = np.array([[0, 127, 129, 257], [1000, 32768, 65406, 65535]])
    dtype = {"I;16": "<u2", "I;16B": ">u2", "I": "<i4"}[mode]
    picture = Image.frombytes(mode, (4, 2), values.astype(dtype).tobytes())
    grey = np.asarray(to_rgb(picture))[..., 0]
    assert grey.tolist() == [[0, 0, 1, 1], [4, 128, 254, 255]]


def test_a_transparent_sixteen_bit_grey_becomes_white() -> None:
    picture = Image.fromarray(np.array([[500, 501]], np.uint16))
    picture.info["transparency"] = 500
    assert np.asarray(to_rgb(picture))[0, :, 0].tolist() == [255, 2]


@pytest.mark.parametrize("size", [(1, 4001), (4000, 3), (5, 3333)], ids=str)
def test_a_line_costs_little_and_yields_the_same_pixels(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3))
    picture = Image.fromarray(pixels.astype(np.uint8))
    processor = ImageProcessor(shortest_edge=60, crop_size=(60, 60))
    whole = processor(picture)
    monkeypatch.setattr(image_processor, "_MOST_PIXELS", 60 * 60 * 101)
    assert max(image_processor._cut(picture, 60).size) < max(size) / 2
    assert np.array_equal(processor(picture), whole)


def test_padding_an_enormous_line_stays_within_bounds() -> None:
    line = Image.new("RGB", (9_000_000, 2), (255, 0, 0))
    pixels = ImageProcessor(pad_to_square=True, normalize=False)(line)
    assert pixels.shape == (224, 224, 3)
    assert pixels[112, :, 0].min() > pixels[100, :, 0].max()


@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"longest_edge": 28}},
        {"size": {"shortest_edge": 28, "longest_edge": 50}},
        {"size": {"shortest_edge": 0}},
        {"size": 2**40},
        {"size": "336"},
        {"size": [336, 336]},
        {"crop_size": {"height": 28}},
        {"crop_size": {"height": True, "width": True}},
        {"resample": 99},
        {"image_mean": [0.5, 0.5]},
        {"image_std": [0.5, 0.5, 0]},
        {"image_mean": float("nan")},
        {"image_mean": "grey"},
        {"rescale_factor": "a"},
    ],
    ids=str,
)
def test_settings_without_meaning_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="settings for image preprocessing"):
        ImageProcessor.from_dict(settings)


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(PromptError, match="0 by 5"):
        ImageProcessor()(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"size": 30, "crop_size": {"height": 28, "width": 31}}, (28, 31)),
        ({"size": {"height": 28, "width": 31}, "do_center_crop": False}, (28, 31)),
        ({"size": 28, "do_pad": True, "do_center_crop": False}, (28, 28)),
        ({"size": 28, "do_center_crop": False}, None),
    ],
)
def test_the_size_that_comes_out_is_known_beforehand(
    settings: dict[str, Any], size: tuple[int, int] | None
) -> None:
    processor = ImageProcessor.from_dict(settings)
    assert processor.output_size == size
    if size is not None:
        assert processor(Image.new("RGB", (40, 77))).shape == (*size, 3)
