"""The scheduler step by step, on this thread: whose turn it is, who leaves, what failures cost."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from app.engine.loading import serve
from app.engine.outbox import Outbox
from app.engine.preparation import Preparation
from app.engine.prompt_reader import PromptReader
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.errors import EngineError
from app.messages import ChatRequest, Event, Picture
from model.network import LlavaNetwork
from tests.app.engine.model_thread import (
    Cold,
    ask,
    clip,
    finished,
    picture,
    text,
    write_speaker,
)
from tests.checkpoints import ONEVISION

pytestmark = pytest.mark.anyio

RED, BLUE = picture(1), picture(2)
LONG = "tell me what there is to be seen here and there " * 4


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Cold:
    return Cold(write_speaker(tmp_path_factory.mktemp("scheduler")))


class Bench:
    """A scheduler with small chunks, and the sequences in it."""

    def __init__(self, cold: Cold, chunk: int = 16, tiles: int = 1) -> None:
        served = serve(cold.llava)
        self.cold = cold
        self.preparation: Preparation = served.preparation
        caches, memory = served.scheduler.caches, served.scheduler.memory
        self.scheduler = Scheduler(cold.llava, caches, memory, chunk=chunk, tiles=tiles)
        self.prefixes = self.scheduler.caches.prefixes

    def add(self, request: ChatRequest) -> Sequence:
        sequence = self.preparation.prepare(request, Outbox())
        self.scheduler.add(sequence)
        return sequence

    def add_ahead(self, request: ChatRequest) -> Sequence:
        """Let in the conversation of a question that is still being typed."""
        sequence = self.preparation.prepare_ahead(request, Outbox())
        self.scheduler.add(sequence)
        return sequence

    def run(self) -> None:
        for _ in range(500):
            if not self.scheduler.busy:
                return
            self.scheduler.step()
        raise AssertionError("the scheduler does not come to an end")

    async def check(self, request: ChatRequest, sequence: Sequence) -> list[Event]:
        """The events of a sequence, which must be those of a cold run."""
        events = [event async for event in sequence.outbox.events()]
        said, count = self.cold.answer(request)
        assert text(events) == said
        assert finished(events).usage.completion_tokens == count
        return events


@pytest.fixture
def bench(cold: Cold) -> Bench:
    return Bench(cold)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each visit to the tower: how many tiles went through it."""
    seen: list[int] = []
    encode = LlavaNetwork.encode_pictures

    def counted(network: LlavaNetwork, pixels: Any) -> Any:
        seen.append(len(pixels))
        return encode(network, pixels)

    monkeypatch.setattr(LlavaNetwork, "encode_pictures", counted)
    return seen


async def test_pictures_go_through_the_tower_together_where_that_pays(
    cold: Cold, encoded: list[int]
) -> None:
    bench = Bench(cold, tiles=2)
    request = ask(("what are these", [BLUE, RED, BLUE]))
    sequence = bench.add(request)
    bench.run()
    assert len(encoded) == 1
    await bench.check(request, sequence)


async def test_a_long_clip_is_looked_at_a_few_tiles_at_a_time(
    tmp_path: Path, encoded: list[int]
) -> None:
    bench = Bench(Cold(write_speaker(tmp_path, **ONEVISION)), tiles=2)
    writer = bench.add(ask("hello", max_tokens=40))
    while len(writer.tokens) < 2:
        bench.scheduler.step()
    request = ask(("what happens", [clip(1, 2, 3, 4, 5), RED]))
    sequence, before = bench.add(request), len(writer.tokens)
    while len(encoded) < 3:
        bench.scheduler.step()
    assert encoded == [2, 2, 1]
    assert len(writer.tokens) == before + 3
    bench.run()
    await bench.check(request, sequence)


async def test_a_picture_that_another_request_has_seen_meanwhile_is_not_mixed_with_the_next(
    tmp_path: Path,
) -> None:
    bench = Bench(Cold(write_speaker(tmp_path, **ONEVISION)))
    one, other = clip(1, 2, 3), clip(4, 5, 6)
    requests = [ask(("what", [one, other])), ask(("who", [one, other]))]
    sequences = [bench.add(requests[0])]
    bench.scheduler.step()  # a tile ahead of the second
    sequences.append(bench.add(requests[1]))
    bench.run()
    for one_of_them, cold in zip(
        sequences[0].pictures, bench.cold.visual([one, other]), strict=True
    ):
        seen = bench.scheduler.caches.features.get(("local", one_of_them.key))
        assert seen is not None
        assert mx.allclose(seen, cold, atol=1e-5)
    for request, sequence in zip(requests, sequences, strict=True):
        await bench.check(request, sequence)


async def test_answers_that_are_made_together_are_each_as_if_alone(bench: Bench) -> None:
    requests = [
        ask("hello"),
        ask((LONG, [RED])),
        ask(("what is this", [BLUE, RED]), temperature=1.0, seed=5),
        ask("who", "are", ("you", [RED]), temperature=1.5, top_p=0.8, seed=7, max_tokens=30),
    ]
    sequences = []
    for request in requests:
        sequences.append(bench.add(request))
        for _ in range(5):
            bench.scheduler.step()
    bench.run()
    for request, sequence in zip(requests, sequences, strict=True):
        await bench.check(request, sequence)


async def test_one_who_writes_gets_a_token_for_each_chunk_that_another_reads(bench: Bench) -> None:
    writer = bench.add(ask("hello", max_tokens=60))
    while not writer.tokens:
        bench.scheduler.step()
    bench.scheduler.step()
    reader = bench.add(ask((LONG, [RED])))
    written = []
    while not reader.tokens:
        before = len(writer.tokens)
        bench.scheduler.step()
        written.append(len(writer.tokens) - before)
    assert len(written) >= len(reader.ids) // 16
    assert set(written) == {1}


async def test_the_first_chunk_goes_along_with_the_last_picture_but_not_ahead(cold: Cold) -> None:
    bench = Bench(cold, chunk=256)
    reader = bench.add(ask(("what", [RED, BLUE])))
    bench.scheduler.step()
    assert not reader.tokens  # the second picture is still to be looked at
    bench.scheduler.step()
    assert reader.tokens
    bench.run()
    bench.add_ahead(ask(("what", [picture(3)])))
    bench.scheduler.step()
    assert bench.scheduler.busy
    bench.scheduler.step()
    assert not bench.scheduler.busy


async def test_a_short_prompt_does_not_wait_for_a_long_one(bench: Bench) -> None:
    long, short = bench.add(ask(LONG)), bench.add(ask("hi"))
    while not short.tokens:
        bench.scheduler.step()
    assert not long.tokens


async def test_who_is_cancelled_while_writing_gets_no_further_token(bench: Bench) -> None:
    leaving, staying = bench.add(ask("hello", max_tokens=40)), bench.add(ask("hi", max_tokens=20))
    while len(leaving.tokens) < 3:
        bench.scheduler.step()
    leaving.cancel()
    bench.run()
    assert len(leaving.tokens) == 3
    assert len(staying.tokens) == 20


async def test_who_is_cancelled_while_reading_reads_no_further_chunk(bench: Bench) -> None:
    leaving = bench.add(ask(LONG))
    for _ in range(3):
        bench.scheduler.step()
    leaving.cancel()
    bench.scheduler.step()
    assert not bench.scheduler.busy
    assert bench.prefixes.fetch("local", leaving.keys, 1000)[1] == 3 * 16


async def test_a_cancelled_answer_leaves_a_cache_that_answers_rightly(bench: Bench) -> None:
    request = ask((LONG, [RED]), max_tokens=30)
    for steps in (4, 20, 30):
        leaving = bench.add(request)
        for _ in range(steps):
            bench.scheduler.step()
        leaving.cancel()
        bench.run()
    again = bench.add(request)
    bench.run()
    await bench.check(request, again)
    assert bench.prefixes.hits > 2


async def test_a_follow_up_reads_its_own_words_only(bench: Bench, encoded: list[int]) -> None:
    request = ask((LONG, [RED]))
    first = bench.add(request)
    bench.run()
    answer = text(await bench.check(request, first))
    encoded.clear()
    bench.scheduler.caches.features.clear()
    follow_up = ask((LONG, [RED]), answer, "and what else")
    second = bench.add(follow_up)
    bench.run()
    assert encoded == []
    assert bench.prefixes.reused_tokens >= len(first.ids)
    await bench.check(follow_up, second)


async def test_an_answer_that_ended_by_itself_is_gone_on_from(bench: Bench) -> None:
    whole, _ = bench.cold.answer(ask((LONG, [RED]), max_tokens=30))
    request = ask((LONG, [RED]), max_tokens=30, stop=(whole[6:9],))
    first = bench.add(request)
    bench.run()
    said = text(await bench.check(request, first))
    again = ask((LONG, [RED]), said, "and what else")
    second = bench.add(again)
    bench.run()
    assert bench.prefixes.reused_tokens >= len(first.ids)
    await bench.check(again, second)


async def test_a_copied_text_comes_in_longer_steps(bench: Bench) -> None:
    request = ask("hello", max_tokens=40)
    answer, _ = bench.cold.answer(request)
    asked = ask(f"{answer} {answer}", max_tokens=40)
    for speculate in (False, True):
        bench.scheduler.speculate = speculate
        sequence = bench.add(asked)
        most = 0
        while not sequence.finished:
            before = len(sequence.tokens)
            bench.scheduler.step()
            most = max(most, len(sequence.tokens) - before)
        await bench.check(asked, sequence)
        assert (most > 1) == speculate


async def test_a_second_picture_keeps_the_first_ones_keys_and_values(
    bench: Bench, encoded: list[int]
) -> None:
    bench.add(ask((LONG, [RED])))
    bench.run()
    request = ask((LONG, [RED]), "I see", ("and this", [BLUE]))
    sequence = bench.add(request)
    bench.run()
    assert len(encoded) == 2
    assert bench.prefixes.reused_tokens > sequence.pictures[0].end
    await bench.check(request, sequence)


async def test_what_was_read_ahead_is_not_read_again(bench: Bench, encoded: list[int]) -> None:
    ahead = bench.add_ahead(ask(("", [RED])))
    bench.run()
    assert ahead.finished
    encoded.clear()
    bench.scheduler.caches.features.clear()
    request = ask(("what is this", [RED]))
    sequence = bench.add(request)
    bench.run()
    assert encoded == []
    assert bench.prefixes.reused_tokens >= sequence.pictures[0].end
    await bench.check(request, sequence)


async def test_reading_ahead_gives_way_to_an_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[Sequence] = []
    step = PromptReader.step

    def noted(reader: PromptReader) -> None:
        worked.append(reader.sequence)
        step(reader)

    monkeypatch.setattr(PromptReader, "step", noted)
    ahead = bench.add_ahead(ask((LONG, [RED]), "so", ("", [BLUE])))
    for _ in range(4):
        bench.scheduler.step()
    request = ask("hello", owner="another")
    sequence = bench.add(request)
    worked.clear()
    while not sequence.finished:
        bench.scheduler.step()
    assert set(worked) == {sequence}
    await bench.check(request, sequence)
    bench.run()
    assert ahead.finished
    assert worked[-1] is ahead


async def test_the_question_takes_over_what_is_half_read_ahead(bench: Bench) -> None:
    bench.add_ahead(ask((LONG, [RED]), "so", ("", [BLUE])))
    for _ in range(4):
        bench.scheduler.step()
    request = ask((LONG, [RED]), "so", ("and this", [BLUE]))
    sequence = bench.add(request)
    bench.run()
    assert bench.prefixes.reused_tokens >= 2 * 16
    await bench.check(request, sequence)


async def test_reading_ahead_ends_when_the_picture_is_taken_away(bench: Bench) -> None:
    ahead = bench.add_ahead(ask((LONG, [RED]), "so", ("", [BLUE])))
    for _ in range(4):
        bench.scheduler.step()
    ahead.cancel()
    bench.scheduler.step()
    assert not bench.scheduler.busy
    assert not ahead.finished
    assert bench.prefixes.fetch("local", ahead.keys, 1000)[1] < len(ahead.keys)


async def test_what_is_known_already_is_not_read_ahead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(ask(("what is this", [RED])))
    bench.run()
    monkeypatch.setattr("app.engine.prompt_reader.Prefill", _failing)
    ahead = bench.add_ahead(ask(("", [RED])))
    bench.run()
    assert ahead.finished
    events = [event async for event in ahead.outbox.events()]
    assert finished(events).reason == "stop"


async def test_what_fails_to_be_read_ahead_harms_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = bench.add_ahead(ask(("", [RED])))
    with monkeypatch.context() as broken:
        broken.setattr(LlavaNetwork, "encode_pictures", _failing)
        bench.run()
    with pytest.raises(EngineError):
        [event async for event in ahead.outbox.events()]
    request = ask(("what is this", [RED]))
    sequence = bench.add(request)
    bench.run()
    await bench.check(request, sequence)


async def test_a_picture_goes_through_the_tower_once(bench: Bench, encoded: list[int]) -> None:
    for words in ("what is this", "another question"):
        bench.add(ask((words, [RED, RED])))
        bench.run()
    assert len(encoded) == 1


async def test_another_owner_reads_all_of_it_anew(bench: Bench, encoded: list[int]) -> None:
    """Nothing tells them what others have asked and shown: neither an answer nor how soon it is."""
    bench.add_ahead(ask((LONG, [RED]), "so", ("", [BLUE])))
    bench.add(ask((LONG, [RED]), temperature=1.0, seed=1))
    bench.run()
    alone = Bench(bench.cold)
    request = ask((LONG, [RED]), "so", ("and this", [BLUE]), owner="another")
    encoded.clear()
    steps, before = [], bench.prefixes.reused_tokens
    for place in (bench, alone):
        sequence = place.add(request)
        steps.append(0)
        while not sequence.finished:
            place.scheduler.step()
            steps[-1] += 1
        await place.check(request, sequence)
    assert steps[0] == steps[1]
    assert len(encoded) == 4
    assert bench.prefixes.reused_tokens == before


async def test_another_owners_use_does_not_take_ones_own_away(bench: Bench) -> None:
    request = ask((LONG, [RED]))
    bench.add(request)
    bench.run()
    bench.add(ask((LONG, [RED]), owner="another"))
    bench.run()
    assert len(bench.prefixes) == 2
    sequence = bench.add(request)
    bench.run()
    assert bench.prefixes.reused_tokens == len(sequence.ids) - 1


async def test_a_step_that_fails_costs_nobody_the_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [ask("hello", max_tokens=20), ask((LONG, [RED]), temperature=1.0, seed=3)]
    sequences = [bench.add(request) for request in requests]
    while not all(len(sequence.tokens) > 2 for sequence in sequences):
        bench.scheduler.step()
    monkeypatch.setattr(bench.scheduler._decoder, "step", _failing)
    bench.run()
    for request, sequence in zip(requests, sequences, strict=True):
        await bench.check(request, sequence)


async def test_who_fails_twice_ends_with_an_error_and_the_next_is_answered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = bench.add(ask("hello"))
    with monkeypatch.context() as broken:
        broken.setattr("app.engine.scheduler.Decoder.step", _failing)
        bench.run()
    with pytest.raises(EngineError):
        [event async for event in sequence.outbox.events()]
    request = ask("hello")
    again = bench.add(request)
    bench.run()
    await bench.check(request, again)


async def test_a_picture_that_fails_in_the_tower_harms_nobody_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask("hello", max_tokens=20)
    other = bench.add(request)
    while len(other.tokens) < 3:
        bench.scheduler.step()
    bench.scheduler.caches.features.put(
        ("local", "0" * 64), bench.cold.llava.encode_pictures([RED.open()])[0]
    )
    damaged = Picture("0" * 64, b"no picture", 1, 1)
    sequence = bench.add(ask(("what", [damaged])))
    bench.scheduler.caches.features.clear()
    bench.run()
    with pytest.raises(EngineError):
        [event async for event in sequence.outbox.events()]
    await bench.check(request, other)


async def test_a_detokenizer_that_fails_harms_nobody_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask("hello", max_tokens=20)
    other, sequence = bench.add(request), bench.add(ask("hi", max_tokens=20))
    while not sequence.tokens:
        bench.scheduler.step()
    monkeypatch.setattr(sequence.detokenizer, "add", _failing)
    bench.run()
    with pytest.raises(EngineError):
        [event async for event in sequence.outbox.events()]
    await bench.check(request, other)


async def test_short_prompts_are_not_worth_keeping(bench: Bench) -> None:
    sequence = bench.add(ask("hello", max_tokens=1))
    sequence.ids, sequence.keys = sequence.ids[:20], sequence.keys[:20]
    bench.run()
    assert len(bench.prefixes) == 0


async def test_the_figures_tell_what_goes_on(bench: Bench) -> None:
    bench.add(ask(LONG))
    assert bench.scheduler.figures()["reading"] == 1
    bench.run()
    figures = bench.scheduler.figures()
    assert figures["reading"] == figures["writing"] == 0
    assert figures["prefix_cache_entries"] == 1
    assert figures["prefix_cache_bytes"] > 1000


def _failing(*_: Any) -> Any:
    raise RuntimeError("broken for the test")
