"""Parts of the stages that can be checked by themselves."""

import mlx.core as mx
import numpy as np
from mlx import nn

from model.training.stages import realign


class Projector(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear_1 = nn.Linear(6, 4)


def test_a_projector_reads_a_tower_that_was_turned_as_it_read_the_first():
    rng = np.random.default_rng(0)
    before = rng.normal(size=(40, 8, 6))
    after = before @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    projector = Projector()
    expected = projector.linear_1(mx.array(before.astype(np.float32)))
    realign(projector, before, after)
    read = projector.linear_1(mx.array(after.astype(np.float32)))
    assert mx.allclose(read, expected, atol=1e-4)
