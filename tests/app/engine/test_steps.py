"""What a step of the scheduler costs others and itself, in steps, lines and bytes: no clock.

On the bundled model, whose context is long enough to tell.
"""

import sys
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import model
from app.engine.catalogue import ALIASES, BUNDLED
from app.engine.loading import Loaded, serve
from app.engine.outbox import Outbox
from app.engine.prompt_reader import PromptReader
from app.engine.scheduler import Scheduler
from app.engine.sequence import Limits, Sequence
from app.messages import ChatRequest
from model.detokenizer import Detokenizer
from model.generation import Decoder
from model.llava import Llava
from tests.app.engine.model_thread import ask, picture

pytestmark = pytest.mark.anyio

CHUNK = 256
WORDS = "where is the red star and what is left of it "


@pytest.fixture(scope="module")
def llava() -> Llava:
    return model.load(Path(ALIASES[BUNDLED]))


@pytest.fixture
def loaded(llava: Llava) -> Loaded:
    return serve(llava)


class Endless(Detokenizer):
    """It goes on behind an end of text."""

    @property
    def stopped(self) -> bool:
        return False

    @stopped.setter
    def stopped(self, value: bool) -> None:
        pass


def add(loaded: Loaded, request: ChatRequest) -> Sequence:
    """Let in a question whose answer doesn't end by itself."""
    sequence = loaded.preparation.prepare(request, Outbox())
    sequence.limits = Limits(frozenset(), sequence.limits.most)
    sequence.detokenizer = Endless(loaded.preparation._llava.tokenizer.decode)
    loaded.scheduler.add(sequence)
    return sequence


def words(llava: Llava, tokens: int) -> str:
    """Text of about that many tokens."""

    def count(times: int) -> int:
        message = {"role": "user", "content": WORDS * times}
        return len(llava.tokenizer.encode_parts(llava.template.parts([message])))

    return WORDS * round(10 * tokens / (count(20) - count(10)))


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What is done, in order: how many tokens a piece of reading reads, 0 for a step of writing."""
    done: list[int] = []
    read, write = PromptReader.step, Decoder.step

    def noted_read(reader: PromptReader) -> None:
        before = reader.cache[0].offset if reader.cache else reader._known
        read(reader)
        after = reader.cache[0].offset if reader.cache else before
        done.append(max(1, after - before))

    def noted_write(decoder: Decoder) -> Any:
        done.append(0)
        return write(decoder)

    monkeypatch.setattr(PromptReader, "step", noted_read)
    monkeypatch.setattr(Decoder, "step", noted_write)
    return done


async def test_nobody_waits_for_more_than_a_chunk_while_others_read_long_prompts(
    llava: Llava, loaded: Loaded, pieces: list[int]
) -> None:
    scheduler = loaded.scheduler
    writers = [add(loaded, ask("hello", max_tokens=400)) for _ in range(2)]
    while not all(len(writer.tokens) > 1 for writer in writers):
        scheduler.step()
    pieces.clear()
    long = [
        add(loaded, ask((words(llava, 1850), [picture(1)]), max_tokens=2)),
        add(loaded, ask(words(llava, 1950), max_tokens=2, owner="another")),
    ]
    assert min(len(reader.ids) for reader in long) > 1900
    steps = 0
    while not all(reader.tokens for reader in long):
        before = [len(writer.tokens) for writer in writers]
        scheduler.step()
        steps += 1
        assert [len(writer.tokens) for writer in writers] == [count + 1 for count in before]
    assert steps > 2 * 1900 // CHUNK
    assert max(pieces) == CHUNK
    # Between two steps of writing there is one piece of reading, whoever reads.
    assert all(first == 0 or second == 0 for first, second in pairwise(pieces))


def lines_of(action: Callable[[], object]) -> int:
    """How many lines of Python run in it."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def bytes_of(action: Callable[[], object]) -> int:
    """The highest that Python's own memory rises in it: copies of lists show here."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rows", [1, 3])
async def test_a_tokens_python_work_does_not_grow_with_the_conversation(
    llava: Llava, rows: int
) -> None:
    work: dict[int, tuple[int, int]] = {}
    for size in (100, 1800):
        loaded = serve(llava)
        scheduler: Scheduler = loaded.scheduler
        asked = [
            add(loaded, ask(words(llava, size + place), max_tokens=120)) for place in range(rows)
        ]
        while not all(len(sequence.tokens) > 8 for sequence in asked):
            scheduler.step()
        counted = [(lines_of(scheduler.step), bytes_of(scheduler.step)) for _ in range(12)]
        work[len(asked[0].ids)] = (
            min(lines for lines, _ in counted),
            min(size for _, size in counted),
        )
    (short, (few, little)), (long, (lines, size)) = sorted(work.items())
    assert long - short > 1500
    assert lines < few + (long - short) // 4  # other ways of attending have other lines, too
    assert size < little + 4 * (long - short)  # a list of the tokens has 8 bytes for each
