"""LLaVA's recipe in miniature, after the tower: language, then alignment, then instruction.

- "language": the decoder learns the conversations in text, pictures being sums of words.
- "align" (LLaVA's stage 1): the projector alone, on descriptions, tower and decoder frozen.
- "instruct" (stage 2): projector and decoder on conversations of many turns, tower frozen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from numpy.typing import NDArray

from model.training import language
from model.training.dataset import GRID, Pictures
from model.training.dialogue.weights import WEIGHTS
from model.training.packing import VISUAL_TOKENS, Packed, Packer, Plan, visibility
from model.training.run import Batch, Limits, Run, build_optimizer, initialise
from model.training.scene import COLORS, SHAPES, Scene
from model.training.vision import flipped, normalise
from model.training.vocabulary import Encoder

CAPTIONS = {"describe": 1.0, "detail": 0.4}
Kinds = list[str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where packed batches come from."""

    pictures: Pictures
    encoder: Encoder
    plan: Plan
    weights: dict[str, float]
    size: int
    first_seed: int = 0

    def batch(self, seed: int) -> tuple[Batch, list[tuple[int, bool]], Kinds]:
        """A batch, the pictures in it (index, mirrored), and the kind of each scored answer."""
        rng = Random(self.first_seed + seed)
        chosen: list[tuple[int, bool]] = []

        def draw_picture() -> tuple[int, Scene]:
            index, mirror = rng.randrange(len(self.pictures)), rng.random() < 0.5
            chosen.append((index, mirror))
            scene = self.pictures.scene(index)
            return len(chosen) - 1, flipped(scene) if mirror else scene

        packer = Packer(self.encoder, self.plan, self.weights)
        rows = [packer.pack(rng, draw_picture) for _ in range(self.size)]
        if not chosen:  # none of the sequences has a picture: one that nobody looks at
            draw_picture()
        return _arrays(rows), chosen, [kind for row in rows for kind in row.kinds]


def _arrays(rows: Sequence[Packed]) -> Batch:
    target = np.array([row.target for row in rows])
    answer = np.array([row.answer for row in rows])
    first = np.cumsum(
        [0, *(len(row.kinds) for row in rows[:-1])]
    )  # answers are numbered through the batch
    answer = np.where(answer >= 0, answer + first[:, None], -1)
    scored = np.flatnonzero(target.ravel() >= 0)
    mask = np.where(visibility(np.array([row.segment for row in rows])), 0.0, -1e4)
    return {
        "ids": mx.array([row.ids for row in rows]),
        "visual": mx.array([row.visual for row in rows]),
        "position": mx.array([row.position for row in rows], dtype=mx.float32),
        "mask": mx.array(mask[:, None].astype(np.float32)),  # [B, 1, T, T]
        "scored": mx.array(scored),
        "target": mx.array(target.ravel()[scored]),
        "answer": mx.array(answer.ravel()[scored]),
    }


class LanguageTrainer(nn.Module):
    """Decoder and symbolic pictures, trained together; only the decoder is kept."""

    def __init__(self, lm: nn.Module, width: int) -> None:
        super().__init__()
        self.language_model = lm
        self.symbols = language.SymbolicPictures(width, VISUAL_TOKENS)

    def visual(self, batch: Batch) -> mx.array:
        ids = {name: batch[name] for name in ("color", "shape", "place", "middle", "ground")}
        return self.symbols(self.language_model, ids)


class LlavaTrainer(nn.Module):
    """Projector and decoder over the frozen tower's features."""

    def __init__(self, lm: nn.Module, projector: nn.Module) -> None:
        super().__init__()
        self.language_model = lm
        self.multi_modal_projector = projector

    def visual(self, batch: Batch) -> mx.array:
        rows: mx.array = self.multi_modal_projector(batch["features"])
        return rows.reshape(-1, rows.shape[-1])


def loss(model: Any, batch: Batch) -> mx.array:
    return language.answer_loss(model.language_model, batch, model.visual(batch))


def with_symbols(source: Source, seed: int) -> tuple[Batch, Kinds]:
    batch, chosen, kinds = source.batch(seed)
    rows = [_symbols(source, index, mirror) for index, mirror in chosen]
    stacked = {name: mx.array(np.stack([row[name] for row in rows])) for name in rows[0]}
    return batch | stacked, kinds


def _symbols(source: Source, index: int, mirror: bool) -> dict[str, NDArray[Any]]:
    """Ids of the words that describe each patch, `[64]` each."""
    word = source.encoder
    scene, owners, middles = _seen(source.pictures, index, mirror)
    nothing = word("nothing")[0]
    colors = [word(t.color)[0] for t in scene.things] + [nothing, nothing]
    shapes = [word(t.shape)[0] for t in scene.things] + [nothing, nothing]
    places = [min(int(t.y * 3), 2) * 3 + min(int(t.x * 3), 2) for t in scene.things] + [9, 9]
    return {
        "color": np.take(colors, owners), "shape": np.take(shapes, owners), "place": np.take(places, owners),
        "middle": (middles >= 0).astype(int), "ground": np.where(owners >= 0, 2, int(scene.dark)),
    }  # fmt: skip


def _seen(
    pictures: Pictures, index: int, mirror: bool
) -> tuple[Scene, NDArray[np.int8], NDArray[np.int8]]:
    owners, middles, scene = pictures.owners[index], pictures.middles[index], pictures.scene(index)
    if not mirror:
        return scene, owners, middles
    turn = [a.reshape(GRID, GRID)[:, ::-1].ravel() for a in (owners, middles)]
    return flipped(scene), turn[0], turn[1]


class Features:
    """The frozen tower's features of all pictures and their mirror images, float16 `[2 N, 64, D]`."""

    def __init__(self, tower: Any, pictures: Pictures, file: Path | None = None) -> None:
        self.count = len(pictures)
        if file is not None and file.exists():
            self.values = np.load(file, mmap_mode="r")
            return
        streams = [mx.new_stream(mx.default_device()) for _ in range(2)]  # one a core
        sides: list[list[NDArray[np.float16]]] = [[], []]
        for first in range(0, self.count, 64):
            pixels = np.asarray(pictures.pixels[first : first + 64])
            states = []
            for stream, values in zip(streams, (pixels, pixels[:, :, ::-1]), strict=True):
                with mx.stream(stream):
                    pixel_values = normalise(mx.array(np.ascontiguousarray(values)))
                    states.append(tower(pixel_values, (-1,))[0])
            mx.eval(states)
            for side, each in zip(sides, states, strict=True):
                side.append(np.asarray(each[:, 1:]).astype(np.float16))
        parts = sides[0] + sides[1]
        self.values = np.concatenate(parts)
        if file is not None:
            np.save(file, self.values)

    def __call__(self, chosen: Sequence[tuple[int, bool]]) -> mx.array:
        rows = [index + (self.count if mirror else 0) for index, mirror in chosen]
        return mx.array(self.values[rows].astype(np.float32))


def with_features(source: Source, features: Features, seed: int) -> tuple[Batch, Kinds]:
    batch, chosen, kinds = source.batch(seed)
    return batch | {"features": features(chosen)}, kinds


def accuracy(model: Any, batches: Sequence[tuple[Batch, Kinds]]) -> dict[str, float]:
    """Share of answers of which every token is the likeliest, over all and by kind."""
    right: dict[str, list[bool]] = {}
    for batch, kinds in batches:
        logits = language.scored_logits(model.language_model, batch, model.visual(batch))
        hits = np.asarray(logits.argmax(-1) == batch["target"])
        answer = np.asarray(batch["answer"])
        for number, kind in enumerate(kinds):
            right.setdefault(kind, []).append(bool(hits[answer == number].all()))
    shares = {kind: round(float(np.mean(values)), 3) for kind, values in sorted(right.items())}
    return {
        "exact": round(float(np.mean([v for values in right.values() for v in values])), 4),
        **shares,
    }


def train_language(
    folder: Path, lm: Any, source: Source, held: Source, steps: int, limits: Limits,
) -> list[float]:  # fmt: skip
    """Stage "language"; saves the decoder as `folder/language.safetensors`."""
    model = LanguageTrainer(lm, lm.args.hidden_size)
    initialise(model, np.random.default_rng(1), len(lm.model.layers))
    tests = [with_symbols(held, 10**9 + i) for i in range(6)]
    losses = Run(folder, "language", steps, limits).train(
        model, build_optimizer(steps, 0.01, 2e-3), loss, lambda first: _forever(lambda s: with_symbols(source, s)[0], first),
        evaluate=lambda: accuracy(model, tests),
    )  # fmt: skip
    lm.save_weights(str(folder / "language.safetensors"))
    return losses


def train_llava(
    folder: Path, stage: str, lm: nn.Module, projector: nn.Module, source: Source, held: Source,
    features: Features, held_features: Features, steps: int, rates: tuple[float, float], limits: Limits,
) -> list[float]:  # fmt: skip
    """Stage "align" (decoder frozen) or "instruct"; saves `folder/<stage>.safetensors`."""
    model = LlavaTrainer(lm, projector)
    if stage == "align":
        lm.freeze()
        source = replace(source, weights=CAPTIONS)
    else:
        lm.unfreeze()
    tests = [with_features(held, held_features, 10**9 + i) for i in range(6)]
    losses = Run(folder, stage, steps, limits).train(
        model, build_optimizer(steps, *rates), loss,
        lambda first: _forever(lambda s: with_features(source, features, s)[0], first),
        evaluate=lambda: accuracy(model, tests),
    )  # fmt: skip
    model.save_weights(str(folder / f"{stage}.safetensors"))
    return losses


def initialise_projector(projector: Any, features: Features) -> None:
    """Start near the size of what the decoder knows: features to rms 1, rows to rms about 1."""
    rng = np.random.default_rng(2)
    sample = np.asarray(features.values[:256], np.float32)
    for linear, scale in (
        (projector.linear_1, 1 / np.sqrt((sample**2).mean())),
        (projector.linear_2, 1.7),
    ):
        values = rng.normal(0, scale / np.sqrt(linear.weight.shape[1]), linear.weight.shape)
        linear.weight = mx.array(values.astype(np.float32))
        linear.bias = mx.zeros(linear.bias.shape)


def _forever(make: Callable[[int], Batch], first: int) -> Iterator[list[Batch]]:
    """Batches in two halves (`Source.size` is a half's), one for each core."""
    while True:
        yield [make(2 * first), make(2 * first + 1)]
        first += 1


__all__ = ["COLORS", "SHAPES", "WEIGHTS", "Features", "Source", "train_language", "train_llava"]
