"""`POST /v1/chat/completions` on echo engines: shapes, refusals, and who leaves in the middle."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect

from app.api import body as body_module
from app.api import event_stream
from app.engine import EchoEngine
from app.engine.base import EngineStatus
from app.errors import EngineError
from app.messages import ChatRequest, Delta, Event
from tests.app.api.serving import CHAT, application, body, client, data_url, until, with_pictures
from tests.app.asgi import scope

pytestmark = pytest.mark.anyio


async def post(app: FastAPI, content: Any, **how: Any) -> httpx.Response:
    async with client(app) as one:
        return await one.post(CHAT, json=content, **how)


def chunks(response: httpx.Response) -> list[Any]:
    """The data of a stream's events, `[DONE]` as it is."""
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    data = [line.removeprefix("data: ") for line in lines]
    return [one if one == "[DONE]" else json.loads(one) for one in data]


def message(response: httpx.Response) -> str:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return str(error["message"])


class Breaking(EchoEngine):
    """Breaks off after its first word."""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        yield Delta("so")
        raise EngineError("It broke off.")


class Endless(EchoEngine):
    """Never ends by itself; `closed` tells that it was given up."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__()
        self.quiet = quiet
        self.said = 0
        self.closed = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        try:
            while True:
                await asyncio.sleep(3600 if self.quiet else 0)
                self.said += 1
                yield Delta("and so on ")
        finally:
            self.closed.set()


async def test_a_whole_answer_has_openais_shape() -> None:
    response = await post(application(), body("one two three"))
    assert response.status_code == 200
    answer = response.json()
    assert answer["object"] == "chat.completion"
    assert answer["id"].startswith("chatcmpl-")
    assert answer["model"] == "echo"
    (choice,) = answer["choices"]
    assert choice["index"] == 0
    assert choice["message"] == {"role": "assistant", "content": "one two three", "refusal": None}
    assert choice["finish_reason"] == "stop"
    usage = answer["usage"]
    counts = [usage[f"{kind}_tokens"] for kind in ("prompt", "completion", "total")]
    assert counts == [3, 3, 6]


async def test_a_stream_has_openais_chunks() -> None:
    response = await post(application(), body("one two", stream=True, max_tokens=1))
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    *data, done = chunks(response)
    assert done == "[DONE]"
    assert len({chunk["id"] for chunk in data}) == 1
    assert {chunk["object"] for chunk in data} == {"chat.completion.chunk"}
    deltas = [chunk["choices"][0]["delta"] for chunk in data]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "one"}, {}]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in data]
    assert reasons == [None, None, "length"]
    assert all("usage" not in chunk for chunk in data)


async def test_a_stream_tells_its_usage_when_asked() -> None:
    asked = body("one two", stream=True, stream_options={"include_usage": True})
    *data, last, _ = chunks(await post(application(), asked))
    assert all(chunk["usage"] is None for chunk in data)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 4


async def test_pictures_come_as_data_urls() -> None:
    messages = with_pictures("look", data_url(), data_url("blue", (20, 30), "JPEG"))
    response = await post(application(), body() | {"messages": messages})
    said = response.json()["choices"][0]["message"]["content"]
    assert said == "[picture 12x9] [picture 20x30] look"


async def test_a_video_comes_as_a_picture_does() -> None:
    from tests.app.films import film

    url = "data:video/mp4;base64," + base64.b64encode(film()).decode()
    parts: list[Any] = [{"type": kind, kind: {"url": url}} for kind in ("image_url", "video_url")]
    messages = [{"role": "user", "content": [*parts, {"type": "text", "text": "look"}]}]
    response = await post(application(), body() | {"messages": messages})
    said = response.json()["choices"][0]["message"]["content"]
    assert said == "[clip of 8 frames 96x64] [clip of 8 frames 96x64] look"


async def test_a_remote_picture_is_refused() -> None:
    messages = with_pictures("look", "http://127.0.0.1:1/a.png")
    response = await post(application(), body() | {"messages": messages})
    assert response.status_code == 400
    assert "data URL" in message(response)


async def test_a_file_that_is_no_picture_is_refused() -> None:
    messages = with_pictures("look", "data:image/png;base64,aGVsbG8=")
    response = await post(application(), body() | {"messages": messages})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_picture"


async def test_too_many_pictures_are_refused_before_any_is_read() -> None:
    messages = with_pictures("look", *["data:image/png;base64,x"] * 33)
    response = await post(application(), body() | {"messages": messages})
    assert response.status_code == 400
    assert "33 pictures" in message(response)


@pytest.mark.parametrize("content", [{}, {"messages": []}, body(temperature=9), body(oops=1), []])
async def test_an_invalid_body_is_400_and_never_422(content: Any) -> None:
    response = await post(application(), content)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert message(response)


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", ""])
async def test_another_content_type_is_refused(kind: str) -> None:
    async with client(application()) as one:
        headers = {"content-type": kind}
        response = await one.post(CHAT, content=json.dumps(body()), headers=headers)
    assert response.status_code == 400
    assert "Content-Type" in message(response)


async def test_an_unknown_model_is_404_and_the_resident_one_answers_to_its_name() -> None:
    response = await post(application(), body() | {"model": "gpt-4o"})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert (await post(application(), body() | {"model": "echo"})).status_code == 200
    without = body()
    del without["model"]
    assert (await post(application(), without)).status_code == 200


async def test_a_full_line_is_429_with_a_time_to_come_back() -> None:
    engine = Endless(quiet=True)
    engine._capacity = 1
    app = application(engine, max_waiting=0)
    running = asyncio.create_task(post(app, body()))
    await until(lambda: app.state.controller.status().active == 1)
    response = await post(app, body())
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["error"]["type"] == "rate_limit_exceeded"
    running.cancel()
    await asyncio.wait([running])


async def test_while_loading_the_body_is_not_even_looked_at() -> None:
    response = await post(application(EchoEngine(loading=60)), "no body at all")
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1


async def test_while_draining_nobody_is_let_in() -> None:
    app = application()
    await app.state.controller.drain()
    assert (await post(app, body())).status_code == 503


async def test_an_answer_that_breaks_off_is_500() -> None:
    response = await post(application(Breaking()), body())
    assert response.status_code == 500
    assert message(response) == "It broke off."


async def test_a_stream_that_breaks_off_ends_with_an_error_and_is_never_done() -> None:
    response = await post(application(Breaking()), body(stream=True))
    *_, delta, last = chunks(response)
    assert delta["choices"][0]["delta"] == {"content": "so"}
    assert last["error"]["message"] == "It broke off."
    assert "[DONE]" not in response.text


async def test_other_parts_of_the_api_are_404_in_the_same_shape() -> None:
    async with client(application()) as one:
        for response in (await one.post("/v1/embeddings", json={}), await one.get(CHAT)):
            assert response.status_code == 404
            assert "chat/completions" in message(response)


class Wire:
    """A raw client: what it has got, and the moment when it leaves or stops taking."""

    def __init__(self, content: Any) -> None:
        self.scope = scope(CHAT, "POST", [("content-type", "application/json")])
        self.inbox: list[Any] = [{"type": "http.request", "body": json.dumps(content).encode()}]
        self.left = asyncio.Event()
        self.stuck = False
        self.sent: list[bytes] = []
        self.news = asyncio.Event()

    async def receive(self) -> Any:
        if self.inbox:
            return self.inbox.pop()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.stuck:
            await asyncio.sleep(3600)
        self.sent.append(message.get("body", b""))
        self.news.set()

    async def run(self, app: FastAPI) -> None:
        await app(self.scope, self.receive, self.send)

    async def has_got(self, what: bytes) -> None:
        while what not in b"".join(self.sent):
            self.news.clear()
            await self.news.wait()


async def test_a_client_that_leaves_a_stream_cancels_the_answer() -> None:
    engine = Endless()
    wire = Wire(body(stream=True))
    running = asyncio.create_task(wire.run(application(engine)))
    await wire.has_got(b"and so on")
    wire.left.set()
    await engine.closed.wait()
    await asyncio.wait([running])
    assert b"[DONE]" not in b"".join(wire.sent)


async def test_a_client_that_leaves_before_the_first_word_cancels_the_answer() -> None:
    engine = Endless(quiet=True)
    wire = Wire(body(stream=True))
    app = application(engine)
    running = asyncio.create_task(wire.run(app))
    await until(lambda: app.state.controller.status().active == 1)
    wire.left.set()
    with pytest.raises(ClientDisconnect):
        await running
    assert app.state.controller.status().active == 0


async def test_a_first_word_that_takes_long_is_waited_for_with_pings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "PING_AFTER", 0.01)
    wire = Wire(body(stream=True))
    running = asyncio.create_task(wire.run(application(Endless(quiet=True))))
    await wire.has_got(b": ping\n\n: ping\n\n")
    wire.left.set()
    await running


async def test_a_client_that_leaves_before_a_whole_answer_cancels_it() -> None:
    engine = Endless()
    wire = Wire(body())
    app = application(engine)
    running = asyncio.create_task(wire.run(app))
    await until(lambda: engine.said > 2)
    wire.left.set()
    with pytest.raises(ClientDisconnect):
        await running
    assert engine.closed.is_set()
    assert app.state.controller.status().active == 0


async def test_a_client_that_reads_nothing_is_taken_for_one_that_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "TAKEN_WITHIN", 0.05)
    engine = Endless()
    wire = Wire(body(stream=True))
    running = asyncio.create_task(wire.run(application(engine)))
    await wire.has_got(b"and so on")
    wire.stuck = True
    with pytest.raises(ClientDisconnect):
        await running
    assert engine.closed.is_set()


async def test_who_waits_in_the_line_is_sent_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PING_AFTER", 0.01)
    engine = Endless(quiet=True)
    engine._capacity = 1
    app = application(engine)
    first, second = Wire(body(stream=True)), Wire(body(stream=True))
    running = asyncio.create_task(first.run(app))
    await until(lambda: app.state.controller.status().active == 1)
    waiting = asyncio.create_task(second.run(app))
    await second.has_got(b": ping\n\n: ping\n\n")
    assert app.state.controller.status().waiting == 1
    second.left.set()
    await waiting
    assert app.state.controller.status().waiting == 0
    first.left.set()
    await running


async def test_pings_lose_nothing_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PING_AFTER", 0.002)
    response = await post(application(EchoEngine(delay=0.01)), body("one two three", stream=True))
    assert ": ping" in response.text
    said = [json.loads(line[6:]) for line in response.text.split("\n\n") if "choices" in line]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in said)
    assert text == "one two three"


async def test_a_body_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "NEXT_WITHIN", 0.02)
    wire = Wire(body())
    wire.inbox = [{"type": "http.request", "body": b"{", "more_body": True}]
    await wire.run(application())
    assert b"did not come in time" in wire.sent[-1]


async def test_a_status_that_is_no_openai_reason_is_an_error() -> None:
    class Cancelling(EchoEngine):
        async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
            from app.messages import Finished

            yield Finished("cancelled")

        def status(self) -> EngineStatus:
            return EngineStatus("ready", "c")

    assert (await post(application(Cancelling()), body())).status_code == 500
    assert '"error"' in (await post(application(Cancelling()), body(stream=True))).text


async def test_the_context_limit_is_a_length_to_openai() -> None:
    class Short(EchoEngine):
        async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
            from app.messages import Finished

            yield Finished("context")

    response = await post(application(Short()), body())
    assert response.json()["choices"][0]["finish_reason"] == "length"


async def test_many_at_once_each_get_their_own() -> None:
    app = application(EchoEngine(delay=0.001, capacity=4))
    asked = [f"question number {number}" for number in range(40)]
    answers = await asyncio.gather(*(post(app, body(text, stream=True)) for text in asked))
    for text, response in zip(asked, answers, strict=True):
        *data, done = chunks(response)
        assert done == "[DONE]"
        said = "".join(one["choices"][0]["delta"].get("content", "") for one in data)
        assert said == text


class Gated(EchoEngine):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        await self.go.wait()
        async for event in super().stream(request):
            yield event


async def test_of_a_burst_each_is_served_or_refused_at_once() -> None:
    engine = Gated()
    app = application(engine)
    asked = [asyncio.create_task(post(app, body("one two"))) for _ in range(200)]
    await until(lambda: sum(task.done() for task in asked) == 200 - 16 - 64)
    engine.go.set()
    responses = await asyncio.gather(*asked)
    statuses = [response.status_code for response in responses]
    assert (statuses.count(200), statuses.count(429)) == (16 + 64, 120)
    for response in responses:
        assert response.status_code == 200 or int(response.headers["retry-after"]) >= 1
    status = app.state.controller.status()
    assert (status.active, status.waiting) == (0, 0)


async def test_what_requests_hold_is_bounded_and_given_back() -> None:
    engine = Gated()
    app = application(engine)
    memory = app.state.memory
    content = body() | {"messages": with_pictures("look", data_url())}
    size = len(json.dumps(content, separators=(",", ":")))
    running = asyncio.create_task(post(app, content))
    await until(lambda: app.state.controller.status().active == 1)
    assert 0 < memory.held < size
    memory.most = memory.held + 100
    refused = await post(app, content)
    assert refused.status_code == 429
    assert "pictures" in message(refused)
    memory.most = 10**6
    engine.go.set()
    assert (await running).status_code == 200
    assert (await post(app, body(temperature=9))).status_code == 400
    assert memory.held == 0


async def test_what_the_framework_refuses_has_the_same_shape() -> None:
    app = application()

    @app.get("/numbers/{number}")
    async def numbers(number: int) -> int:
        return number

    async with client(app) as one:
        wrong, missing = await one.get("/numbers/x"), await one.get("/nowhere")
        method = await one.put("/health")
    assert wrong.status_code == 400
    assert "number" in message(wrong)
    assert (missing.status_code, message(missing)) == (404, "Not Found.")
    assert method.status_code == 405
    assert message(method)
