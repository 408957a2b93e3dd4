import re

import pytest

from app.engine import EchoEngine
from app.engine.base import EngineStatus
from tests.app.api.serving import CHAT, application, body, client

pytestmark = pytest.mark.anyio


class Counting(EchoEngine):
    def status(self) -> EngineStatus:
        return EngineStatus("ready", "counting", figures={"cache_bytes": 12345678.0})


async def test_the_metrics_are_prometheus_text_and_count() -> None:
    async with client(application(Counting())) as one:
        await one.post(CHAT, json=body("one two"))
        await one.post(CHAT, json=body(temperature=7))
        await one.post(CHAT, json=body() | {"model": "none"})
        response = await one.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    values = dict(line.split() for line in lines if not line.startswith("#"))
    assert values["llava_chat_requests_total"] == "1"
    assert values["llava_chat_finished_total"] == "1"
    assert values["llava_chat_prompt_tokens_total"] == "2"
    assert values["llava_chat_completion_tokens_total"] == "2"
    assert values["llava_chat_active"] == "0"
    assert values["llava_chat_accepting"] == "1"
    assert values["llava_chat_engine_cache_bytes"] == "12345678"
    for name in values:
        assert f"# TYPE {name} " in response.text
        assert re.fullmatch(r"[a-z_]+", name)


async def test_nothing_that_was_said_is_in_the_metrics() -> None:
    async with client(application()) as one:
        await one.post(CHAT, json=body("canary-7431"))
        assert "canary" not in (await one.get("/metrics")).text
