"""The bare language model: mlx-lm's own generation in our environment, no picture, no text.

With our OpenBLAS, and with `--no-compile` as our engine has it. What it reaches is what an engine
on MLX can reach.
"""

import sys
import time
from collections.abc import Callable

import model  # loads OpenBLAS before MLX

# isort: split
import mlx.core as mx
from mlx_lm.generate import BatchGenerator, generate_step

from benchmarks import work
from benchmarks.surroundings import versions
from benchmarks.worker import Answer, Clock, serve, together

PROMPT = 298  # tokens, as many as the picture's prompt has


class MlxLm:
    def __init__(self, checkpoint: str) -> None:
        llava = model.load(checkpoint)
        self._decoder = llava.network.language_model
        self._words = int(llava.config.text["vocab_size"]) - 64

    def start(self) -> Answer:
        return {"versions": versions(("mlx-lm", "mlx", "scipy-openblas32"))}

    def first(self) -> Answer:
        clock = Clock()
        ids = mx.array(self._prompt(0, PROMPT))
        for _ in generate_step(ids, self._decoder, max_tokens=work.LONG_ANSWER):
            clock.token()
        return {"first": clock.first, "speed": clock.speed}

    def chats(self, count: int) -> Answer:
        """As many tokens each as the prompts of chats without pictures have."""
        generator = BatchGenerator(self._decoder, max_tokens=work.LONG_ANSWER)
        numbers = generator.insert([self._prompt(n, 49) for n in range(count)])
        clocks = {number: Clock() for number in numbers}
        while min(len(clock.times) for clock in clocks.values()) < work.LONG_ANSWER:
            _, said = generator.next()
            for answer in said:
                clocks[answer.uid].token()
        generator.close()
        return {"speed": together(list(clocks.values()))}

    def products(self) -> Answer:
        """The floor: the one-row products of a step alone, tokens a second."""
        weights = [
            layer[name].weight
            for block in self._decoder.layers
            for layer, names in (
                (block.self_attn, ("q_proj", "k_proj", "v_proj", "o_proj")),
                (block.mlp, ("gate_proj", "up_proj", "down_proj")),
            )
            for name in names
        ]
        weights.append(self._decoder.lm_head.weight)
        rows = {size: mx.ones((1, size)) for size in {weight.shape[1] for weight in weights}}
        mx.eval(rows)
        return {"speed": 1 / _seconds(lambda: mx.eval([rows[w.shape[1]] @ w.T for w in weights]))}

    def _prompt(self, seed: int, length: int) -> list[int]:
        return [(seed * 7919 + place * 104729) % self._words for place in range(length)]


def _seconds(work_once: Callable[[], None], times: int = 24) -> float:
    work_once()
    begun = time.perf_counter()
    for _ in range(times):
        work_once()
    return (time.perf_counter() - begun) / times


if __name__ == "__main__":
    if "--no-compile" in sys.argv:
        mx.disable_compile()
    mx.set_cache_limit(64 << 20)
    serve(MlxLm(sys.argv[1]))
