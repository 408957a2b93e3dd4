"""What is left out of a conversation that is too long: whole turns, the same ones for a while."""

from dataclasses import replace

import pytest

from app.engine.shortening import shortened
from app.messages import ChatRequest, Message, Role
from tests.app.engine.model_thread import picture

RED = picture(1)


def count(request: ChatRequest) -> int:
    """A token a letter, and ten a picture."""
    return sum(len(one.text) + 10 * len(one.pictures) for one in request.messages)


def talk(*words: str, system: str = "") -> ChatRequest:
    roles: tuple[Role, ...] = ("user", "assistant")
    messages = [Message(roles[place % 2], text) for place, text in enumerate(words)]
    if system:
        messages.insert(0, Message("system", system))
    return ChatRequest(tuple(messages))


def texts(request: ChatRequest) -> str:
    return " ".join(one.text for one in request.messages)


def test_what_fits_stays_as_it_is() -> None:
    request = talk("aaaa", "bbbb", "cc")
    assert shortened(request, count, 10) is request


def test_the_oldest_turns_go_whole_and_the_system_message_stays() -> None:
    request = talk("aaaa", "bbbb", "cccc", "dddd", "eeee", system="ssss")
    assert texts(shortened(request, count, 23)) == "ssss cccc dddd eeee"
    assert texts(shortened(request, count, 15)) == "ssss eeee"


def test_a_pictures_turn_takes_it_along_and_others_keep_theirs() -> None:
    first, answer, *rest = talk("a", "b", "c", "d", "e").messages
    request = ChatRequest(
        (replace(first, pictures=(RED,)), answer, replace(rest[0], pictures=(RED, RED)), *rest[1:])
    )
    cut = shortened(request, count, 25)
    assert texts(cut) == "c d e"
    assert len(cut.pictures) == 2


def test_the_last_question_stays_though_it_is_too_long_alone() -> None:
    assert texts(shortened(talk("aa", "bb", "c" * 50), count, 20)) == "c" * 50
    assert texts(shortened(talk("c" * 50), count, 20)) == "c" * 50


@pytest.mark.parametrize("most", [40, 100, 200])
def test_a_growing_conversation_goes_on_with_the_same_beginning_for_a_while(most: int) -> None:
    """Each other beginning has to be read anew, whatever the prefix cache knows."""
    words = ["question"]
    beginnings = []
    for turn in range(30):
        cut = shortened(talk(*words), count, most)
        assert count(cut) <= most
        beginnings.append(len(talk(*words).messages) - len(cut.messages))
        words += [f"said {turn:02}", f"ask {turn:02}"]
    assert beginnings == sorted(beginnings)
    quarters = (count(talk(*words[:-2])) - most) // (most // 4)
    assert 2 < len(set(beginnings)) <= quarters + 2


def test_where_leaving_out_makes_what_is_left_longer_it_goes_on_until_it_fits() -> None:
    """A picture that is alone is more tokens, for some models, than one of several."""
    sizes = [951, 868, 740, 574, 704, 633, 476, 33]
    request = talk(*"abcdefghijklmno")
    cut = shortened(request, lambda one: sizes[8 - (len(one.messages) + 1) // 2], 590)
    assert sizes[8 - (len(cut.messages) + 1) // 2] <= 590
