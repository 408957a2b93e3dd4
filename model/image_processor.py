"""Turns a picture into the pixels `X_v` that a checkpoint's vision tower was trained on.

Pillow and numpy only, and bit-equal to transformers' `CLIPImageProcessorPil` and
`LlavaImageProcessorPil`, but for 16-bit pictures, which those clip to white. Rotation by EXIF
and limits on size are intake's work.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import CheckpointError, PromptError
from model.tiling import Clip, Size, View, fitted

PictureOrClip: TypeAlias = Image.Image | Sequence[Image.Image]  # a clip is its frames, in order

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

# Above this many pixels an intermediate picture (a line of 1x9000 scaled to 336x3024000, or
# padded to a square) would cost gigabytes: see `_cut` and `_shrink`.
_MOST_PIXELS = 2**26


@dataclass(frozen=True, slots=True)
class ImageProcessor:
    """What `preprocessor_config.json` says. Sizes are (height, width) in pixels.

    Order: RGB, padding to a square, resizing, centre crop, scaling to 0..1, normalising.
    `shortest_edge` keeps the picture's shape, `size` doesn't; None leaves a step out.
    """

    shortest_edge: int | None = 224
    size: tuple[int, int] | None = None
    crop_size: tuple[int, int] | None = (224, 224)
    pad_to_square: bool = False
    resample: Image.Resampling = Image.Resampling.BICUBIC
    rescale_factor: float | None = 1 / 255
    normalize: bool = True
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], kind: str = "LlavaImageProcessor") -> Self:
        """Read `preprocessor_config.json`, or the one nested in `processor_config.json`.

        What isn't said is as in the reference's class that the file names, or else in `kind`.
        Raises CheckpointError for what this processor can't do.
        """
        nested = given.get("image_processor")
        try:
            return cls(**_settings(nested if isinstance(nested, Mapping) else given, kind))
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise CheckpointError(
                f"The checkpoint's settings for image preprocessing can't be used: {error}."
            ) from error

    @property
    def output_size(self) -> tuple[int, int] | None:
        """Height and width of what comes out, None where they depend on the picture."""
        if self.crop_size is not None:
            return self.crop_size
        if self.pad_to_square and self.shortest_edge is not None:
            return self.shortest_edge, self.shortest_edge
        return self.size

    def __call__(self, image: Image.Image, *, padded: bool = False) -> NDArray[np.float32]:
        """A picture of any mode and size to pixels float32 `[height, width, 3]`.

        With `padded` it is padded to a square, whatever the checkpoint's settings say.
        """
        image = _checked_rgb(image)
        if self.pad_to_square or padded:
            image = self._pad(image)
        pixels = np.asarray(self._resize(image))  # [H, W, 3]
        if self.crop_size is not None:
            pixels = _centre_crop(pixels, self.crop_size)
        return self._scale(pixels)

    def tiles(self, image: PictureOrClip, view: View) -> NDArray[np.float32]:
        """A picture to the pixels of its tiles, float32 `[tiles, side, side, 3]`.

        The first is the whole picture; where `view` has a canvas, it is squashed to a tile's
        shape, and the tiles of the canvas follow, row by row. Of a clip each frame is a tile.
        """
        if not isinstance(image, Image.Image):
            return np.stack([self(frame) for frame in image])
        if view.canvas is None:
            return self(image, padded=view.padded)[None]
        image, side = _checked_rgb(image), self.output_size or view.canvas
        whole = image.resize((side[1], side[0]), self.resample)
        height, width = fitted((image.height, image.width), view.canvas)
        canvas = Image.new("RGB", (view.canvas[1], view.canvas[0]))
        margins = (canvas.width - width) // 2, (canvas.height - height) // 2
        canvas.paste(image.resize((width, height), self.resample), margins)
        rows, columns = view.canvas[0] // side[0], view.canvas[1] // side[1]
        cut = np.asarray(canvas).reshape(rows, side[0], columns, side[1], 3)
        cut = cut.transpose(0, 2, 1, 3, 4).reshape(-1, *side, 3)
        return self._scale(np.concatenate([np.asarray(whole)[None], cut]))

    def _pad(self, image: Image.Image) -> Image.Image:
        """Centre on a square of the mean colour; an odd pixel goes to the bottom or right."""
        if image.width == image.height:
            return image
        image = _shrink(image)
        side = max(image.size)
        square = Image.new("RGB", (side, side), tuple(int(value * 255) for value in self.mean))
        square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
        return square

    def _resize(self, image: Image.Image) -> Image.Image:
        if self.shortest_edge is not None:
            if self.crop_size is not None:
                image = _cut(image, self.shortest_edge)
            height, width = _fit_short_edge(image, self.shortest_edge)
        elif self.size is not None:
            height, width = self.size
        else:
            return image
        return image.resize((width, height), self.resample)

    def _scale(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Normalise in the reference's own order of roundings: float64 once, then float32."""
        values = pixels.astype(np.float32)
        if self.rescale_factor is not None:
            values = (pixels.astype(np.float64) * self.rescale_factor).astype(np.float32)
        if self.normalize:
            mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
            values = (values - mean) / std
        return values


def size_of(image: PictureOrClip) -> Size | Clip:
    """What decides how a picture or a clip is seen."""
    if isinstance(image, Image.Image):
        return image.height, image.width
    return Clip(len(image))


def _checked_rgb(image: Image.Image) -> Image.Image:
    if 0 in image.size:
        raise PromptError(f"The picture is empty: {image.width} by {image.height} pixels.")
    return to_rgb(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB, with transparency composited onto white and 16 bits scaled down to 8."""
    if image.mode.startswith("I"):
        return _from_16_bit(image).convert("RGB")
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Grey values of 16 bits to 8. Pillow's own `convert` clips them: all above 255 is white.

    Mode `I` has 32 bits and may hold 8-bit values: it is scaled where they pass 255.
    """
    values = np.asarray(image).clip(0, 65535).astype(np.uint32)
    if image.mode == "I" and values.max() <= 255:
        return Image.fromarray(values.astype(np.uint8))
    grey = ((values + 128) // 257).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)


def _fit_short_edge(image: Image.Image, edge: int) -> tuple[int, int]:
    """(height, width) with the shorter side `edge`; the longer is truncated, not rounded."""
    short, long = sorted(image.size)
    other = int(edge * long / short)
    return (other, edge) if image.width <= image.height else (edge, other)


def _cut(image: Image.Image, edge: int) -> Image.Image:
    """Drop the ends of a very long picture, evenly: the centre crop doesn't see them."""
    short, long = sorted(image.size)
    kept = max(_MOST_PIXELS * short // (edge * edge), 4 * short)
    drop = (long - kept) // 2
    if drop <= 0:
        return image
    tall = image.height > image.width
    return image.crop((0, drop, short, long - drop) if tall else (drop, 0, long - drop, short))


def _shrink(image: Image.Image) -> Image.Image:
    """Shrink a picture whose square would be enormous; the tower sees it far smaller still."""
    most, long = int(_MOST_PIXELS**0.5), max(image.size)
    if long <= most:
        return image
    width, height = (max(1, round(side * most / long)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def _centre_crop(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The middle `size`; a smaller picture is put amid zeros, an odd one more top and left."""
    margins = [max(wanted - had, 0) for wanted, had in zip(size, pixels.shape, strict=False)]
    if any(margins):
        around = [(margin - margin // 2, margin // 2) for margin in margins]
        pixels = np.pad(pixels, [*around, (0, 0)])
    top, left = ((had - wanted) // 2 for had, wanted in zip(pixels.shape, size, strict=False))
    return pixels[top : top + size[0], left : left + size[1]]


# What the reference's classes take for granted; those not named here, what CLIP's does.
_CLIP: dict[str, Any] = {
    "size": 224,
    "crop_size": 224,
    "do_center_crop": True,
    "image_mean": CLIP_MEAN,
    "image_std": CLIP_STD,
}
_CLASSES: dict[str, dict[str, Any]] = {
    "SiglipImageProcessor": {
        "size": {"height": 224, "width": 224},
        "do_center_crop": False,
        "image_mean": 0.5,
        "image_std": 0.5,
    },
    "LlavaOnevisionImageProcessor": {
        "size": {"height": 384, "width": 384},
        "do_center_crop": False,
    },
}


def _settings(written: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """`ImageProcessor`'s fields from the reference's keys, a null standing for the default."""
    said = {key: value for key, value in written.items() if value is not None}
    kind = re.sub("(Fast|Pil)$", "", str(said.get("image_processor_type", kind)))
    given = _CLIP | _CLASSES.get(kind, {}) | said
    resized = given.get("do_resize", True)
    edge, size = _edge_or_size(given["size"]) if resized else (None, None)
    cropped, rescaled = given["do_center_crop"], given.get("do_rescale", True)
    return {
        "shortest_edge": edge,
        "size": size,
        "crop_size": _height_width(given["crop_size"]) if cropped else None,
        "pad_to_square": _pads(given, kind),
        "resample": Image.Resampling(given.get("resample", Image.Resampling.BICUBIC)),
        "rescale_factor": float(given.get("rescale_factor", 1 / 255)) if rescaled else None,
        "normalize": bool(given.get("do_normalize", True)),
        "mean": _colour(given["image_mean"]),
        "std": _colour(given["image_std"], zero=False),
    }


def _pads(given: Mapping[str, Any], kind: str) -> bool:
    """Whether pictures are padded to a square; LLaVA's own key for it is `image_aspect_ratio`.

    The reference's other processors have a `do_pad` too, which means the batch and does nothing
    to one picture.
    """
    if "image_aspect_ratio" in given:
        return bool(given["image_aspect_ratio"] == "pad")
    return bool(given.get("do_pad", False)) and kind == "LlavaImageProcessor"


def _edge_or_size(size: Any) -> tuple[int | None, tuple[int, int] | None]:
    if isinstance(size, int):
        return _positive(size), None
    if set(size) == {"shortest_edge"}:
        return _positive(size["shortest_edge"]), None
    return None, _height_width(size)


def _height_width(size: Any) -> tuple[int, int]:
    if isinstance(size, int):
        return _positive(size), _positive(size)
    if not isinstance(size, Mapping) or set(size) != {"height", "width"}:
        raise ValueError("a size needs height and width, or shortest_edge alone")
    return _positive(size["height"]), _positive(size["width"])


def _positive(side: Any) -> int:
    if type(side) is not int or not 0 < side <= 8192:
        raise ValueError("a side must be a whole number from 1 to 8192")
    return side


def _colour(values: Any, *, zero: bool = True) -> tuple[float, ...]:
    channels = (values,) * 3 if isinstance(values, int | float) else tuple(values)
    colour = tuple(float(value) for value in channels)
    usable = all(isfinite(value) and (zero or value) for value in colour)
    if len(colour) != 3 or not usable:
        raise ValueError("mean and deviation need three finite numbers, the deviation not zero")
    return colour
