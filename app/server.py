"""Puts the parts together, and serves them until it is told to stop.

The only place that knows page, API, store, controller and engine at once; it holds no behaviour of
theirs.
"""

import asyncio
import logging
import os
import shutil
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from app import api
from app.controller import Controller
from app.conversations import Conversations
from app.engine import create_engine
from app.errors import EngineError
from app.gradio_import import import_gradio
from app.login import Guard
from app.logs import RequestLog
from app.security import HostNames, Shell
from app.settings import EVERY_ADDRESS, Settings, bare_host
from app.share import PublicLink
from app.store import Store

log = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent.parent / "static"
NO_DOCS: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}
DRAIN = 1.0  # seconds that answers may go on after the signal to stop
CONNECTIONS = 1  # further seconds for open pages, whose event streams never end by themselves
LOOK_AT_IDLE = 15.0  # seconds between looks at how long nobody has asked
LOOK_AT_ENGINE = 1.0  # seconds between looks whether the model still works
MEND_EVERY = 60.0  # seconds at least between two loadings of a model that breaks down
LAST = 4.5  # seconds after the signal when the process ends whatever still hangs


def build(settings: Settings) -> FastAPI:
    """The whole application; `state` has its controller, conversations and host names."""
    gradio, ui = _import_page()  # before the engine's thread imports: see `app.imports`
    controller = Controller(create_engine(settings))
    conversations = Conversations(Store(settings.data_dir), controller)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        idle = asyncio.create_task(_rest_when_idle(controller, settings.idle_unload))
        mending = asyncio.create_task(_mend(controller))
        yield
        idle.cancel()
        mending.cancel()
        await controller.drain()
        await conversations.aclose()

    app = FastAPI(lifespan=lifespan, **NO_DOCS)
    app.state.controller = controller
    app.state.conversations = conversations
    app.state.hosts = HostNames(settings.own_names, settings.allowed_hosts)
    api.mount(app)
    app.mount("/ui", _Revalidated(directory=STATIC))
    page = ui.build_page(conversations, controller, settings)
    page.has_launched = True  # without it Gradio serves whatever file an event names
    app.include_router(ui.router)
    options = ui.mount_options(settings) | {"app_kwargs": dict(NO_DOCS)}  # Gradio adds to it
    gradio.mount_gradio_app(app, page, path="/", **options)
    app.add_middleware(ui.EarlyHead)
    guard = Guard(settings.auth, settings.api_key)
    app.add_middleware(Shell, hosts=app.state.hosts, guard=guard)
    app.add_middleware(RequestLog)
    return app


def serve(settings: Settings, listener: socket.socket, say: Callable[[str], None]) -> None:
    """Serve on `listener` until SIGINT or SIGTERM; `say` tells the person at the terminal.

    Raises EngineError when the model can't be loaded.
    """
    _prepare_uploads(settings.data_dir / "uploads")
    app = build(settings)
    port = listener.getsockname()[1]
    host = "127.0.0.1" if bare_host(settings.host) in EVERY_ADDRESS else bare_host(settings.host)
    link = PublicLink(settings.data_dir / "share", host, port, app.state.hosts.add, say)

    def started() -> None:
        say(f"LLaVA Chat: {address(host, port)} (Ctrl-C ends it)")
        if settings.share:
            link.open()

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        # Who asks is counted by the connection: a header that anyone can write doesn't count.
        proxy_headers=False,
        timeout_graceful_shutdown=CONNECTIONS,
    )
    server = _Server(config, started, app.state.controller)
    try:
        server.run(sockets=[listener])
    finally:
        link.close()
    if server.failure:
        raise EngineError(server.failure)


async def _rest_when_idle(controller: Controller, minutes: float | None) -> None:
    """Let go of the model when nobody has asked for so many minutes; None is never."""
    while minutes is not None:
        await asyncio.sleep(min(LOOK_AT_IDLE, 60 * minutes))
        await controller.rest(60 * minutes)


async def _mend(controller: Controller) -> None:
    """Load the model again when it breaks down; one that never was ready ends the program."""
    if (await controller.loaded()).state == "failed":
        return
    while True:
        await asyncio.sleep(LOOK_AT_ENGINE)
        if controller.status().engine.state == "failed":
            log.warning("the model broke down, and is loaded again")
            await controller.mend()
            await asyncio.sleep(MEND_EVERY)


def address(host: str, port: int) -> str:
    """Where a browser finds what listens on `host`."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Says when it has started, drains before it cuts, and ends in bounded time with status 0."""

    def __init__(
        self, config: uvicorn.Config, when_started: Callable[[], None], controller: Controller
    ) -> None:
        super().__init__(config)
        self.failure = ""  # why the model could not be loaded
        self._when_started = when_started
        self._controller = controller
        self._watch: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._when_started()
        self._watch = asyncio.create_task(self._watch_loading())

    async def _watch_loading(self) -> None:
        engine = await self._controller.loaded()
        if engine.state == "failed":
            self.failure = engine.detail
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        last = threading.Timer(LAST, os._exit, [1])
        last.daemon = True
        last.start()
        # An open page is cut off in the end: nothing to be told as an error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        for server in self.servers:
            server.close()
        await self._controller.drain(DRAIN)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()  # uvicorn would raise them again, and so fail


class _Revalidated(StaticFiles):
    """Our own files, which a browser may keep but asks about: they change with the program."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def _import_page() -> tuple[Any, ModuleType]:
    """Gradio and our page of it, which take seconds."""
    gradio = import_gradio()
    from app import ui

    return gradio, ui


def _prepare_uploads(folder: Path) -> None:
    """Gradio's own temporary files go where no other user looks, and not past a restart."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
