import json
from typing import Any

import pytest

from app.api.schema import Completion, Turn, parse
from app.errors import InvalidRequest
from app.messages import Sampling

HELLO = [{"role": "user", "content": "hello"}]


def read(**fields: Any) -> Completion:
    return parse(json.dumps({"messages": HELLO} | fields).encode())


def test_the_smallest_body_has_our_defaults() -> None:
    assert read() == Completion((Turn("user", "hello"),), Sampling(), "default", False, False)


def test_every_field_is_read() -> None:
    given = read(
        model="pocket", stream=True, stream_options={"include_usage": True}, temperature=0.5,
        top_p=0.9, max_tokens=7, seed=-3, stop=["a", "b"], presence_penalty=0.5,
        frequency_penalty=-1,
    )  # fmt: skip
    sampling = Sampling(0.5, 0.9, 7, -3, ("a", "b"), 0.5, -1)
    assert given == Completion((Turn("user", "hello"),), sampling, "pocket", True, True)


def test_null_means_the_default_as_openai_has_it() -> None:
    nulls = dict.fromkeys(
        ("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop", "stream",
         "stream_options", "n", "tools", "logit_bias", "response_format")
    )  # fmt: skip
    assert read(**nulls) == read()


def test_the_newer_name_of_the_limit_wins() -> None:
    assert read(max_completion_tokens=5, max_tokens=9).sampling.max_tokens == 5


def test_one_stop_string_may_come_alone() -> None:
    assert read(stop="end").sampling.stop == ("end",)


def test_parts_become_text_and_urls() -> None:
    content = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:1", "detail": "high"}},
        {"type": "text", "text": "at both"},
        {"type": "image_url", "image_url": {"url": "data:2"}},
        {"type": "video_url", "video_url": {"url": "data:3"}},
    ]
    given = read(messages=[{"role": "developer", "content": "be brief", "name": "x"},
                           {"role": "user", "content": content}])  # fmt: skip
    assert given.turns == (
        Turn("system", "be brief"),
        Turn("user", "look\nat both", ("data:1", "data:2", "data:3"), (5, 12, 12)),
    )


@pytest.mark.parametrize(
    ("kinds", "text", "places"),
    [("tpt", "ab\nab", (3,)), ("ttp", "ab\nab", (5,)), ("ptp", "ab", (0, 2)), ("ppt", "ab", ()),
     ("tptpt", "ab\nab\nab", (3, 6)), ("tp", "ab", (2,)), ("p", "", ())],
)  # fmt: skip
def test_a_picture_s_place_is_told_in_characters(
    kinds: str, text: str, places: tuple[int, ...]
) -> None:
    parts = {
        "t": {"type": "text", "text": "ab"},
        "p": {"type": "image_url", "image_url": {"url": "data:1"}},
    }
    [turn] = read(messages=[{"role": "user", "content": [parts[kind] for kind in kinds]}]).turns
    assert (turn.text, turn.places) == (text, places)


def test_pictures_before_the_text_need_no_places() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:1"}}
    content = [picture, picture, {"type": "text", "text": "look"}]
    [turn] = read(messages=[{"role": "user", "content": content}]).turns
    assert turn == Turn("user", "look", ("data:1", "data:1"))


def test_fields_that_change_nothing_are_ignored() -> None:
    harmless = {"user": "me", "metadata": {"a": "b"}, "store": False, "service_tier": "auto",
                "n": 1, "logprobs": False, "tools": [], "response_format": {"type": "text"},
                "modalities": ["text"]}  # fmt: skip
    assert read(**harmless) == read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("n", 10**30),
        ("logprobs", True),
        ("tools", [{"type": "function"}]),
        ("response_format", {"type": "json_object"}),
        ("logit_bias", {"5": 1}),
        ("audio", {"voice": "x"}),
        ("modalities", ["text", "audio"]),
    ],
)
def test_a_feature_that_is_not_here_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"'{name}' isn't supported"):
        read(**{name: value})


def test_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'top_kk' is no field"):
        read(top_kk=5)
    with pytest.raises(InvalidRequest) as refusal:
        read(**{"\x1b[31m" + "x" * 900: 5})
    assert "\x1b" not in str(refusal.value)
    assert len(str(refusal.value)) < 120


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"messages": None}, "messages is a list"),
        ({"messages": {}}, "messages is a list"),
        ({"messages": ["hi"]}, r"messages\[0\] is an object"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"messages\[0\].role is one of"),
        ({"messages": [{"content": "x"}]}, r"messages\[0\].role is one of"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, r"messages\[0\].role is one of"),
        ({"messages": [{"role": "user"}]}, r"messages\[0\].content is text or a list"),
        ({"messages": [{"role": "user", "content": 5}]}, r"content is text or a list"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, r"content\[0\] is an object"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file"}]}]},
            r"content\[0\].type is text, image_url or video_url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
            r"content\[0\].text is text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "u"}]}]},
            r"content\[0\].image_url is an object",
        ),
        (
            {"messages": [{"role": "assistant", "content": "x", "tool_calls": [{}]}]},
            "tool_calls isn't supported",
        ),
        ({"model": 5}, "model is text"),
        ({"stream": "yes"}, "stream is true or false"),
        ({"stream_options": 5}, "stream_options is an object"),
        ({"stream_options": {"include_usage": 1}}, "include_usage is true or false"),
        ({"stop": 5}, "stop is a list"),
        ({"stop": [5]}, "(?i)stop string is text"),
        ({"temperature": "0.5"}, "temperature is a number"),
        ({"temperature": 3}, "temperature is from 0 to 2"),
        ({"top_p": -1}, "top_p is from 0 to 1"),
        ({"max_tokens": 0}, "max_tokens is from 1 to 4096"),
        ({"max_tokens": 10**30}, "max_tokens is from 1 to 4096"),
        ({"max_completion_tokens": 1.5}, "max_tokens is a whole number"),
        ({"seed": 2**70}, "seed is from"),
        ({"stop": list("abcde")}, "4 stop strings at most"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(fields: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        read(**fields)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b'{"messages": NaN}',
        b'{"temperature": Infinity}',
        b"[" * 200_000,
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'"text"',
        b"[]",
        b"null",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="The body is"):
        parse(body)
