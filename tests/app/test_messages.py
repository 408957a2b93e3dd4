import io

import pytest
from PIL import Image

from app.errors import InvalidRequest
from app.messages import ChatRequest, Message, Picture, Sampling


def picture(color: str = "red") -> Picture:
    file = io.BytesIO()
    Image.new("P", (12, 9), color).save(file, "PNG")
    return Picture("0" * 64, file.getvalue(), 12, 9)


def test_a_picture_opens_as_rgb() -> None:
    opened = picture().open()
    assert opened.mode == "RGB"
    assert opened.size == (12, 9)


def test_a_picture_does_not_print_its_bytes() -> None:
    assert "data" not in repr(picture())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", True),
        ("temperature", "hot"),
        ("temperature", 10**400),
        ("top_p", -0.1),
        ("top_p", 1.1),
        ("max_tokens", 0),
        ("max_tokens", 4097),
        ("max_tokens", 1.5),
        ("seed", 2**64),
        ("presence_penalty", 2.1),
        ("frequency_penalty", -2.1),
        ("frequency_penalty", float("nan")),
        ("seed", 0.5),
        ("stop", ("a", "b", "c", "d", "e")),
        ("stop", ("",)),
        ("stop", ("x" * 65,)),
        ("stop", (7,)),
        ("stop", ("\ud800",)),
    ],
)
def test_sampling_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match="(?i)stop string" if name == "stop" else name):
        Sampling(**{name: value})  # type: ignore[arg-type]


def test_the_ends_of_each_range_are_accepted() -> None:
    Sampling(temperature=0, top_p=0, max_tokens=1, seed=-(2**63), stop=("x" * 64,) * 4)
    Sampling(temperature=2, top_p=1, max_tokens=4096, seed=2**63 - 1)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="system, user, assistant"):
        Message("tool", "hello")  # type: ignore[arg-type]


def test_pictures_of_the_assistant_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="user's messages"):
        Message("assistant", "here", (picture(),))


def test_an_empty_conversation_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no message"):
        ChatRequest(())


def test_a_conversation_that_ends_with_an_answer_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="last message"):
        ChatRequest((Message("user", "hi"), Message("assistant", "hello")))


def test_an_empty_last_message_is_refused_but_a_picture_alone_is_not() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        ChatRequest((Message("user", " \n"),))
    ChatRequest((Message("user", "", (picture(),)),))


def test_parts_come_in_their_order() -> None:
    first, second = picture("red"), picture("blue")
    assert Message("user", "look", (first, second)).parts == [first, second, "look"]
    between = Message("user", "look\nat both", (first, second), (5, 12))
    assert between.parts == ["look\n", first, "at both", second]
    assert Message("user", "", (first, second)).parts == [first, second]


def test_the_pictures_of_a_conversation_come_in_order() -> None:
    first, second = picture("red"), picture("blue")
    turns = (Message("user", "", (first,)), Message("user", "", (second,)))
    assert ChatRequest(turns).pictures == (first, second)


@pytest.mark.parametrize("text", ["x" * 65537, "half \udc80 a character", 7])
def test_text_that_is_too_long_or_no_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="A message"):
        Message("user", text)


def test_a_conversation_has_limits() -> None:
    turn = Message("user", "hi")
    with pytest.raises(InvalidRequest, match="513 messages"):
        ChatRequest((turn,) * 513)
    with pytest.raises(InvalidRequest, match="33 pictures"):
        ChatRequest((Message("user", "hi", (picture(),) * 33),))
