"""What every training stage shares: schedule, optimizer, log, checkpoints and resume."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten, tree_map, tree_unflatten

Batch = dict[str, mx.array]
Loss = Callable[[Any, Batch], mx.array]


def build_optimizer(steps: int, muon_rate: float, adam_rate: float) -> optim.MultiOptimizer:
    """Muon for the blocks' matrices, AdamW for embeddings, norms, biases and heads.

    Warm-up over 100 steps (or a tenth of a short run), then a cosine to a hundredth.
    """
    warm_up = min(100, max(steps // 10, 1))

    def schedule(peak: float) -> Callable[[mx.array], mx.array]:
        return optim.join_schedules(
            [optim.linear_schedule(peak / warm_up, peak, warm_up),
             optim.cosine_decay(peak, steps - warm_up, peak / 100)],
            [warm_up],
        )  # fmt: skip

    muon = optim.Muon(learning_rate=schedule(muon_rate), weight_decay=0.0)
    adam = optim.AdamW(learning_rate=schedule(adam_rate), betas=[0.9, 0.98], weight_decay=0.01)
    return optim.MultiOptimizer([muon, adam], [_is_block_matrix])


def _is_block_matrix(name: str, weight: mx.array) -> bool:
    return weight.ndim == 2 and (".layers." in name or "projector.linear" in name)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a stage may take, and how often it says and saves how far it is."""

    seconds: float | None = None
    log_every: int = 50
    save_every: int = 250


class _Gradients:
    """Loss and gradients of a batch's parts, in parallel, averaged."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        self.model = model
        self.value_and_grad = nn.value_and_grad(model, loss)
        self.streams: list[mx.Stream] = []

    def __call__(self, parts: list[Batch]) -> tuple[mx.array, Any]:
        while len(self.streams) < len(parts):
            self.streams.append(mx.new_stream(mx.default_device()))
        results = []
        for part, stream in zip(parts, self.streams, strict=False):
            with mx.stream(stream):
                results.append(self.value_and_grad(self.model, part))
        mx.eval(results)  # the streams run side by side; what follows is small
        share = 1 / len(parts)
        value = sum((r[0] for r in results[1:]), results[0][0]) * share
        gradients = tree_map(lambda *each: sum(each[1:], each[0]) * share, *(r[1] for r in results))
        return value, gradients


class Run:
    """One stage: `train` steps over `batches`, resumable from `folder/stage.safetensors`."""

    def __init__(self, folder: Path, stage: str, steps: int, limits: Limits) -> None:
        self.folder, self.stage, self.steps, self.limits = folder, stage, steps, limits
        folder.mkdir(parents=True, exist_ok=True)
        self.state_file = folder / f"{stage}.state.safetensors"
        self.log_file = folder / "log.jsonl"

    def train(
        self, model: nn.Module, optimizer: optim.MultiOptimizer, loss: Loss,
        batches: Callable[[int], Iterator[list[Batch]]], *, evaluate: Callable[[], dict[str, Any]] | None = None,
        clip: float = 1.0,
    ) -> list[float]:  # fmt: skip
        """Train to `steps` (or until `seconds` have passed); returns the losses logged.

        `batches(step)` yields the batches from `step` on, so that a resumed run goes on where
        it stopped. A batch comes in parts, each computed on a stream of its own: MLX's
        elementwise work uses one core a stream.
        """
        first = self._resume(model, optimizer)
        gradients_of = _Gradients(model, loss)
        every, save_every = self.limits.log_every, self.limits.save_every
        started, mean, losses = time.time(), 0.0, list[float]()
        for step, batch in zip(range(first, self.steps), batches(first), strict=False):
            value, gradients = gradients_of(batch)
            gradients, _ = optim.clip_grad_norm(gradients, clip)
            optimizer.update(model, gradients)
            mx.eval(value, model.parameters(), optimizer.state)
            mean += value.item() / every  # type: ignore[assignment]
            if (step + 1) % every == 0:
                speed = (time.time() - started) / (step + 1 - first)
                losses.append(mean)
                extra = evaluate() if evaluate and (step + 1) % save_every == 0 else {}
                self.log(
                    step=step + 1, loss=round(mean, 4), seconds_a_step=round(speed, 3), **extra
                )
                mean = 0.0
            if (step + 1) % save_every == 0 or step + 1 == self.steps:
                self._save(model, optimizer, step + 1)
            if self.limits.seconds and time.time() - started > self.limits.seconds:
                return losses
        return losses

    def log(self, **values: Any) -> None:
        line = json.dumps({"stage": self.stage, "time": round(time.time()), **values})
        with self.log_file.open("a") as file:
            file.write(line + "\n")

    def _save(self, model: nn.Module, optimizer: optim.MultiOptimizer, step: int) -> None:
        arrays = {f"model.{k}": v for k, v in _flat(model.trainable_parameters())}
        arrays |= {f"optimizer.{k}": v for k, v in _flat(optimizer.state)}
        draft = self.state_file.with_suffix(".tmp.safetensors")
        mx.save_safetensors(str(draft), arrays, {"step": str(step)})
        draft.replace(self.state_file)

    def _resume(self, model: nn.Module, optimizer: optim.MultiOptimizer) -> int:
        optimizer.init(model.trainable_parameters())
        if not self.state_file.exists():
            return 0
        loaded: Any = mx.load(str(self.state_file), return_metadata=True)
        arrays, meta = loaded
        weights = [(k[6:], v) for k, v in arrays.items() if k.startswith("model.")]
        model.load_weights(weights, strict=False)
        optimizer.state = tree_unflatten(
            [(k[10:], v) for k, v in arrays.items() if k.startswith("optimizer.")]
        )
        return int(meta["step"])


def _flat(tree: Any) -> list[tuple[str, mx.array]]:
    """`tree_flatten`, typed for arrays."""
    return tree_flatten(tree)  # type: ignore[return-value]


def initialise(
    model: nn.Module, rng: np.random.Generator, depth: int, embedding_scale: float = 0.5
) -> None:
    """N(0, 1/sqrt(fan in)); residual outputs divided by sqrt(2 depth); embeddings N(0, 0.5)."""
    fresh = []
    for name, weight in _flat(model.parameters()):
        if "norm" in name or "layrnorm" in name:
            continue
        values: Any
        if "embed" in name and weight.ndim <= 2 and "patch_embedding" not in name:
            values = rng.normal(0, embedding_scale, weight.shape)
        elif weight.ndim == 1:
            values = np.zeros(weight.shape)
        else:
            scale = 1 / math.sqrt(np.prod(weight.shape[1:]))
            if name.endswith(
                ("out_proj.weight", "fc2.weight", "o_proj.weight", "down_proj.weight")
            ):
                scale /= math.sqrt(2 * depth)
            values = rng.normal(0, scale, weight.shape)
        fresh.append((name, mx.array(values.astype(np.float32))))
    model.load_weights(fresh, strict=False)
