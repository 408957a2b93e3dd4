import pytest

from app.engine.echo import EchoEngine
from app.errors import EngineError, NotReady
from app.messages import ChatRequest, Delta, Event, Finished, Message, Picture, Reading, Sampling

pytestmark = pytest.mark.anyio


def ask(text: str, *, pictures: tuple[Picture, ...] = (), **sampling: object) -> ChatRequest:
    return ChatRequest((Message("user", text, pictures),), Sampling(**sampling))  # type: ignore[arg-type]


async def collect(engine: EchoEngine, request: ChatRequest) -> list[Event]:
    return [event async for event in engine.stream(request)]


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


async def test_it_says_the_last_message_back_unchanged() -> None:
    said = "  two  words,\n\nand a tail "
    events = await collect(EchoEngine(), ask(said))
    assert text(events) == said
    assert events[0] == Reading(0, 5)
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.reason == "stop"
    assert last.usage.prompt_tokens == 5


async def test_pictures_are_echoed_by_their_size_and_counted() -> None:
    picture = Picture("a" * 64, b"", 640, 480)
    events = await collect(EchoEngine(), ask("look", pictures=(picture,)))
    assert text(events) == "[picture 640x480] look"
    assert events[0] == Reading(0, 17)


async def test_a_clip_is_echoed_by_its_frames() -> None:
    clip = Picture("a" * 64, b"", 64, 48, 8)
    events = await collect(EchoEngine(), ask("look", pictures=(clip,)))
    assert text(events) == "[clip of 8 frames 64x48] look"


async def test_the_limit_ends_an_answer_as_length() -> None:
    events = await collect(EchoEngine(), ask("one two three", max_tokens=2))
    assert text(events) == "one two"
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "length"
    assert events[-1].usage.completion_tokens == 2


async def test_stop_strings_end_an_answer_and_do_not_show() -> None:
    events = await collect(EchoEngine(), ask("one two three four", stop=("three", "o t")))
    assert text(events) == "one tw"
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"


async def test_it_is_loading_at_first_when_told_so() -> None:
    engine = EchoEngine(loading=60)
    status = engine.status()
    assert status.state == "loading"
    assert status.progress is not None
    assert 0 <= status.progress < 0.5
    with pytest.raises(NotReady):
        await collect(engine, ask("hi"))


async def test_closing_a_stream_ends_it() -> None:
    engine = EchoEngine(delay=60)
    stream = engine.stream(ask("hi"))
    assert isinstance(await anext(stream), Reading)
    assert engine.active == 1
    await stream.aclose()
    assert engine.active == 0


async def test_closing_the_engine_ends_a_stream_with_an_error() -> None:
    engine = EchoEngine()
    stream = engine.stream(ask("one two"))
    await anext(stream)
    assert await anext(stream) == Delta("one")
    await engine.aclose()
    with pytest.raises(EngineError):
        await anext(stream)
    assert engine.status().state == "closed"
