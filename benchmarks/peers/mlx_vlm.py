"""mlx-vlm by its `stream_generate`, as it installs, or `--openblas` with OpenBLAS loaded first."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import work
from benchmarks.surroundings import versions
from benchmarks.worker import Answer, Clock, serve

BLAS = Path(__file__).resolve().parents[2] / "model" / "blas.py"


def preload() -> None:
    """By our own module, from its file: our `model` needs more than there is here."""
    spec = importlib.util.spec_from_file_location("blas", BLAS)
    if spec is None or spec.loader is None:
        raise RuntimeError("model/blas.py is not there.")
    blas: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(blas)
    if blas.preload() is None:
        raise RuntimeError("OpenBLAS is not there.")


class MlxVlm:
    def __init__(self, checkpoint: str) -> None:
        import mlx_vlm

        self._generate = mlx_vlm.stream_generate
        self._model, self._processor = mlx_vlm.load(checkpoint)

    def start(self) -> Answer:
        packages = ("mlx-vlm", "mlx", "transformers", "scipy-openblas32")
        return {"versions": versions(packages)}

    def first(self, picture: str, number: int, tokens: int = work.LONG_ANSWER) -> Answer:
        prompt = work.render([], work.question(number))
        clock, text, read = self._ask(prompt, picture, tokens)
        return {"first": clock.first, "speed": clock.speed, "text": text, "prompt": read}

    def cold(self, pictures: Sequence[str]) -> Answer:
        prompt = work.render([], work.question(0))
        asked = (self._ask(prompt, picture, work.BEGINNING) for picture in pictures)
        return {"first": median(clock.first for clock, _, _ in asked)}

    def talk(self, picture: str, turns: int) -> Answer:
        said: list[work.Turn] = []
        firsts: list[float] = []
        for number in range(turns):
            asked = work.question(number)
            clock, text, read = self._ask(work.render(said, asked), picture, work.ANSWER)
            firsts.append(clock.first)
            said.append((asked, text))
        return {"firsts": firsts, "prompt": read}

    def chats(self, count: int) -> Answer:
        raise NotImplementedError("its batches aren't measured")

    def chats_with_pictures(self, pictures: Sequence[str]) -> Answer:
        raise NotImplementedError("its batches give every row the same picture's embeddings")

    def _ask(self, prompt: str, picture: str, tokens: int) -> tuple[Clock, str, int]:
        clock, text, read = Clock(), "", 0
        for piece in self._generate(
            self._model, self._processor, prompt, picture, max_tokens=tokens, temperature=0.0
        ):
            if len(clock.times) < tokens:
                clock.token()
            text, read = text + piece.text, piece.prompt_tokens
        return clock, text.strip(), read


if __name__ == "__main__":
    if "--openblas" in sys.argv:
        preload()
    serve(MlxVlm(sys.argv[1]))
