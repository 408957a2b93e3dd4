import base64
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from app.engine.upstream import AnswerReader, choose_model, payload, refusal
from app.errors import ChatError, EngineError, InvalidRequest, LineFull, NotReady
from app.messages import ChatRequest, Delta, Message, Picture, Sampling


def picture(kind: str) -> Picture:
    file = io.BytesIO()
    Image.new("RGB", (5, 4), "red").save(file, kind)
    return Picture("a" * 64, file.getvalue(), 5, 4)


def test_a_request_becomes_openais_body() -> None:
    messages = (Message("system", "be brief"), Message("user", "hi"))
    sampling = Sampling(0.5, 0.9, 7, 3, ("end",))
    assert payload(ChatRequest(messages, sampling), "m") == {
        "model": "m", "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "seed": 3,
        "stop": ["end"], "stream": True, "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"},
        ],
    }  # fmt: skip
    plain = payload(ChatRequest(messages), "m")
    assert {"seed", "stop", "presence_penalty", "frequency_penalty"}.isdisjoint(plain)
    punished = replace(sampling, presence_penalty=0.5, frequency_penalty=-1.0)
    sent = payload(ChatRequest(messages, punished), "m")
    assert (sent["presence_penalty"], sent["frequency_penalty"]) == (0.5, -1.0)


@pytest.mark.parametrize(("kind", "sent"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "png")])
def test_pictures_go_before_the_text_in_a_form_that_every_server_reads(
    kind: str, sent: str
) -> None:
    given = Message("user", "look", (picture(kind),))
    (message,) = payload(ChatRequest((given,)), "m")["messages"]
    image, text = message["content"]
    assert text == {"type": "text", "text": "look"}
    head, data = image["image_url"]["url"].split(",")
    assert head == f"data:image/{sent};base64"
    opened = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (opened.format, opened.size) == (sent.upper(), (5, 4))


def test_a_clip_is_not_handed_on_as_its_first_frame() -> None:
    clip = Picture("a" * 64, picture("WEBP").data, 5, 4, 8)
    with pytest.raises(InvalidRequest, match="video can't be handed on"):
        payload(ChatRequest((Message("user", "look", (clip,)),)), "m")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest), (413, InvalidRequest), (422, InvalidRequest), (401, EngineError),
        (403, EngineError), (404, EngineError), (429, LineFull), (500, EngineError),
        (503, NotReady), (302, EngineError),
    ],
)  # fmt: skip
def test_a_refusal_has_its_counterpart_here(status: int, kind: type[ChatError]) -> None:
    assert type(refusal(status, {}, b"")) is kind


def test_a_refusals_reason_is_passed_on_as_one_short_line() -> None:
    said = "the prompt is too long\n\x1b[31m" + "x" * 900
    error = refusal(400, {}, json.dumps({"error": {"message": said}}).encode())
    assert "the prompt is too long" in error.message
    assert error.message.isprintable()
    assert len(error.message) < 400
    assert "does not say why" in refusal(400, {}, b"<html>").message
    assert "short" in refusal(400, {}, b'{"error": "short"}').message


@pytest.mark.parametrize(("given", "kept"), [("7", 7), ("900", 60), ("0", 1), ("soon", 1)])
def test_a_time_to_come_back_is_passed_on_within_bounds(given: str, kept: int) -> None:
    for status in (429, 503):
        assert refusal(status, {"retry-after": given}, b"").retry_after == kept


def chunk(**fields: Any) -> bytes:
    return json.dumps({"choices": [fields]}).encode()


def test_an_answer_is_read_chunk_by_chunk() -> None:
    reader = AnswerReader()
    assert reader.read(chunk(delta={"role": "assistant", "content": ""})) is None
    assert reader.read(chunk(delta={"content": "one"}, finish_reason=None)) == Delta("one")
    assert reader.read(chunk(delta={}, finish_reason="length")) is None
    assert reader.read(b'{"choices": [], "usage": {"prompt_tokens": 5}}') is None
    assert not reader.done
    assert reader.read(b"[DONE]") is None
    assert reader.done
    assert (reader.reason, reader.pieces) == ("length", 1)
    assert (reader.count("prompt_tokens", 0), reader.count("completion_tokens", 9)) == (5, 9)


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"5", b"{}", b'{"choices": 5}', b'{"choices": [5]}', b"\xff", b"[" * 99999,
     b'{"error": {"message": "no"}}', b'{"choices": [{"delta": 5}]}', b'{"usage": 5}'],
)  # fmt: skip
def test_what_is_no_answer_is_an_engine_error(line: bytes) -> None:
    with pytest.raises(EngineError):
        AnswerReader().read(line)


def test_numbers_of_a_usage_are_not_believed_blindly() -> None:
    reader = AnswerReader()
    reader.read(b'{"choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": -4}}')
    assert reader.count("prompt_tokens", 0) == 0
    assert reader.count("completion_tokens", 3) == 3


LISTED = b'{"data": [{"id": "first"}, {"id": "second"}]}'


def test_the_model_is_the_one_wanted_or_the_first_listed() -> None:
    assert choose_model(200, LISTED, "second") == "second"
    assert choose_model(200, LISTED, None) == "first"
    assert choose_model(404, b"", "any") == "any"
    assert choose_model(200, b"<html>", "any") == "any"


@pytest.mark.parametrize(
    ("status", "body", "wanted", "kind"),
    [
        (200, LISTED, "third", EngineError),
        (404, b"", None, EngineError),
        (401, b"", "any", EngineError),
        (503, b"", "any", NotReady),
        (500, b"", None, NotReady),
    ],
)
def test_without_the_model_it_is_said(
    status: int, body: bytes, wanted: str | None, kind: type[ChatError]
) -> None:
    with pytest.raises(kind):
        choose_model(status, body, wanted)
