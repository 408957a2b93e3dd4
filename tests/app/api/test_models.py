import pytest

from tests.app.api.serving import application, client

pytestmark = pytest.mark.anyio


async def test_the_resident_model_is_listed() -> None:
    async with client(application()) as one:
        answer = (await one.get("/v1/models")).json()
    assert answer["object"] == "list"
    (card,) = answer["data"]
    assert (card["id"], card["object"]) == ("echo", "model")
    assert isinstance(card["created"], int)


async def test_one_model_can_be_asked_for() -> None:
    async with client(application()) as one:
        assert (await one.get("/v1/models/echo")).json()["id"] == "echo"
        missing = await one.get("/v1/models/some/other")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"
