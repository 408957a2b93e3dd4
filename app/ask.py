"""`python -m app ask`: one question, answered in the terminal by the engine that serves the page.

The answer goes to standard output as it comes; everything else to standard error. Raises ChatError
for what can't be done, which is one line to say.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing, suppress
from pathlib import Path

from app.clips import read_media
from app.controller import Controller
from app.engine import Engine, create_engine
from app.errors import EngineError, NotReady, PictureError
from app.messages import ChatRequest, Delta, Finished, Message, Picture, Sampling
from app.pictures import MOST_BYTES
from app.settings import Settings

STANDARD_INPUT = "-"
_GREEDY = Sampling(temperature=0.0)  # the same question has the same answer
_CUT = {"length": "its limit of length", "context": "the end of the model's context"}


def run(settings: Settings, images: Sequence[str], question: str) -> int:
    """Answer `question` about `images`, paths or `-`; the exit status, 0 only for an answer."""
    logging.getLogger("app").setLevel(logging.ERROR)
    request = ChatRequest((Message("user", question, _read(images)),), _GREEDY)
    try:
        return asyncio.run(_run(create_engine(settings), request))
    except BrokenPipeError:  # whoever read the answer has enough of it
        _close_output()
        return 1


def _read(images: Sequence[str]) -> tuple[Picture, ...]:
    if list(images).count(STANDARD_INPUT) > 1:
        raise PictureError("Standard input (-) holds one picture: give it once.")
    return tuple(read_media(_bytes(image), _name(image)) for image in images)


def _name(image: str) -> str:
    return "Standard input" if image == STANDARD_INPUT else Path(image).name


def _bytes(image: str) -> bytes:
    """The file, or a byte more than is allowed of it."""
    try:
        if image == STANDARD_INPUT:
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with open(image, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no name of a file"
        raise PictureError(f"{_name(image)} can't be read: {reason}.") from error


async def _run(engine: Engine, request: ChatRequest) -> int:
    controller = Controller(engine)
    try:
        _note(f"Loading {engine.status().model} ...")
        status = await controller.loaded()
        if status.state == "failed":
            raise NotReady(f"The model can't be used: {status.detail}")
        return await _answer(controller, request)
    finally:
        await controller.drain(0)


async def _answer(controller: Controller, request: ChatRequest) -> int:
    async with aclosing(controller.stream(request)) as events:
        async for event in events:
            if isinstance(event, Delta):
                _write(event.text)
            if isinstance(event, Finished):
                _write("\n")
                if event.reason in _CUT:
                    _note(f"(The answer ends at {_CUT[event.reason]}.)")
                return 0
    raise EngineError("The answer broke off.")


def _write(text: str) -> None:
    """To standard output, without what would command the terminal."""
    shown = "".join(c for c in text if c.isprintable() or c in "\n\t")
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(shown.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def _close_output() -> None:
    """Python flushes standard output once more at its exit, and would complain again."""
    with suppress(OSError):
        descriptor = sys.stdout.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _note(line: str) -> None:
    """Tell the person at the terminal, if there is one."""
    if sys.stderr.isatty():
        sys.stderr.write(line + "\n")
