"""`POST /pictures`, with the shell and the pictures' own address around it."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from app import api
from app.controller import Controller
from app.conversations import Conversations
from app.engine.echo import EchoEngine
from app.login import Guard
from app.security import HostNames, Shell
from app.store import Store
from app.ui.uploads import router
from tests.app.asgi import client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = Store(tmp_path)
    app = FastAPI()
    app.state.conversations = Conversations(store, Controller(EchoEngine()))
    api.mount(app)
    app.include_router(router)
    app.add_middleware(Shell, hosts=HostNames(["127.0.0.1"]), guard=Guard(None, None))
    async with client(app) as browser:
        yield browser
    store.close()


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_picture_is_kept_and_served_again(page: httpx.AsyncClient) -> None:
    answer = await page.post("/pictures", content=png())
    assert answer.status_code == 200
    served = await page.get(f"/media/{answer.json()['digest']}")
    with Image.open(io.BytesIO(served.content)) as picture:
        assert picture.size == (30, 20)


async def test_a_bad_file_is_named_and_refused(page: httpx.AsyncClient) -> None:
    headers = {"X-File-Name": "caf%C3%A9%20%3Cb%3E.png"}
    answer = await page.post("/pictures", content=b"no picture", headers=headers)
    assert answer.status_code == 400
    assert "café <b>.png" in answer.json()["error"]["message"]


async def test_a_page_of_another_site_can_not_send_pictures(page: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://evil.example"}
    assert (await page.post("/pictures", content=png(), headers=headers)).status_code == 403


async def test_too_large_a_body_is_refused(page: httpx.AsyncClient) -> None:
    answer = await page.post("/pictures", content=bytes(27 * 2**20))
    assert answer.status_code == 413
    assert "too large" in answer.json()["error"]["message"]
