"""OpenAI's wire format from the client's side: requests out, events and refusals in.

Pure translation: knows nothing of connections.
"""

import base64
import io
import json
from collections.abc import Mapping
from typing import Any

from app.errors import ChatError, EngineError, InvalidRequest, LineFull, NotReady
from app.messages import ChatRequest, Delta, FinishReason, Message, Picture

MOST_RETRY_AFTER = 60  # seconds
_SHOWN = 300  # characters of a message from outside
_KINDS = {b"\xff\xd8": "jpeg", b"\x89P": "png"}  # which every server reads


def payload(request: ChatRequest, model: str) -> dict[str, Any]:
    """The body of a streamed chat completion."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    for name in ("presence_penalty", "frequency_penalty"):
        if penalty := getattr(sampling, name):
            body[name] = penalty
    return body


def _message(message: Message) -> dict[str, Any]:
    if any(picture.frames for picture in message.pictures):
        raise InvalidRequest(
            "A video can't be handed on to the model's server: begin a chat without it."
        )
    if not message.pictures:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": _data_url(part)}}
        for part in message.parts
    ]
    return {"role": message.role, "content": parts}


def _data_url(picture: Picture) -> str:
    kind, data = _KINDS.get(picture.data[:2]), picture.data
    if kind is None:
        file = io.BytesIO()
        picture.open().save(file, "PNG", compress_level=1)
        kind, data = "png", file.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> ChatError:
    """The error that an answer other than 200 means here."""
    said = _said(body)
    if status in (400, 413, 422):
        return InvalidRequest(f"The model's server refuses this: {said or 'it does not say why'}")
    if status in (401, 403):
        return EngineError("The model's server refuses our key.")
    if status == 404:
        return EngineError("The model's server has no such model, or is no server of chats.")
    if status == 429:
        return LineFull("The model's server has a full line.", retry_after=_retry_after(headers))
    if status == 503:
        return NotReady("The model's server isn't ready.", retry_after=_retry_after(headers))
    return EngineError(f"The model's server failed (status {status}).")


def _retry_after(headers: Mapping[str, str]) -> int:
    given = headers.get("retry-after", "")
    return min(max(1, int(given)), MOST_RETRY_AFTER) if given.isascii() and given.isdigit() else 1


def _said(body: bytes) -> str:
    """The message in an error's body, as one short line."""
    try:
        error = json.loads(body)["error"]
        text = error if isinstance(error, str) else error["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return "".join(c if c.isprintable() else " " for c in str(text))[:_SHOWN]


def choose_model(status: int, body: bytes, wanted: str | None) -> str:
    """The model to ask for, from the server's list. Raises NotReady, or EngineError for good."""
    if status in (401, 403):
        raise EngineError("The model's server wants a key.")
    if status >= 500 or status == 429:
        raise NotReady("The model's server isn't ready.")
    names = _listed(body) if status == 200 else []
    if wanted in names or (wanted and not names):  # not every server has a list
        return str(wanted)
    if wanted or not names:
        shown = ", ".join(names[:5]) or "none"
        raise EngineError(f"The model's server hasn't the model of --model; it lists {shown}.")
    return names[0]


def _listed(body: bytes) -> list[str]:
    try:
        names = [model["id"] for model in json.loads(body)["data"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return [name for name in names if isinstance(name, str) and name.isprintable()]


class AnswerReader:
    """Reads the data lines of one streamed answer."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        self.pieces = 0
        self.done = False
        self.usage: Mapping[str, Any] = {}

    def read(self, line: bytes) -> Delta | None:
        """The text in a line, if there is some. Raises EngineError for errors and for nonsense."""
        if line == b"[DONE]":
            self.done = True
            return None
        try:
            chunk = json.loads(line)
            return self._chunk(chunk)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise EngineError("The model's server sent something that isn't an answer.") from error

    def _chunk(self, chunk: Any) -> Delta | None:
        if chunk.get("error"):
            raise EngineError("The model's server broke the answer off.")
        if chunk.get("usage"):
            self.usage = {**chunk["usage"]}
        for choice in chunk["choices"][:1]:
            if choice.get("finish_reason"):
                self.reason = "length" if choice["finish_reason"] == "length" else "stop"
            text = (choice.get("delta") or {}).get("content")
            if text:
                self.pieces += 1
                return Delta(str(text))
        return None

    def count(self, name: str, otherwise: int) -> int:
        """A number of the usage, or our own count where it isn't told."""
        value = self.usage.get(name)
        return value if isinstance(value, int) and value >= 0 else otherwise
