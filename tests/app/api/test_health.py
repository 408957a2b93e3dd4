import asyncio

import pytest

from app.engine import EchoEngine
from app.engine.base import EngineState, EngineStatus
from tests.app.api.serving import CHAT, application, body, client, until

pytestmark = pytest.mark.anyio


class Said(EchoEngine):
    """An engine in a state of one's choice."""

    def __init__(self, state: EngineState, *, stalled: bool = False) -> None:
        super().__init__()
        self.said = EngineStatus(state, "said", "", 0.25, stalled=stalled)

    def status(self) -> EngineStatus:
        return self.said


async def test_health_is_always_well() -> None:
    for engine in (EchoEngine(), Said("failed"), Said("loading")):
        async with client(application(engine)) as one:
            response = await one.get("/health")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_ready_when_a_question_would_be_answered() -> None:
    async with client(application()) as one:
        response = await one.get("/ready")
    assert response.status_code == 200
    assert response.json()["model"] == "echo"
    assert response.json()["reason"] is None


@pytest.mark.parametrize("state", ["loading", "failed", "closed"])
async def test_not_ready_while_the_model_is_not(state: EngineState) -> None:
    async with client(application(Said(state))) as one:
        response = await one.get("/ready")
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert response.json()["state"] == state
    assert response.json()["progress"] == 0.25
    assert state in response.json()["reason"]


async def test_ready_while_the_model_rests_for_a_question_loads_it_again() -> None:
    async with client(application(Said("unloaded"))) as one:
        response = await one.get("/ready")
    assert (response.status_code, response.json()["state"]) == (200, "unloaded")


async def test_not_ready_while_the_engine_is_stuck() -> None:
    async with client(application(Said("ready", stalled=True))) as one:
        response = await one.get("/ready")
    assert response.status_code == 503
    assert "no step" in response.json()["reason"]


async def test_not_ready_while_the_line_is_full_and_ready_again_after() -> None:
    app = application(EchoEngine(delay=0.02, capacity=1), max_waiting=0)
    async with client(app) as one:
        running = asyncio.create_task(one.post(CHAT, json=body()))
        await until(lambda: app.state.controller.status().active == 1)
        assert (await one.get("/ready")).status_code == 503
        await running
        assert (await one.get("/ready")).status_code == 200


async def test_not_ready_while_draining() -> None:
    app = application()
    await app.state.controller.drain()
    async with client(app) as one:
        assert (await one.get("/ready")).status_code == 503
