"""Our engine as it is served: requests through the controller, times as its clients see them.

A worker process; see `benchmarks/worker.py`. What a method is called with is JSON.
"""

import asyncio
import itertools
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import model  # noqa: F401 - loads OpenBLAS before MLX

# isort: split
import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.generate import generate_step

from app.controller import Controller
from app.engine import MlxEngine
from app.engine.base import Watch
from app.engine.loading import Loaded, load
from app.messages import ChatRequest, Delta, Finished, Message, Picture, Sampling
from app.pictures import read_picture
from benchmarks import work
from benchmarks.surroundings import versions
from benchmarks.worker import Answer, Clock, serve, together
from model.devices import lazily

PACKAGES = ("mlx", "mlx-cuda-13", "mlx-lm", "scipy-openblas32")
_COPIES = 20


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, with the times of its tokens and how many its prompt had."""

    text: str
    clock: Clock
    prompt_tokens: int


class Ours:
    """One controller with the engine behind it. Each conversation is a person's of its own.

    So nothing is known of it before: prefixes are kept by person.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._runner = asyncio.Runner()
        self._people = itertools.count()
        self._loaded: Loaded | None = None
        self._checkpoint = checkpoint

    @cached_property
    def _controller(self) -> Controller:
        return Controller(MlxEngine(("random",), self._load))

    def _load(self, watch: Watch) -> Loaded:
        self._loaded = load(str(self._checkpoint), watch)
        return self._loaded

    def start(self) -> Answer:
        async def ready() -> str:
            return (await self._controller.loaded()).state

        return {"state": self._runner.run(ready()), "versions": versions(PACKAGES)}

    def first(self, picture: str, number: int) -> Answer:
        """(f): a long answer in a new conversation about a new picture."""
        said = self._ask([_user(number, picture)], work.LONG_ANSWER)
        return _told(said)

    def cold(self, pictures: Sequence[str]) -> Answer:
        """(a): the first token of new conversations about new pictures, one after the other."""
        said = [self._ask([_user(0, picture)], work.BEGINNING) for picture in pictures]
        return {"first": median(one.clock.first for one in said)}

    def ahead(self, picture: str, number: int, seconds: float) -> Answer:
        """(b): the picture is dropped some time before the question."""
        person = self._person()

        async def dropped() -> Said:
            shown = Message("user", "", (_picture(picture),))
            self._controller.read_ahead(person, _request([shown], 1, person))
            await asyncio.sleep(seconds)
            return await self._stream([_user(number, picture)], work.ANSWER, person)

        return _told(self._runner.run(dropped()))

    def talk(self, picture: str, turns: int) -> Answer:
        """(c): the first tokens of each turn about one picture."""
        person, messages, firsts = self._person(), [_user(0, picture)], []
        for number in range(turns):
            said = self._ask(messages, work.ANSWER, person)
            firsts.append(said.clock.first)
            messages += [Message("assistant", said.text.strip()), _user(number + 1)]
        return {"firsts": firsts, "prompt": said.prompt_tokens}

    def back(self, pictures: Sequence[str]) -> Answer:
        """(d): a second question in a chat, after two others were begun."""
        person = self._person()
        chat = [_user(0, pictures[0])]
        said = self._ask(chat, work.ANSWER, person)
        for picture in pictures[1:]:
            self._ask([_user(1, picture)], work.ANSWER, person)
        chat += [Message("assistant", said.text.strip()), _user(2)]
        return _told(self._ask(chat, work.ANSWER, person))

    def second(self, pictures: Sequence[str]) -> Answer:
        """(e): another picture in the third turn; beside it that picture alone.

        `pictures` are pairs. What one person's pictures became is not another's to use.
        """
        pairs = list(zip(pictures[::2], pictures[1::2], strict=True))
        added = median(self._added(*pair) for pair in pairs)
        alone = [self._ask([_user(2, second)], work.BEGINNING) for _, second in pairs]
        return {"first": added, "alone": median(said.clock.first for said in alone)}

    def _added(self, picture: str, other: str) -> float:
        person, chat = self._person(), [_user(0, picture)]
        for number in (1, 2):
            said = self._ask(chat, work.ANSWER, person)
            chat += [Message("assistant", said.text.strip()), _user(number)]
        chat[-1] = _user(2, other)
        return self._ask(chat, work.BEGINNING, person).clock.first

    def chats(self, count: int) -> Answer:
        """(g): chats without pictures at once."""
        clocks = [said.clock for said in self._together([[_text(n)] for n in range(count)])]
        return {"speed": together(clocks)}

    def chats_with_pictures(self, pictures: Sequence[str]) -> Answer:
        """(g): everybody sends a picture at once; tokens a second until the last has all."""
        chats = [[_user(number, picture)] for number, picture in enumerate(pictures)]
        said = self._together(chats)
        tokens = sum(len(one.clock.times) for one in said)
        return {"speed": tokens / max(one.clock.times[-1] for one in said)}

    def copy(self) -> Answer:
        """(h): an answer that copies from its question. For a checkpoint that copies."""
        words = self._ask([_text(0)], 2 * work.LONG_ANSWER).text.strip()
        told: Answer = {}
        for name, speculate in (("speed", True), ("plain", False)):
            self._scheduler.speculate = speculate
            said = self._ask([Message("user", f"{work.chat_text(1)} {words}")], work.LONG_ANSWER)
            if said.text.strip() not in words:
                raise RuntimeError("It does not copy.")
            told[name] = said.clock.speed
        return told

    def bare(self) -> Answer:
        """(f): mlx-lm's own generation, by MLX's products, with the engine's weights in memory.

        In another process the same weights lie elsewhere, and that alone is worth a tenth.
        """
        decoder = self._scheduler._llava.network.language_model
        clock = Clock()
        ids = mx.arange(work.PROMPT)
        with lazily():
            for _ in generate_step(ids, decoder, max_tokens=work.LONG_ANSWER):
                clock.token()
        return {"speed": clock.speed}

    def reading(self) -> Answer:
        """Bytes of weights that a token reads, and how many a second the device copies."""
        decoder = self._scheduler._llava.network.language_model
        weights = dict(tree_flatten(decoder.parameters()))
        read = sum(w.nbytes for name, w in weights.items() if "embed_tokens" not in name)
        source = mx.zeros(1 << 26, mx.bfloat16)  # more than a cache holds
        mx.eval(source + 1)
        clock = Clock()
        for _ in range(_COPIES):
            mx.eval(source + 1)
        clock.token()
        return {"bytes": read, "bandwidth": _COPIES * 2 * source.nbytes / clock.first}

    @property
    def _scheduler(self) -> Any:
        if self._loaded is None:
            raise RuntimeError("It has not been started.")
        return self._loaded.scheduler

    def _person(self) -> str:
        return f"person {next(self._people)}"

    def _ask(self, messages: Sequence[Message], tokens: int, person: str = "") -> Said:
        return self._runner.run(self._stream(messages, tokens, person or self._person()))

    def _together(self, chats: Sequence[Sequence[Message]]) -> list[Said]:
        async def all_of_them() -> list[Said]:
            streams = [self._stream(chat, work.LONG_ANSWER, self._person()) for chat in chats]
            return await asyncio.gather(*streams)

        return self._runner.run(all_of_them())

    async def _stream(self, messages: Sequence[Message], tokens: int, person: str) -> Said:
        clock, text, prompt = Clock(), "", 0
        request = _request(messages, tokens, person)
        async with aclosing(self._controller.stream(request)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    text += event.text
                    clock.token(len(event.text.split()))  # each token is a word
                elif isinstance(event, Finished):
                    prompt = event.usage.prompt_tokens
        if len(clock.times) != tokens:
            raise RuntimeError(f"{tokens} tokens were asked for, {len(clock.times)} came.")
        return Said(text, clock, prompt)


def _told(said: Said) -> Answer:
    return {
        "first": said.clock.first,
        "speed": said.clock.speed,
        "prompt": said.prompt_tokens,
        "text": said.text.strip(),
    }


def _request(messages: Sequence[Message], tokens: int, person: str) -> ChatRequest:
    return ChatRequest(tuple(messages), Sampling(0, max_tokens=tokens), owner=person)


def _user(number: int, picture: str | None = None) -> Message:
    pictures = () if picture is None else (_picture(picture),)
    return Message("user", work.question(number), pictures)


def _text(number: int) -> Message:
    return Message("user", work.chat_text(number))


def _picture(path: str) -> Picture:
    """As the page's intake takes it in, which is before the question is sent."""
    return read_picture(Path(path).read_bytes())


if __name__ == "__main__":
    serve(Ours(Path(sys.argv[1])))
