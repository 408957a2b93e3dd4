"""The engine that asks another server, against our own API and against servers that misbehave."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.controller import Controller
from app.engine import EchoEngine, OpenAIEngine, create_engine
from app.engine import openai as module
from app.errors import EngineError, InvalidRequest, LineFull, NotReady, SettingsError
from app.messages import ChatRequest, Delta, Event, Finished, Reading
from app.settings import Settings
from tests.app.api.serving import application, served
from tests.app.engine.model_thread import ask, finished, picture, text

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def asking(app: FastAPI, model: str | None = None) -> AsyncGenerator[OpenAIEngine, None]:
    """An engine that has found the server, which is on a thread of its own."""
    with served(app) as url:
        engine = OpenAIEngine(f"{url}/v1/", model, look_every=0.02)
        await Controller(engine).loaded()
        try:
            yield engine
        finally:
            await engine.aclose()


async def collect(engine: OpenAIEngine, request: ChatRequest) -> list[Event]:
    return [event async for event in engine.stream(request)]


class Upstream:
    """A server whose answers to chats are made by `answer`, from the number of the try."""

    def __init__(self, answer: Callable[[int], Response]) -> None:
        self.tries = 0
        self.asked: list[Any] = []
        self.app = FastAPI()
        self.app.get("/v1/models")(lambda: {"data": [{"id": "theirs"}]})

        @self.app.post("/v1/chat/completions")
        async def chat(request: Request) -> Response:
            self.tries += 1
            self.asked.append(await request.json())
            return answer(self.tries)


def lines(*given: Any, end: bool = True) -> Response:
    """A stream of events; bytes go out as they are."""

    async def write() -> AsyncGenerator[bytes, None]:
        for one in given:
            if isinstance(one, bytes):
                yield one
            elif isinstance(one, BaseException):
                raise one
            else:
                yield f"data: {json.dumps(one)}\n\n".encode()
        if end:
            yield b"data: [DONE]\n\n"

    return StreamingResponse(write(), media_type="text/event-stream")


def word(content: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": content}}]}


STOP: dict[str, Any] = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))


async def test_one_of_our_servers_answers_through_another() -> None:
    async with asking(application()) as engine:
        assert engine.status().state == "ready"
        assert engine.status().model == "echo"
        events = await collect(engine, ask(("one two", [picture(1)]), max_tokens=3))
    assert isinstance(events[0], Reading)
    assert text(events) == "[picture 48x40] one"
    last = finished(events)
    assert last.reason == "length"
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (18, 3)
    assert last.usage.time_to_first_token > 0


async def test_their_refusals_are_ours() -> None:
    app = application(EchoEngine(capacity=1, delay=60), max_waiting=0)
    async with asking(app) as engine:
        running = asyncio.create_task(collect(engine, ask("one")))
        while not app.state.controller.status().active:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.005)
        with pytest.raises(LineFull) as refusal:
            await collect(engine, ask("two"))
        assert refusal.value.retry_after
        running.cancel()
        await asyncio.wait([running])


async def test_leaving_a_stream_leaves_theirs() -> None:
    theirs = EchoEngine(delay=0.005)
    async with asking(application(theirs)) as engine:
        async with aclosing(engine.stream(ask("word " * 3000, max_tokens=3000))) as stream:
            async for event in stream:
                if isinstance(event, Delta):
                    break
        while theirs.active:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.005)


async def test_the_body_names_their_model_and_carries_the_sampling() -> None:
    upstream = Upstream(lambda _: lines(word("hi"), STOP))
    async with asking(upstream.app) as engine:
        await collect(engine, ask("hello", temperature=0.5, seed=4))
    assert upstream.asked[0]["model"] == "theirs"
    assert upstream.asked[0]["temperature"] == 0.5


async def test_a_broken_connection_before_the_first_word_is_tried_again() -> None:
    def answer(number: int) -> Response:
        if number == 1:
            return Response(status_code=502)
        return lines(RuntimeError("cut"), end=False) if number == 2 else lines(word("hi"), STOP)

    upstream = Upstream(answer)
    async with asking(upstream.app) as engine:
        assert text(await collect(engine, ask("hello"))) == "hi"
    assert upstream.tries == 3


async def test_a_broken_connection_after_the_first_word_is_an_error() -> None:
    upstream = Upstream(lambda _: lines(word("so"), RuntimeError("cut"), end=False))
    async with asking(upstream.app) as engine:
        with pytest.raises(EngineError, match="broke"):
            await collect(engine, ask("hello"))
    assert upstream.tries == 1


async def test_an_answer_that_just_ends_is_not_taken_for_a_whole_one() -> None:
    upstream = Upstream(lambda _: lines(word("so"), end=False))
    async with asking(upstream.app) as engine:
        with pytest.raises(EngineError):
            await collect(engine, ask("hello"))


async def test_a_server_that_stays_broken_is_given_up() -> None:
    upstream = Upstream(lambda _: Response(status_code=504))
    async with asking(upstream.app) as engine:
        with pytest.raises(EngineError):
            await collect(engine, ask("hello"))
    assert upstream.tries == 3


async def test_a_refusal_is_not_tried_again() -> None:
    error = {"error": {"message": "your picture is too large"}}
    upstream = Upstream(lambda _: JSONResponse(error, 400))
    async with asking(upstream.app) as engine:
        with pytest.raises(InvalidRequest, match="your picture is too large"):
            await collect(engine, ask("hello"))
    assert upstream.tries == 1


@pytest.mark.parametrize(
    "hostile",
    [
        [{"error": {"message": "no"}}],
        [b"data: {\n\n"],
        [b"x" * 65536] * 40,
        [word("x" * 300_000)] * 5,
    ],
    ids=["error event", "no JSON", "endless line", "endless answer"],
)
async def test_a_hostile_answer_ends_with_an_error(hostile: list[Any]) -> None:
    upstream = Upstream(lambda _: lines(*hostile))
    async with asking(upstream.app) as engine:
        with pytest.raises(EngineError):
            await collect(engine, ask("hello"))


async def test_a_refusal_without_end_is_read_no_further_than_needed() -> None:
    sent = 0

    async def write() -> AsyncGenerator[bytes, None]:
        nonlocal sent
        while sent < 5000:
            sent += 1
            yield b"x" * 65536
            await asyncio.sleep(0.001)  # for the server to see that we left

    upstream = Upstream(lambda _: StreamingResponse(write(), status_code=400))
    async with asking(upstream.app) as engine:
        with pytest.raises(InvalidRequest):
            await collect(engine, ask("hello"))
    assert sent < 1000


async def test_until_the_server_is_there_it_is_loading_and_then_ready() -> None:
    with served(application()) as url:
        pass
    port = int(url.rsplit(":", 1)[1])
    engine = OpenAIEngine(f"{url}/v1", None, look_every=0.02)
    await asyncio.sleep(0.1)
    assert engine.status().state == "loading"
    with pytest.raises(NotReady):
        await collect(engine, ask("hello"))
    with served(application(), port):
        assert (await Controller(engine).loaded()).state == "ready"
        assert text(await collect(engine, ask("hello"))) == "hello"
    while engine.status().state == "ready":  # noqa: ASYNC110 - a thread looks
        await asyncio.sleep(0.01)
    assert engine.status().state == "loading"
    await engine.aclose()


async def test_a_server_without_the_model_is_said() -> None:
    async with asking(application(), "another") as engine:
        assert engine.status().state == "failed"
        assert "it lists echo" in engine.status().detail


async def test_closing_ends_the_streams() -> None:
    async with asking(application(EchoEngine(delay=0.02))) as engine:
        stream = engine.stream(ask("word " * 500, max_tokens=500))
        while not isinstance(await anext(stream), Delta):
            pass
        await engine.aclose()
        with pytest.raises((EngineError, NotReady)):
            [event async for event in stream]
        assert engine.status().state == "closed"
        with pytest.raises(NotReady):
            await collect(engine, ask("hello"))


def test_an_unknown_template_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(SettingsError, match=r"--template is one of .*v1.*chat_template"):
        create_engine(Settings(template="vicuna_v99"))


async def test_the_settings_make_the_engine_they_ask_for() -> None:
    assert isinstance(create_engine(Settings(engine="echo")), EchoEngine)
    with served(application()) as url:
        settings = Settings(engine="openai", base_url=f"{url}/v1")
        engine = create_engine(settings)
        assert isinstance(engine, OpenAIEngine)
        assert (await Controller(engine).loaded()).state == "ready"
        assert isinstance((await collect(engine, ask("hi")))[-1], Finished)
        await engine.aclose()
