"""An application with the API alone, in front of a given engine, and a client for it."""

import asyncio
import base64
import io
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from PIL import Image

from app import api
from app.controller import Controller
from app.engine import EchoEngine, Engine

CHAT = "/v1/chat/completions"


def application(engine: Engine | None = None, **options: Any) -> FastAPI:
    app = FastAPI()
    app.state.controller = Controller(engine or EchoEngine(), **options)
    api.mount(app)
    return app


@asynccontextmanager
async def client(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient, None]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as one:
        yield one


@contextmanager
def served(app: FastAPI, port: int = 0) -> Generator[str, None, None]:
    """The address of a real server, on a thread of its own."""
    config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=[server.serve()])
    thread.start()
    try:
        while not server.started:
            thread.join(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


async def until(so: Callable[[], bool]) -> None:
    """Let the others run until it is so."""
    while True:
        if so():
            return
        await asyncio.sleep(0)


def body(text: str = "one two three", **more: Any) -> dict[str, Any]:
    return {"model": "default", "messages": [{"role": "user", "content": text}], **more}


def data_url(color: str = "red", size: tuple[int, int] = (12, 9), kind: str = "PNG") -> str:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def with_pictures(text: str, *urls: str) -> list[dict[str, Any]]:
    """Messages in which pictures come with a text."""
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]
