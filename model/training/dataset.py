"""Renders the training pictures once, with what each patch of the vision tower shows.

A picture's scene comes back from its seed, so only pixels and patch labels are stored.
"""

from collections.abc import Callable
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.training.draw import Point, draw
from model.training.scene import Scene, Thing, sample_scene

SIDE, PATCH = 112, 14
GRID = SIDE // PATCH
PAD = (127, 127, 127)
NOTHING, UNCLEAR = -1, -2
Drawer = Callable[[Scene, Random], tuple[Image.Image, list[list[Point]]]]


class Pictures:
    """`count` rendered pictures: uint8 `pixels [N, 112, 112, 3]`, int8 `owners` and `middles [N, 64]`.

    `owners[n, p]` is the index of the thing that patch p shows (or NOTHING, UNCLEAR);
    `middles[n, p]` the index of the thing whose middle lies in it (or NOTHING).
    """

    def __init__(self, folder: Path, count: int, first_seed: int) -> None:
        self.first_seed = first_seed
        self.pixels = np.load(folder / "pixels.npy", mmap_mode="r")[:count]
        self.owners: NDArray[np.int8] = np.load(folder / "owners.npy")[:count]
        self.middles: NDArray[np.int8] = np.load(folder / "middles.npy")[:count]

    def __len__(self) -> int:
        return len(self.owners)

    def scene(self, index: int) -> Scene:
        return sample_scene(Random(self.first_seed + index))


def render(
    folder: Path, count: int, first_seed: int, drawer: Drawer = draw, workers: int = 2
) -> Pictures:
    """Draw the pictures of seeds `first_seed ..` into `folder`, unless they are there already."""
    if not (folder / "middles.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.lib.format.open_memmap(
            folder / "pixels.npy", mode="w+", dtype=np.uint8, shape=(count, SIDE, SIDE, 3)
        )
        owners = np.empty((count, GRID * GRID), np.int8)
        middles = np.empty((count, GRID * GRID), np.int8)
        with Pool(workers) as pool:
            seeds = range(first_seed, first_seed + count)
            for i, example in enumerate(
                pool.imap(partial(render_one, drawer=drawer), seeds, chunksize=64)
            ):
                pixels[i], owners[i], middles[i] = example
        pixels.flush()
        np.save(folder / "owners.npy", owners)
        np.save(folder / "middles.npy", middles)
    return Pictures(folder, count, first_seed)


def render_one(
    seed: int, drawer: Drawer = draw
) -> tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.int8]]:
    """Pixels and patch labels of one seed's picture."""
    rng = Random(seed)
    scene = sample_scene(rng)
    picture, outlines = drawer(scene, rng)
    owners, middles = _patch_labels(scene, outlines, picture.size)
    return np.asarray(square(picture)), owners, middles


def square(picture: Image.Image) -> Image.Image:
    """The preprocessing of the bundled model: pad to a square, then bicubic to 112 x 112."""
    width, height = picture.size
    longest = max(width, height)
    padded = Image.new("RGB", (longest, longest), PAD)
    padded.paste(picture, ((longest - width) // 2, (longest - height) // 2))
    return padded.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _patch_labels(
    scene: Scene, outlines: list[list[Point]], size: tuple[int, int]
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    owners = np.full(GRID * GRID, NOTHING, np.int8)
    middles = np.full(GRID * GRID, NOTHING, np.int8)
    best = np.zeros(GRID * GRID)
    for index, (thing, points) in enumerate(zip(scene.things, outlines, strict=True)):
        share = _coverage([_padded(point, size) for point in points])
        fits = share >= 0.3 * share.max()
        owners[fits & (share > best)] = index
        owners[~fits & (share > 0.04 * share.max()) & (best == 0)] = UNCLEAR
        best = np.where(fits, np.maximum(best, share), best)
        middles[_patch_at(thing, size)] = index
    return owners, middles


def _coverage(points: list[Point]) -> NDArray[np.float64]:
    """Which share of each patch lies inside the outline, `[64]`."""
    fine = 8
    mask = Image.new("L", (GRID * fine, GRID * fine))
    ImageDraw.Draw(mask).polygon([(x * GRID * fine, y * GRID * fine) for x, y in points], fill=1)
    return np.asarray(mask).reshape(GRID, fine, GRID, fine).mean((1, 3)).ravel()


def _padded(point: Point, size: tuple[int, int]) -> Point:
    """A point of the canvas as shares of the padded square."""
    width, height = size
    longest = max(size)
    return (
        (point[0] * width + (longest - width) / 2) / longest,
        (point[1] * height + (longest - height) / 2) / longest,
    )


def _patch_at(thing: Thing, size: tuple[int, int]) -> int:
    x, y = _padded((thing.x, thing.y), size)
    return min(int(y * GRID), GRID - 1) * GRID + min(int(x * GRID), GRID - 1)
