"""A small random checkpoint behind the real engine, and answers by none of the engine's means."""

import asyncio
import io
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from PIL import Image, ImageDraw

import model
from app.engine import MlxEngine
from app.messages import (
    MOST_TOKENS,
    ChatRequest,
    Delta,
    Event,
    Finished,
    Message,
    Picture,
    Sampling,
)
from model.generation import generate
from model.kv_cache import Packing
from model.llava import Llava
from model.prompt import expand
from model.sampling import Sampler, allowed_tokens, draw_one
from tests.checkpoints import write_checkpoint
from tests.random_weights import Weights

BYTES = 259  # what comes before the letters in the vocabulary: control and single bytes


def write_speaker(folder: Path, **how: Any) -> Path:
    """A random checkpoint that answers in letters, so that other tokens are another text."""
    return write_checkpoint(folder, edit=_no_bytes, **how)


def _no_bytes(weights: Weights) -> None:
    weights["language_model.lm_head.weight"][:BYTES] = 0


def picture(seed: int) -> Picture:
    """A drawing that differs for each seed."""
    image = Image.new("RGB", (48, 40), (seed * 67 % 256, 90, 200 - seed * 31 % 200))
    ImageDraw.Draw(image).ellipse((5 + seed % 7, 4, 30, 25 + seed % 9), fill=(250, seed % 256, 0))
    file = io.BytesIO()
    image.save(file, "PNG")
    return Picture(sha256(image.tobytes()).hexdigest(), file.getvalue(), *image.size)


def clip(*seeds: int) -> Picture:
    """A video clip whose frames are the pictures of these seeds."""
    first, *rest = [picture(seed).open() for seed in seeds]
    file = io.BytesIO()
    first.save(file, "WEBP", save_all=True, append_images=rest, lossless=True)
    name = sha256(repr(seeds).encode()).hexdigest()
    return Picture(name, file.getvalue(), *first.size, len(seeds))


def ask(
    *turns: str | tuple[str, Sequence[Picture]], owner: str = "local", **sampling: Any
) -> ChatRequest:
    """A conversation whose turns are the user's and the assistant's by turns."""
    messages = []
    for place, turn in enumerate(turns):
        text, pictures = (turn, ()) if isinstance(turn, str) else turn
        role = "user" if (len(turns) - place) % 2 else "assistant"
        messages.append(Message(role, text, tuple(pictures)))  # type: ignore[arg-type]
    values = {"temperature": 0, "max_tokens": 12} | sampling
    return ChatRequest(tuple(messages), Sampling(**values), owner=owner)


async def collect(engine: MlxEngine, request: ChatRequest) -> list[Event]:
    return [event async for event in engine.stream(request)]


def text(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def finished(events: Sequence[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


@asynccontextmanager
async def running(engine: MlxEngine) -> AsyncGenerator[MlxEngine, None]:
    """The engine once it is ready, closed in the end."""
    while engine.status().state == "loading":  # noqa: ASYNC110 - a thread loads
        await asyncio.sleep(0.005)
    try:
        yield engine
    finally:
        await engine.aclose()


class Cold:
    """Answers a request alone, with the whole prompt through the network for each token."""

    def __init__(self, folder: Path) -> None:
        self.llava: Llava = model.load(folder)
        size = int(self.llava.config.text["vocab_size"])
        known = self.llava.tokenizer.vocab_size
        self._allowed = allowed_tokens(size, known, self.llava.config.image_token_index)
        self._said: dict[ChatRequest, tuple[str, int]] = {}
        self.tokens: dict[ChatRequest, list[int]] = {}
        self._encoded: dict[tuple[str, ...], list[mx.array]] = {}

    def answer(self, request: ChatRequest) -> tuple[str, int]:
        """The text, and how many tokens it has."""
        if request not in self._said:
            self._said[request] = self._answer(request)
        return self._said[request]

    def _answer(self, request: ChatRequest) -> tuple[str, int]:
        ids, visual = self.prompt(request)
        stops = (*self.llava.template.stop, *request.sampling.stop)
        detokenizer = self.llava.tokenizer.detokenizer(stops)
        sampling = request.sampling
        penalties = sampling.presence_penalty, sampling.frequency_penalty
        seed = sampling.seed or 0
        sampler = Sampler(sampling.temperature, sampling.top_p, seed, *penalties)
        said = ""
        tokens = self.tokens[request] = []
        for token in islice(self._tokens(ids, visual, sampler), sampling.max_tokens):
            if token in self.llava.tokenizer.eos_ids:
                break
            tokens.append(token)
            said += detokenizer.add(token)
            if detokenizer.stopped:
                break
        return said + detokenizer.finish(), len(tokens)

    def prompt(self, request: ChatRequest) -> tuple[tuple[int, ...], list[mx.array]]:
        messages = [
            {
                "role": message.role,
                "content": [{"type": "image"}] * len(message.pictures)
                + [{"type": "text", "text": message.text}],
            }
            for message in request.messages
        ]
        ids = self.llava.tokenizer.encode_parts(self.llava.template.parts(messages))
        visual = self.visual(request.pictures)
        lengths = [len(tokens) for tokens in visual]
        return expand(ids, self.llava.config.image_token_index, lengths).ids, visual

    def visual(self, pictures: Sequence[Picture]) -> list[mx.array]:
        """The visual tokens `[P, D]` of each picture, which others may change."""
        digests = tuple(picture.digest for picture in pictures)
        if digests not in self._encoded:
            images = [picture.shown() for picture in pictures]
            self._encoded[digests] = self.llava.encode_pictures(images)
        return self._encoded[digests]

    def _tokens(
        self, ids: Sequence[int], visual: Sequence[mx.array], sampler: Sampler
    ) -> Iterator[int]:
        said: list[int] = []
        nothing = mx.zeros((1, 1), mx.int32)
        while True:
            embeddings = self.llava.network.embed(mx.array([*ids, *said]), visual)
            logits = self.llava.network(nothing, input_embeddings=embeddings[None])
            row = np.array(logits[:, -1])
            for token in set(said):
                row[0, token] -= sampler.presence + sampler.frequency * said.count(token)
            plain = replace(sampler, presence=0.0, frequency=0.0)
            said.append(draw_one(mx.array(row), plain, len(said), self._allowed))
            yield said[-1]


class Solo(Cold):
    """Answers a request alone, by a prefill into an empty cache and plain steps after it."""

    def __init__(self, folder: Path, packing: Packing | None = None) -> None:
        super().__init__(folder)
        self.packing = packing

    def _tokens(
        self, ids: Sequence[int], visual: Sequence[mx.array], sampler: Sampler
    ) -> Iterator[int]:
        return generate(
            self.llava.network,
            ids,
            visual,
            self._allowed,
            sampler=sampler,
            most=MOST_TOKENS,
            packing=self.packing,
        )
