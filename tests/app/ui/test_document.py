"""The page's document brings our styles and first script along; nothing else is touched."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.ui import EarlyHead
from tests.app.asgi import client

pytestmark = pytest.mark.anyio
DOCUMENT = "<html><head><title>ü</title></head><body><gradio-app></gradio-app></body></html>"


async def get(path: str, status: int = 200) -> httpx.Response:
    async def answer(_: Request) -> Response:
        return HTMLResponse(DOCUMENT, status)

    app = EarlyHead(Starlette(routes=[Route("/", answer), Route("/other", answer)]))
    async with client(app) as http:
        return await http.get(path)


async def test_styles_stand_in_the_head_and_the_script_before_the_page() -> None:
    answer = await get("/")
    head, _, body = answer.text.partition("</head>")
    assert '<link rel="stylesheet" href="/ui/css/layout.css">' in head
    assert '<link rel="modulepreload" href="/ui/js/chat.js">' in head
    assert "early.js" not in head
    assert body.startswith('<body><script src="/ui/js/early.js"></script>')
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_other_documents_and_refusals_are_as_they_were() -> None:
    assert (await get("/other")).text == DOCUMENT
    assert (await get("/", status=401)).text == DOCUMENT
