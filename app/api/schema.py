"""Reads the body of a chat completion in OpenAI's shape, field by field, with messages for people.

What OpenAI's client sends and does no harm is ignored; a feature that isn't here is refused by its
name, and so is a field that nobody knows. Pictures are still encoded here. Knows nothing of HTTP.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from app.errors import InvalidRequest
from app.messages import DEFAULT_MODEL, ROLES, Role, Sampling

# Fields that change nothing about an answer from here.
IGNORED = frozenset((
    "user", "metadata", "store", "service_tier", "parallel_tool_calls", "prediction",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
    "safety_identifier", "verbosity",
))  # fmt: skip

# Features that aren't here, with the values that ask for nothing.
UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    "n": (1,), "logprobs": (False,), "top_logprobs": (0,), "logit_bias": ({},),
    "tools": ([],), "functions": ([],),
    "tool_choice": ("none", "auto"), "function_call": ("none", "auto"), "audio": (),
    "modalities": (["text"],), "response_format": ({"type": "text"},), "moderation": (),
    "web_search_options": (),
}  # fmt: skip

READ = frozenset((
    "messages", "model", "stream", "stream_options", "temperature", "top_p", "max_tokens",
    "max_completion_tokens", "stop", "seed", "presence_penalty", "frequency_penalty",
))  # fmt: skip

# Those that `Sampling` has under the same name.
NUMBERS = (
    "temperature", "top_p", "max_tokens", "seed", "presence_penalty", "frequency_penalty",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """A message whose pictures are still data URLs; `places` as in `Message`."""

    role: Role
    text: str
    urls: tuple[str, ...] = ()
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """What a client asks for."""

    turns: tuple[Turn, ...]
    sampling: Sampling
    model: str = DEFAULT_MODEL
    stream: bool = False
    include_usage: bool = False


def parse(body: bytes) -> Completion:
    """A body in OpenAI's shape. Raises InvalidRequest naming the field and what it should be."""
    given = _object(_json(body), "The body")
    _check_fields(given)
    options = _object(given.get("stream_options") or {}, "stream_options")
    return Completion(
        turns=_turns(given.get("messages")),
        sampling=_sampling(given),
        model=_text(given.get("model", DEFAULT_MODEL), "model"),
        stream=_flag(given, "stream"),
        include_usage=_flag(options, "include_usage"),
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not JSON that can be read.") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _check_fields(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name in UNSUPPORTED:
            if value is not None and value not in UNSUPPORTED[name]:
                raise InvalidRequest(f"'{name}' isn't supported here: leave it out.")
        elif name not in READ and name not in IGNORED:
            raise InvalidRequest(f"'{_short(name)}' is no field of this request: leave it out.")


def _sampling(given: Mapping[str, Any]) -> Sampling:
    values: dict[str, Any] = {name: given[name] for name in NUMBERS if given.get(name) is not None}
    if given.get("max_completion_tokens") is not None:  # its newer name
        values["max_tokens"] = given["max_completion_tokens"]
    stop = given.get("stop")
    if stop is not None:
        values["stop"] = (stop,) if isinstance(stop, str) else tuple(_array(stop, "stop"))
    return Sampling(**values)


def _turns(messages: Any) -> tuple[Turn, ...]:
    given = _array(messages, "messages")
    return tuple(_turn(turn, f"messages[{place}]") for place, turn in enumerate(given))


def _turn(given: Any, place: str) -> Turn:
    message = _object(given, place)
    role = message.get("role")
    role = "system" if role == "developer" else role  # its newer name
    if role not in ROLES:
        raise InvalidRequest(f"{place}.role is one of {', '.join(ROLES)}.")
    if message.get("tool_calls"):
        raise InvalidRequest(f"{place}.tool_calls isn't supported here: leave it out.")
    content = message.get("content")
    if isinstance(content, str):
        return Turn(role, content)
    given_parts = _array(content, f"{place}.content", "text or a list of parts")
    parts = [_part(part, f"{place}.content[{n}]") for n, part in enumerate(given_parts)]
    text = "\n".join(value for kind, value in parts if kind == "text")
    urls = tuple(value for kind, value in parts if kind != "text")
    return Turn(role, text, urls, _places(parts))


def _places(parts: Sequence[tuple[str, str]]) -> tuple[int, ...]:
    """How many characters of the text stand before each picture; () where all come first.

    Between two texts that is up to the second one's line.
    """
    left = sum(kind == "text" for kind, _ in parts)
    places, length, begun = [], 0, False
    for kind, value in parts:
        if kind == "text":
            length += len(value) + begun  # each line break stands before a text
            left, begun = left - 1, True
        else:
            places.append(length + (begun and left > 0))
    return tuple(places) if any(places) else ()


def _part(given: Any, place: str) -> tuple[str, str]:
    part = _object(given, place)
    kind = part.get("type")
    if kind == "text":
        return "text", _text(part.get("text"), f"{place}.text")
    if kind in ("image_url", "video_url"):  # the file itself says which it is
        url = _object(part.get(kind), f"{place}.{kind}").get("url")
        return kind, _text(url, f"{place}.{kind}.url")
    raise InvalidRequest(f"{place}.type is text, image_url or video_url.")


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{place} is an object.")
    return value


def _array(value: Any, place: str, what: str = "a list") -> Sequence[Any]:
    if not isinstance(value, list):
        raise InvalidRequest(f"{place} is {what}.")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{place} is text.")
    return value


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest(f"{name} is true or false.")
    return bool(value)


def _short(name: str) -> str:
    """A name from outside, fit to be shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:40])
