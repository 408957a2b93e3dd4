"""The bare language model: mlx-lm's own generation in our environment, no picture, no text.

With our OpenBLAS, and without compiling, which gains nothing on a CPU. What it reaches is what
MLX's products can reach.
"""

import sys

import model  # loads OpenBLAS before MLX

# isort: split
import mlx.core as mx
from mlx_lm.generate import BatchGenerator, generate_step

from benchmarks import work
from benchmarks.surroundings import versions
from benchmarks.worker import Answer, Clock, serve, together
from model.devices import lazily


class MlxLm:
    def __init__(self, checkpoint: str) -> None:
        llava = model.load(checkpoint)
        self._decoder = llava.network.language_model
        self._words = int(llava.config.text["vocab_size"]) - 64

    def start(self) -> Answer:
        return {"versions": versions(("mlx-lm", "mlx", "scipy-openblas32"))}

    def first(self) -> Answer:
        clock = Clock()
        ids = mx.array(self._prompt(0, work.PROMPT))
        with lazily():  # by MLX's products
            for _ in generate_step(ids, self._decoder, max_tokens=work.LONG_ANSWER):
                clock.token()
        return {"first": clock.first, "speed": clock.speed}

    def chats(self, count: int) -> Answer:
        """As many tokens each as the prompts of chats without pictures have."""
        generator = BatchGenerator(self._decoder, max_tokens=work.LONG_ANSWER)
        numbers = generator.insert([self._prompt(n, work.TEXT_PROMPT) for n in range(count)])
        clocks = {number: Clock() for number in numbers}
        while min(len(clock.times) for clock in clocks.values()) < work.LONG_ANSWER:
            _, said = generator.next()
            for answer in said:
                clocks[answer.uid].token()
        generator.close()
        return {"speed": together(list(clocks.values()))}

    def _prompt(self, seed: int, length: int) -> list[int]:
        return [(seed * 7919 + place * 104729) % self._words for place in range(length)]


if __name__ == "__main__":
    mx.disable_compile()
    mx.set_cache_limit(64 << 20)
    serve(MlxLm(sys.argv[1]))
