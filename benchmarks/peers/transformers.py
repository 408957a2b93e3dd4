"""transformers with torch, by its own `generate`, which reads the whole prompt anew.

On a CUDA device in the checkpoint's type where torch has one, else on the CPU in float32.
"""

import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    CLIPImageProcessorPil,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from benchmarks import work
from benchmarks.surroundings import versions
from benchmarks.worker import Answer, Clock, serve


class _Times:
    """A streamer that takes the times of a batch's tokens; the prompt comes first."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._prompt = True

    def put(self, _: object) -> None:
        if not self._prompt:
            self.clock.token()
        self._prompt = False

    def end(self) -> None:
        pass


class Transformers:
    def __init__(self, checkpoint: str) -> None:
        torch.set_num_threads(work.THREADS)
        device, dtype = ("cuda", "auto") if torch.cuda.is_available() else ("cpu", torch.float32)
        self._model = (
            LlavaForConditionalGeneration.from_pretrained(checkpoint, dtype=dtype).eval().to(device)
        )
        self._processor = LlavaProcessor(
            CLIPImageProcessorPil.from_pretrained(checkpoint),
            AutoTokenizer.from_pretrained(checkpoint),
            patch_size=14,
            vision_feature_select_strategy="default",
            image_token="<image>",  # noqa: S106
            num_additional_image_tokens=1,
        )

    def start(self) -> Answer:
        return {"versions": versions(("transformers", "torch"))}

    def first(self, picture: str, number: int) -> Answer:
        clock, text, prompt = self._ask(
            [work.render([], work.question(number))], [picture], work.LONG_ANSWER
        )
        return {"first": clock.first, "speed": clock.speed, "text": text[0], "prompt": prompt}

    def cold(self, pictures: Sequence[str]) -> Answer:
        prompt = work.render([], work.question(0))
        asked = (self._ask([prompt], [picture], work.BEGINNING) for picture in pictures)
        return {"first": median(clock.first for clock, _, _ in asked)}

    def talk(self, picture: str, turns: int) -> Answer:
        said: list[work.Turn] = []
        firsts: list[float] = []
        for number in range(turns):
            asked = work.question(number)
            clock, text, prompt = self._ask([work.render(said, asked)], [picture], work.ANSWER)
            firsts.append(clock.first)
            said.append((asked, text[0]))
        return {"firsts": firsts, "prompt": prompt}

    def chats(self, count: int) -> Answer:
        prompts = [work.render([], work.chat_text(n), picture=False) for n in range(count)]
        clock, _, _ = self._ask(prompts, [], work.LONG_ANSWER)
        return {"speed": count * clock.speed}

    def chats_with_pictures(self, pictures: Sequence[str]) -> Answer:
        prompts = [work.render([], work.question(n)) for n in range(len(pictures))]
        clock, _, _ = self._ask(prompts, pictures, work.LONG_ANSWER)
        return {"speed": len(prompts) * work.LONG_ANSWER / clock.times[-1]}

    def _ask(
        self, prompts: Sequence[str], pictures: Sequence[str], tokens: int
    ) -> tuple[Clock, list[str], int]:
        images = [Image.open(path) for path in pictures]
        for image in images:
            image.load()  # as ours are, before the question is sent
        times: Any = _Times()
        inputs = self._processor(
            text=list(prompts), images=images or None, padding=True, return_tensors="pt"
        ).to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            ids = self._model.generate(
                **inputs,
                do_sample=False,
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                streamer=times,
            )
        start = inputs["input_ids"].shape[1]
        texts = self._processor.batch_decode(ids[:, start:], skip_special_tokens=True)
        return times.clock, [text.strip() for text in texts], start


if __name__ == "__main__":
    serve(Transformers(sys.argv[1]))
