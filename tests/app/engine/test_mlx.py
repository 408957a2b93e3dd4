"""The engine with its thread, on a real, small, random LLaVA."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from app.engine import MlxEngine, loading
from app.engine.base import Progress, Watch
from app.engine.mlx import STALLED_AFTER
from app.errors import EngineError, InvalidRequest, NotReady
from app.messages import Delta, Finished, Reading, Shortened
from model.errors import CheckpointError
from tests.app.engine.model_thread import (
    Cold,
    ask,
    clip,
    collect,
    finished,
    picture,
    running,
    text,
    write_speaker,
)
from tests.checkpoints import ONEVISION

pytestmark = pytest.mark.anyio

RED, BLUE = picture(1), picture(2)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_speaker(tmp_path_factory.mktemp("llava-v1.5-tiny"))


@pytest.fixture(scope="module")
def cold(checkpoint: Path) -> Cold:
    return Cold(checkpoint)


@pytest.fixture
async def engine(checkpoint: Path) -> AsyncGenerator[MlxEngine, None]:
    made = MlxEngine(("tiny", "small"), partial(loading.load, str(checkpoint)))
    async with running(made):
        assert made.status().state == "ready", made.status().detail
        yield made


async def idle(engine: MlxEngine) -> None:
    """Wait until nothing is read or written any more."""
    while True:
        figures = engine.status().figures
        if not any(figures[what] for what in ("reading", "writing", "reading_ahead")):
            return
        await asyncio.sleep(0.002)


async def test_a_shortened_conversation_is_said_to_be_before_and_after_its_answer(
    engine: MlxEngine, cold: Cold
) -> None:
    turns = [words for number in range(12) for words in (f"question {number} " * 3, "so")]
    request = replace(ask(*turns, "the last one"), shorten=True)
    events = await collect(engine, request)
    told = events[0]
    assert isinstance(told, Shortened)
    assert finished(events).usage.unseen_messages == told.messages > 0
    seen = replace(request, messages=request.messages[told.messages :], shorten=False)
    assert text(events) == cold.answer(seen)[0]
    assert not any(isinstance(event, Shortened) for event in await collect(engine, ask("hi")))


async def test_an_answer_is_that_of_a_cold_run(engine: MlxEngine, cold: Cold) -> None:
    request = ask(("what is this", [RED]))
    events = await collect(engine, request)
    said, count = cold.answer(request)
    assert text(events) == said
    assert finished(events).reason == "length"
    usage = finished(events).usage
    assert usage.completion_tokens == count
    reading = [event for event in events if isinstance(event, Reading)]
    assert reading[0] == Reading(0, usage.prompt_tokens)
    assert reading[-1] == Reading(usage.prompt_tokens, usage.prompt_tokens)
    assert usage.time_to_first_token > 0
    assert usage.tokens_per_second > 0


async def test_that_it_takes_no_clips_is_said_while_it_is_loaded(engine: MlxEngine) -> None:
    assert not engine.status().clips
    await engine.aclose()
    assert engine.status().clips  # the next model may


async def test_pictures_and_their_order_change_the_answer(engine: MlxEngine) -> None:
    answers = {
        text(await collect(engine, ask(("what is this", pictures))))
        for pictures in ([], [RED], [BLUE], [RED, BLUE], [BLUE, RED])
    }
    assert len(answers) == 5


async def test_a_clip_is_answered_as_in_a_cold_run_also_in_later_turns(tmp_path: Path) -> None:
    folder = write_speaker(tmp_path, **ONEVISION)
    cold = Cold(folder)
    async with running(MlxEngine(("tiny", "one"), partial(loading.load, str(folder)))) as engine:
        assert engine.status().clips
        said = {}
        for frames in ((1, 2, 3), (3, 2, 1), (1, 2)):
            request = ask(("what happens", [clip(*frames)]))
            said[frames] = text(await collect(engine, request))
            assert said[frames] == cold.answer(request)[0]
            later = ask(("what happens", [clip(*frames)]), said[frames], ("and here", [RED]))
            assert text(await collect(engine, later)) == cold.answer(later)[0]
        assert len(set(said.values())) > 1


async def test_conversations_at_once_do_not_mix(engine: MlxEngine, cold: Cold) -> None:
    requests = [
        ask((f"question {number}", [picture(number % 3)] * (number % 3)), max_tokens=8 + number)
        for number in range(engine.capacity)
    ]
    answers = await asyncio.gather(*(collect(engine, request) for request in requests))
    for request, events in zip(requests, answers, strict=True):
        assert (text(events), finished(events).usage.completion_tokens) == cold.answer(request)


async def test_the_same_seed_gives_the_same_answer_whoever_asks_beside(
    engine: MlxEngine, cold: Cold
) -> None:
    seeded = ask("say something", temperature=1.3, seed=4, max_tokens=20)
    others = [ask("and you", temperature=1.3, seed=seed, max_tokens=20) for seed in (4, 5)]
    events, *_ = await asyncio.gather(*(collect(engine, one) for one in (seeded, *others)))
    assert text(events) == cold.answer(seeded)[0]
    unseeded = ask("say something", temperature=1.3, max_tokens=20)
    assert text(await collect(engine, unseeded)) != text(await collect(engine, unseeded))


async def test_stop_strings_end_the_answer_and_never_show(engine: MlxEngine, cold: Cold) -> None:
    whole, _ = cold.answer(ask("hello", max_tokens=30))
    stop = whole[7:10]
    events = await collect(engine, ask("hello", max_tokens=30, stop=(stop,)))
    assert text(events) == whole[: whole.index(stop)]
    assert finished(events).reason == "stop"


async def test_the_models_own_end_of_text_ends_the_answer(tmp_path: Path, checkpoint: Path) -> None:
    def ending(weights: dict[str, object]) -> None:
        head = weights["language_model.lm_head.weight"]
        head[:] = 0  # type: ignore[index]
        head[2] = 1  # type: ignore[index]

    from tests.checkpoints import write_checkpoint

    folder = write_checkpoint(tmp_path / "ending", edit=ending)  # type: ignore[arg-type]
    async with running(MlxEngine(("e",), partial(loading.load, str(folder)))) as engine:
        events = [await collect(engine, ask(words)) for words in ("a", "b c", "d e f")]
    ended = [finished(one) for one in events if finished(one).reason == "stop"]
    assert ended
    assert ended[0].usage.completion_tokens == 0


async def test_an_answer_ends_cleanly_where_the_context_does(engine: MlxEngine) -> None:
    request = ask("how long " * 50, max_tokens=4096)
    events = await collect(engine, request)
    usage = finished(events).usage
    assert finished(events).reason == "context"
    assert usage.prompt_tokens + usage.completion_tokens == 512


async def test_a_prompt_longer_than_the_context_is_refused_with_its_counts(
    engine: MlxEngine,
) -> None:
    with pytest.raises(InvalidRequest, match=r"18 of them for 2 pictures.*511 at most"):
        await collect(engine, ask(("how long " * 100, [RED, BLUE])))


async def test_many_that_come_and_go_leave_nothing_behind(engine: MlxEngine, cold: Cold) -> None:
    async def leave(number: int) -> None:
        async with aclosing(engine.stream(ask(f"number {number}", max_tokens=200))) as stream:
            for _ in range(number % 7):
                await anext(stream)

    await collect(engine, ask("hello"))
    threads = threading.active_count()
    for first in range(0, 60, engine.capacity):
        await asyncio.gather(*(leave(first + n) for n in range(engine.capacity)))
    await idle(engine)
    assert engine._live == set()
    assert engine._inbox.empty()
    assert threading.active_count() <= threads + 1
    request = ask("number 5", max_tokens=40)
    assert text(await collect(engine, request)) == cold.answer(request)[0]


async def test_closing_a_stream_ends_the_work(engine: MlxEngine) -> None:
    async with aclosing(engine.stream(ask("hello", max_tokens=400))) as stream:
        async for event in stream:
            if isinstance(event, Delta):
                break
    await idle(engine)
    assert engine._live == set()
    assert len(text(await collect(engine, ask("hello", max_tokens=400)))) > 100


async def test_leaving_before_the_prompt_is_prepared_leaves_nothing(engine: MlxEngine) -> None:
    task = asyncio.create_task(collect(engine, ask("hello", max_tokens=400)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await idle(engine)
    assert engine._live == set()


async def test_a_consumer_that_stops_taking_holds_nobody_up(engine: MlxEngine, cold: Cold) -> None:
    slow = engine.stream(ask("hello", max_tokens=60))
    await anext(slow)
    request = ask("hi", max_tokens=60)
    events = await collect(engine, request)
    assert text(events) == cold.answer(request)[0]
    await idle(engine)
    rest = [event async for event in slow]
    assert text(rest) == cold.answer(ask("hello", max_tokens=60))[0]
    assert len(rest) < 60


async def test_a_picture_that_was_read_ahead_leaves_only_the_question(
    engine: MlxEngine, cold: Cold
) -> None:
    await engine.read_ahead(ask(("", [RED])))
    await idle(engine)
    request = ask(("what is this", [RED]))
    assert text(await collect(engine, request)) == cold.answer(request)[0]
    assert engine.status().figures["prefix_cache_tokens_reused"] > 9
    assert engine._live == set()


async def test_reading_ahead_that_is_given_up_leaves_nothing_behind(engine: MlxEngine) -> None:
    task = asyncio.create_task(
        engine.read_ahead(ask(("look here " * 20, [RED]), "so", ("", [BLUE])))
    )
    while not (engine._live or task.done()):  # noqa: ASYNC110 - it is prepared on a thread
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await idle(engine)
    assert engine._live == set()


async def test_closing_the_engine_ends_streams_with_an_error(engine: MlxEngine) -> None:
    stream = engine.stream(ask("hello", max_tokens=400))
    await anext(stream)
    await engine.aclose()
    with pytest.raises(EngineError, match="closed"):
        [event async for event in stream]
    assert engine.status().state == "closed"
    with pytest.raises(NotReady):
        await collect(engine, ask("hello"))
    await engine.aclose()


async def test_while_it_loads_it_says_so_and_answers_nobody(checkpoint: Path) -> None:
    go_on = threading.Event()

    def slowly(watch: Watch) -> loading.Loaded:
        watch(lambda: Progress("loading", 250_000, 1_000_000))
        go_on.wait(60)
        return loading.load(str(checkpoint), watch)

    engine = MlxEngine(("tiny",), slowly)
    assert engine.status().state == "loading"
    assert "tiny" in engine.status().detail
    while engine.status().progress is None:  # noqa: ASYNC110 - a thread begins
        await asyncio.sleep(0.005)
    assert engine.status().progress == 0.25
    assert engine.status().detail == "Loading tiny: 250 kB of 1 MB."
    with pytest.raises(NotReady, match="loading"):
        await collect(engine, ask("hello"))
    go_on.set()
    async with running(engine):
        assert finished(await collect(engine, ask("hello"))).reason == "length"
        assert engine.status().progress is None


async def test_closing_while_it_loads_is_final(checkpoint: Path) -> None:
    go_on = threading.Event()

    def slowly(watch: Watch) -> loading.Loaded:
        watch(lambda: Progress("loading", 250_000, 1_000_000))
        go_on.wait(60)
        return loading.load(str(checkpoint), watch)

    engine = MlxEngine(("tiny",), slowly)
    closing = asyncio.create_task(engine.aclose())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    await asyncio.to_thread(engine._thread.join)
    assert engine.status().state == "closed"


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (CheckpointError("The folder has no config.json."), "The folder has no config.json."),
        (MemoryError("0x7f at /home/user"), "It could not be loaded: the log says more."),
        (SystemExit(3), "It could not be loaded: the log says more."),
    ],
)
async def test_a_model_that_can_not_be_loaded_is_said_without_the_inside(
    error: BaseException, detail: str
) -> None:
    def failing(watch: Watch) -> loading.Loaded:
        raise error

    async with running(MlxEngine(("tiny",), failing)) as engine:
        assert engine.status().state == "failed"
        assert engine.status().detail == detail
        with pytest.raises(NotReady):
            await collect(engine, ask("hello"))


async def test_a_thread_that_dies_ends_streams_with_an_error(
    engine: MlxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = engine.stream(ask("hello", max_tokens=400))
    await anext(stream)

    def dying(*_: object) -> None:
        raise SystemExit(1)

    monkeypatch.setattr("app.engine.scheduler.Decoder.step", dying)
    with pytest.raises(EngineError, match="broke down"):
        [event async for event in stream]
    assert engine.status().state == "failed"
    with pytest.raises(NotReady):
        await collect(engine, ask("hello"))


async def test_an_engine_that_hangs_in_a_step_is_called_stalled(
    engine: MlxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not engine.status().stalled
    hangs, go_on = threading.Event(), threading.Event()

    def hanging(*_: object) -> list[object]:
        hangs.set()
        go_on.wait(60)
        return []

    with monkeypatch.context() as broken:
        broken.setattr("app.engine.scheduler.Decoder.step", hanging)
        stream = engine.stream(ask("hello"))
        await anext(stream)
        await asyncio.to_thread(hangs.wait, 60)
        assert engine._working_since is not None
        assert not engine.status().stalled
        engine._working_since -= STALLED_AFTER
        assert engine.status().stalled
    go_on.set()
    events = [event async for event in stream]
    assert isinstance(events[-1], Finished)
    await idle(engine)
    await asyncio.sleep(0)
    assert not engine.status().stalled


def test_the_process_ends_well_with_the_engine_closed_or_not(checkpoint: Path) -> None:
    program = """
import asyncio, sys
from functools import partial
from app.engine import create_engine
from app.settings import Settings
from app.messages import ChatRequest, Message
async def main():
    engine = create_engine(Settings(model=sys.argv[1]))
    while engine.status().state == "loading":
        await asyncio.sleep(0.01)
    stream = engine.stream(ChatRequest((Message("user", "hello"),)))
    async for event in stream:
        pass
    if sys.argv[2] == "close":
        await engine.aclose()
asyncio.run(main())
sys.stdout.write("done")
"""
    for way in ("close", "leave"):
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, str(checkpoint), way],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (ended.returncode, ended.stdout) == (0, "done"), ended.stderr
