"""OpenAI's own Python client, over a real socket, against the echo and against a real LLaVA."""

import threading
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from app.api.data_url import decode
from app.engine import EchoEngine, MlxEngine, loading
from app.pictures import read_picture
from tests.app.api.serving import CHAT, application, body, data_url, served, with_pictures
from tests.app.engine.model_thread import Cold, ask, write_speaker


def connect(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def echo() -> Generator[openai.OpenAI, None, None]:
    with served(application()) as url, connect(url) as client:
        yield client


def say(client: openai.OpenAI, content: Any, **more: Any) -> Any:
    messages: Any = [{"role": "user", "content": content}]
    return client.chat.completions.create(model="default", messages=messages, **more)


def test_a_whole_answer(echo: openai.OpenAI) -> None:
    answer = say(echo, "one two three", max_completion_tokens=2, temperature=0, seed=1, stop=["x"])
    assert answer.choices[0].message.content == "one two"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.total_tokens == 5


def test_a_stream_with_its_usage(echo: openai.OpenAI) -> None:
    chunks = list(say(echo, "one two", stream=True, stream_options={"include_usage": True}))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert said == "one two"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == 2


def test_the_clients_own_streaming_helper(echo: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "one two"}]
    with echo.chat.completions.stream(model="default", messages=messages) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "one two"


def test_a_picture(echo: openai.OpenAI) -> None:
    (message,) = with_pictures("look", data_url())
    assert say(echo, message["content"]).choices[0].message.content == "[picture 12x9] look"


def test_models(echo: openai.OpenAI) -> None:
    assert [model.id for model in echo.models.list()] == ["echo"]
    assert echo.models.retrieve("echo").object == "model"


def test_errors_become_the_clients_own(echo: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="temperature is from 0 to 2"):
        say(echo, "hi", temperature=5)
    with pytest.raises(openai.BadRequestError, match="'n' isn't supported"):
        say(echo, "hi", n=2)
    with pytest.raises(openai.NotFoundError):
        echo.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.NotFoundError, match="nothing else"):
        echo.embeddings.create(model="default", input="x")


def test_loading_is_the_clients_503() -> None:
    with served(application(EchoEngine(loading=60))) as url, connect(url) as client:
        with pytest.raises(openai.InternalServerError) as refusal:
            say(client, "hi")
        assert refusal.value.status_code == 503
        assert refusal.value.response.headers["retry-after"]


def test_a_socket_that_is_closed_in_the_middle_frees_the_engine() -> None:
    engine = EchoEngine(delay=0.01)
    with (
        served(application(engine)) as url,
        httpx.stream("POST", url + CHAT, json=body("word " * 4000, stream=True)) as response,
    ):
        pieces = response.iter_bytes()
        next(pieces)
        assert engine.active == 1
        response.close()
        for _ in range(500):
            if engine.active == 0:
                break
            threading.Event().wait(0.01)
        assert engine.active == 0


def test_a_real_llava_sees_the_picture_it_is_sent(tmp_path: Path) -> None:
    folder = write_speaker(tmp_path / "tiny")
    engine = MlxEngine(("tiny",), partial(loading.load, str(folder)))
    cold = Cold(folder)
    red, blue = data_url("red", (40, 40)), data_url("blue", (30, 50))
    with served(application(engine)) as url, connect(url) as client:
        while engine.status().state == "loading":
            threading.Event().wait(0.01)
        for urls in ([red], [blue], [red, blue]):
            (message,) = with_pictures("what is this", *urls)
            chunks = say(client, message["content"], temperature=0, max_tokens=9, stream=True)
            said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            pictures = [read_picture(decode(one)) for one in urls]
            assert said == cold.answer(ask(("what is this", pictures), max_tokens=9))[0]
