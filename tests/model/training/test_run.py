"""A stage's loop: resuming, parallel parts, initial weights."""

from itertools import islice

import mlx.core as mx
import numpy as np
from mlx import nn

from model.training.run import Limits, Run, build_optimizer


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 4)]
        self.head = nn.Linear(4, 1)

    def __call__(self, x):
        return self.head(self.layers[0](x))


def batches(first):
    step = first
    while True:
        rng = np.random.default_rng(step)
        x = rng.normal(size=(2, 8, 4)).astype(np.float32)
        yield [{"x": mx.array(part), "y": mx.array(part.sum(-1, keepdims=True))} for part in x]
        step += 1


def loss(model, batch):
    return ((model(batch["x"]) - batch["y"]) ** 2).mean()


def run(folder, stop_after=None):
    mx.random.seed(0)
    model = Line()
    source = (lambda first: islice(batches(first), stop_after)) if stop_after else batches
    losses = Run(folder, "line", 40, Limits(log_every=5, save_every=10)).train(
        model, build_optimizer(40, 0.02, 0.01), loss, source
    )
    return model, losses


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path):
    whole, _ = run(tmp_path / "whole")
    run(tmp_path / "parts", stop_after=20)
    resumed, _ = run(tmp_path / "parts")
    assert mx.allclose(whole.head.weight, resumed.head.weight, atol=1e-6)
    assert mx.allclose(whole.layers[0].weight, resumed.layers[0].weight, atol=1e-6)


def test_the_loss_falls_and_is_logged(tmp_path):
    _, losses = run(tmp_path)
    assert losses[-1] < losses[0] / 2
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 8
