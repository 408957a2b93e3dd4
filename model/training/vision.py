"""Stage "vision": the tower learns what each patch shows, CLIP's way in miniature.

Every patch is compared with the phrases of all things there can be ("a red star" .. 77 and
"nothing"), of the thing's place and of being its middle; the right phrase must win. Negatives
of the same colour and another shape force it to look at shapes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from model.training import fast
from model.training.dataset import GRID, NOTHING, UNCLEAR, Pictures
from model.training.run import Batch, Limits, Run, build_optimizer, initialise
from model.training.scene import COLORS, SHAPES, Scene
from model.vision_tower import VisionTower

PLACES = 9
PARTS = 2
SIN_COS_SCALE = 0.7


class VisionTrainer(nn.Module):
    """The tower, and the phrases that its patches are compared with (dropped afterwards)."""

    def __init__(self, tower: VisionTower, width: int = 64) -> None:
        super().__init__()
        self.tower = tower
        hidden = tower.embeddings.class_embedding.shape[0]
        self.patch_head = nn.Linear(hidden, width)
        self.place_head = nn.Linear(hidden, width)
        self.color_embedding = nn.Embedding(len(COLORS), width)
        self.shape_embedding = nn.Embedding(len(SHAPES), width)
        self.nothing_embedding = mx.zeros((1, width))
        self.phrase_head = nn.Linear(width, width)
        self.place_embedding = nn.Embedding(PLACES, width)
        self.middle_head = nn.Linear(hidden, 2)
        self.log_scale = mx.array(np.log(10.0), dtype=mx.float32)

    def phrases(self) -> mx.array:
        """All phrases as unit vectors: 77 colour-shape pairs, then "nothing", `[78, width]`."""
        pairs = self.color_embedding.weight[:, None] + self.shape_embedding.weight[None]
        words = mx.concatenate([pairs.reshape(-1, pairs.shape[-1]), self.nothing_embedding])
        return _unit(self.phrase_head(words))

    def __call__(self, pixels: mx.array) -> tuple[mx.array, mx.array, mx.array]:
        """Logits `[B * 64, ..]` against the phrases, the places, and part or middle."""
        (states,) = self.tower(pixels, (-1,))
        patches = states[:, 1:].reshape(-1, states.shape[-1])
        scale = mx.exp(self.log_scale)
        kinds = scale * _unit(self.patch_head(patches)) @ self.phrases().T
        places = scale * _unit(self.place_head(patches)) @ _unit(self.place_embedding.weight).T
        return kinds, places, self.middle_head(patches)


def _unit(x: mx.array) -> mx.array:
    return x * mx.rsqrt((x * x).sum(-1, keepdims=True) + 1e-6)


def loss(model: VisionTrainer, batch: Batch) -> mx.array:
    kinds, places, middles = model(normalise(batch["pixels"]))
    total = mx.array(0.0)
    for logits, name, weight in (
        (kinds, "kind", 1.0),
        (places, "place", 0.5),
        (middles, "middle", 0.5),
    ):
        each = fast.cross_entropy(logits, batch[name])
        total = (
            total + weight * (each * batch[f"{name}_weight"]).sum() / batch[f"{name}_weight"].sum()
        )
    return total


def normalise(pixels: mx.array) -> mx.array:
    """uint8 to the bundled model's range: mean 0.5, standard deviation 0.25."""
    return (pixels.astype(mx.float32) * (1 / 255) - 0.5) * 4


def sin_cos_positions(grid: int, width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """2-D sine and cosine positions `[grid * grid, width]` (He et al. 2022, MAE)."""
    quarter = width // 4
    frequencies = 1 / 10000 ** (np.arange(quarter) / quarter)
    angles = np.arange(grid)[:, None] * frequencies[None]
    one_way = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)  # [grid, width / 2]
    rows = np.repeat(one_way, grid, axis=0)
    columns = np.tile(one_way, (grid, 1))
    return np.concatenate([rows, columns], axis=1).astype(np.float32)


def labels(
    scene: Scene, owners: np.ndarray[Any, Any], middles: np.ndarray[Any, Any]
) -> dict[str, np.ndarray[Any, Any]]:
    """Targets and weights of one picture's 64 patches."""
    nothing = len(COLORS) * len(SHAPES)
    kinds = [COLORS.index(t.color) * len(SHAPES) + SHAPES.index(t.shape) for t in scene.things] + [
        0,
        nothing,
    ]
    places = [min(int(t.y * 3), 2) * 3 + min(int(t.x * 3), 2) for t in scene.things] + [0, 0]
    seen = owners >= 0
    return {
        "kind": np.take(kinds, owners),
        "kind_weight": np.where(owners == UNCLEAR, 0.0, np.where(owners == NOTHING, 0.12, 1.0)),
        "place": np.take(places, owners),
        "place_weight": seen.astype(float),
        "middle": (middles >= 0).astype(int),
        "middle_weight": (seen | (middles >= 0)).astype(float),
    }


def flipped(scene: Scene) -> Scene:
    """The scene in a mirror; every shape of this world is its own mirror image."""
    return replace(scene, things=tuple(replace(t, x=1 - t.x) for t in scene.things))


def batches(pictures: Pictures, size: int, first: int) -> Iterator[list[Batch]]:
    """Batches of `size` from that step on, each in parts, one for each core."""
    step = first
    while True:
        rng = np.random.default_rng(step)
        chosen = rng.integers(0, len(pictures), size)
        mirrored = rng.random(size) < 0.5
        share = size // PARTS
        yield [
            _batch(pictures, chosen[i : i + share], mirrored[i : i + share])
            for i in range(0, size, share)
        ]
        step += 1


def _batch(
    pictures: Pictures, chosen: np.ndarray[Any, Any], mirrored: np.ndarray[Any, Any]
) -> Batch:
    rows, images = [], []
    for index, mirror in zip(chosen, mirrored, strict=True):
        scene = pictures.scene(int(index))
        grids = [a[index].reshape(GRID, GRID) for a in (pictures.owners, pictures.middles)]
        pixels = pictures.pixels[index]
        if mirror:
            scene, pixels, grids = flipped(scene), pixels[:, ::-1], [g[:, ::-1] for g in grids]
        images.append(pixels)
        rows.append(labels(scene, grids[0].ravel(), grids[1].ravel()))
    labelled = {
        k: mx.array(
            np.concatenate([r[k] for r in rows]), dtype=mx.float32 if "weight" in k else mx.int32
        )
        for k in rows[0]
    }
    return {"pixels": mx.array(np.stack(images)), **labelled}


@dataclass(frozen=True, slots=True)
class Phase:
    """One stage of the tower's training; its pictures are drawn in the manner of `held`."""

    stage: str
    pictures: Pictures
    held: Pictures
    steps: int
    rates: tuple[float, float]
    lots: int  # each phase draws its own


def train(
    folder: Path, tower: VisionTower, phases: Sequence[Phase], limits: Limits
) -> dict[str, list[float]]:
    """Train the tower from nothing, one phase after the other.

    Returns the phases' losses; the weights stay in `tower` and in `folder`.
    """
    model = VisionTrainer(tower)
    initialise(model, np.random.default_rng(0), len(tower.encoder.layers))
    width = tower.embeddings.class_embedding.shape[0]
    positions = np.concatenate(
        [np.zeros((1, width), np.float32), sin_cos_positions(GRID, width) * SIN_COS_SCALE]
    )
    tower.embeddings.position_embedding.weight = mx.array(positions)
    return {phase.stage: _phase(folder, model, phase, limits) for phase in phases}


def go_on(
    folder: Path, tower: VisionTower, phrases: Phase, phase: Phase, limits: Limits
) -> dict[str, list[float]]:
    """Train a trained tower further. A checkpoint has no phrases: those are learnt first, alone."""
    model = VisionTrainer(tower)
    kept = tower.parameters()
    initialise(model, np.random.default_rng(0), len(tower.encoder.layers))
    tower.update(kept)
    tower.freeze()
    losses = {phrases.stage: _phase(folder, model, phrases, limits)}
    tower.unfreeze()
    return losses | {phase.stage: _phase(folder, model, phase, limits)}


def _phase(folder: Path, model: VisionTrainer, phase: Phase, limits: Limits) -> list[float]:
    exact = fast.speed_up(model.tower)
    losses = Run(folder, phase.stage, phase.steps, limits).train(
        model, build_optimizer(phase.steps, *phase.rates), loss, partial(_batches_of, phase),
        evaluate=lambda: accuracy(model, phase.held),
    )  # fmt: skip
    exact()
    return losses


def _batches_of(phase: Phase, first: int) -> Iterator[list[Batch]]:
    return batches(phase.pictures, 32, first + phase.lots * 10**6)


def accuracy(model: VisionTrainer, held: Pictures) -> dict[str, float]:
    """Shares of a held-out picture's thing patches named rightly."""
    right: dict[str, list[float]] = {"color": [], "shape": [], "place": [], "middle": []}
    for first in range(0, len(held), 32):
        rows = [
            labels(held.scene(i), held.owners[i], held.middles[i])
            for i in range(first, min(first + 32, len(held)))
        ]
        kinds, places, middles = (
            np.asarray(x.argmax(-1))
            for x in model(normalise(mx.array(held.pixels[first : first + 32])))
        )
        target = {k: np.concatenate([r[k] for r in rows]) for k in rows[0]}
        seen = target["place_weight"] > 0
        right["color"] += list((kinds // len(SHAPES) == target["kind"] // len(SHAPES))[seen])
        right["shape"] += list((kinds % len(SHAPES) == target["kind"] % len(SHAPES))[seen])
        right["place"] += list((places == target["place"])[seen])
        right["middle"] += list((middles == target["middle"])[seen])
    return {k: round(float(np.mean(v)), 4) for k, v in right.items()}
