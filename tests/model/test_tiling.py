"""Tiles and their packing, against transformers' own functions and tokens counted there."""

from random import Random

import mlx.core as mx
import numpy as np
import pytest
from PIL import Image
from transformers.image_processing_utils import get_patch_output_size, select_best_resolution
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)

from model.config import FAMILIES, LlavaConfig
from model.errors import PromptError
from model.image_processor import ImageProcessor
from model.packing import pack, resized
from model.tiling import Clip, Size, Tiling, View, best_resolution, fitted
from tests.parity.pictures import picture

NEXT = LlavaConfig.from_dict({"model_type": "llava_next"})
ONEVISION = LlavaConfig.from_dict({"model_type": "llava_onevision"})
# Height and width; visual tokens of LLaVA-NeXT and of OneVision, as the reference counts them.
COUNTED = [
    ((336, 336), 1176, 1485),
    ((480, 640), 2340, 2929),
    ((300, 500), 1560, 1998),
    ((899, 1024), 2634, 6551),
    ((1080, 1920), 1948, 7269),
    ((1000, 100), 1224, 1539),
    ((3000, 4000), 2340, 7309),
    ((50, 3000), 722, 1218),
]
SMALL = Tiling(((4, 8), (8, 4), (8, 8)), side=4, patches=2, most_tiles=2)


@pytest.mark.parametrize(("size", "next_tokens", "onevision_tokens"), COUNTED)
def test_a_picture_has_as_many_tokens_as_the_reference_counts(
    size: Size, next_tokens: int, onevision_tokens: int
) -> None:
    assert NEXT.views([size])[0].tokens == next_tokens
    assert ONEVISION.views([size])[0].tokens == onevision_tokens


def test_onevision_pads_what_is_not_alone_and_next_cuts_every_picture() -> None:
    sizes = [(480, 640), (336, 336)]
    assert [view.tokens for view in ONEVISION.views(sizes)] == [730, 730]
    assert all(view.padded and view.canvas is None for view in ONEVISION.views(sizes))
    assert [view.tokens for view in NEXT.views(sizes)] == [2340, 1176]
    assert ONEVISION.views([]) == NEXT.views([]) == []


def test_a_clip_has_196_tokens_a_frame_and_leaves_pictures_as_they_are() -> None:
    assert [view.tokens for view in ONEVISION.views([Clip(1), Clip(32)])] == [197, 196 * 32 + 1]
    clip, picture = ONEVISION.views([Clip(3), (480, 640)])
    assert (clip.tokens, picture.tokens) == (589, 2929)  # the picture is the only one still
    assert [view.tokens for view in ONEVISION.views([(9, 9), Clip(3), (9, 9)])] == [730, 589, 730]


def test_a_clip_without_frames_and_one_for_another_family_are_refused() -> None:
    with pytest.raises(PromptError, match="no frames"):
        ONEVISION.views([Clip(0)])
    for config in (NEXT, LlavaConfig.from_dict({"model_type": "llava"})):
        with pytest.raises(PromptError, match="can't look at videos: LLaVA-OneVision can"):
            config.views([(9, 9), Clip(3)])


@pytest.mark.parametrize("config", [NEXT, ONEVISION], ids=["next", "onevision"])
def test_canvases_are_chosen_and_filled_as_in_the_reference(config: LlavaConfig) -> None:
    random = Random(7)
    assert config.tiling is not None
    allowed = config.tiling.pinpoints
    for _ in range(3000):
        size = random.randint(1, 2500), random.randint(1, 2500)
        canvas = best_resolution(size, allowed)
        assert canvas == select_best_resolution(size, list(allowed))
    for _ in range(100):
        size = random.randint(1, 900), random.randint(1, 900)
        pixels = np.broadcast_to(np.uint8(), (3, *size))
        assert fitted(size, allowed[0]) == get_patch_output_size(
            pixels, allowed[0], "channels_first"
        )


@pytest.mark.parametrize("size", [(61, 97), (97, 61), (336, 336), (5, 5), (1, 300), (700, 650)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_the_pixels_of_tiles_are_the_reference_s_to_the_bit(size: Size, mode: str) -> None:
    image = picture(*size, mode=mode)
    [view] = NEXT.views([(image.height, image.width)])
    settings = {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
    ours = ImageProcessor.from_dict(settings, FAMILIES["llava_next"].image_processor)
    expected = LlavaNextImageProcessorPil(**settings)(image, return_tensors="np")
    pixels = expected["pixel_values"][0].transpose(0, 2, 3, 1)
    assert np.array_equal(ours.tiles(image, view), pixels)


@pytest.mark.parametrize("size", [(61, 97), (400, 1200), (2, 9)])
def test_onevision_s_pixels_are_the_reference_s_to_the_bit(size: Size) -> None:
    settings = {"image_mean": [0.5, 0.4, 0.5], "image_std": [0.5, 0.5, 0.2]}
    ours = ImageProcessor.from_dict(settings, FAMILIES["llava_onevision"].image_processor)
    reference = LlavaOnevisionImageProcessorPil(**settings)
    image, other = picture(*size), picture(30, 20, seed=1)
    for images in ([image], [image, other]):
        expected = reference([images], return_tensors="np")["pixel_values"]
        views = ONEVISION.views([(one.height, one.width) for one in images])
        for one, view, pixels in zip(images, views, expected, strict=True):
            assert np.array_equal(ours.tiles(one, view), pixels.transpose(0, 2, 3, 1))


def test_tiles_are_laid_out_as_the_picture_is_and_rows_end_with_a_newline() -> None:
    """Each patch is its own place in the picture: 4 by 8 pixels, two tiles of 2 by 2 patches."""
    view = SMALL.views([(4, 8)])[0]
    assert view == View(4 + 2 * 4 + 2, (4, 8), range(2), range(4))
    whole = mx.array([[-1.0], [-2], [-3], [-4]])
    left, right = mx.array([[0.0], [1], [10], [11]]), mx.array([[2.0], [3], [12], [13]])
    packed = pack(mx.stack([whole, left, right]), mx.array([99.0]), view, SMALL)
    assert packed.flatten().tolist() == [
        *(-1, -2, -3, -4),
        *(0, 1, 2, 3, 99),
        *(10, 11, 12, 13, 99),
    ]


def test_rows_of_padding_are_left_out() -> None:
    view = SMALL.views([(2, 8)])[0]
    assert view.canvas == (4, 8)
    assert (view.rows, view.columns) == (range(2), range(4))  # half a patch is no patch
    [tall] = Tiling(((8, 4),), side=4, patches=4).views([(80, 20)])
    assert (tall.rows, tall.columns, tall.tokens) == (range(8), range(1, 3), 16 + 8 * 2 + 8)


def test_a_large_canvas_is_shrunk() -> None:
    view = SMALL.views([(80, 80)])[0]
    assert view.canvas == (8, 8)
    assert view.shrunk == (2, 2)
    assert view.tokens == 4 + 4 + 2


def test_resizing_blends_neighbours() -> None:
    row = mx.array([[0.0], [1.0], [2.0], [3.0]])[None]  # [1, 4, 1]
    assert resized(row, 1, 2).flatten().tolist() == [0.5, 2.5]
    assert resized(row, 1, 8).flatten().tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    assert resized(row, 2, 4)[1].flatten().tolist() == [0, 1, 2, 3]


def test_frames_are_pooled_and_follow_one_another_with_one_newline_at_the_end() -> None:
    """Of 3 by 3 patches 2 by 2 are left: an odd side is rounded up."""
    tiling = Tiling(((3, 3),), side=3, patches=3, clips=True)
    [view] = tiling.views([Clip(2)])
    rows = mx.array([[0.0], [0], [0], [1], [1], [1], [2], [2], [2]])
    packed = pack(mx.stack([rows, rows + 10]), mx.array([99.0]), view, tiling).flatten().tolist()
    assert packed == [0.25, 0.25, 1.75, 1.75, 10.25, 10.25, 11.75, 11.75, 99]
    assert len(packed) == view.tokens


def test_each_frame_of_a_clip_is_squashed_to_a_tile() -> None:
    processor = ImageProcessor(shortest_edge=None, size=(6, 6), crop_size=None)
    frames = [picture(30, 10), picture(10, 30, seed=1)]
    tiles = processor.tiles(frames, View(9, pooled=(2, 2)))
    assert tiles.shape == (2, 6, 6, 3)
    assert all(
        np.array_equal(processor(one), tile) for one, tile in zip(frames, tiles, strict=True)
    )


def test_an_empty_picture_has_no_tiles() -> None:
    with pytest.raises(ValueError, match="empty"):
        ImageProcessor().tiles(Image.new("RGB", (0, 5)), View(4, canvas=(224, 448)))
