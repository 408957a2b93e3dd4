"""What a page sends may be of any form; only the expected comes through."""

import gradio as gr
import pytest

from app.errors import InvalidRequest
from app.ui.words import Words


def words(data: object) -> Words:
    return Words(gr.EventData(None, data))


def test_fields_of_the_expected_form_come_through() -> None:
    sent = words({"text": "a", "pictures": ["b", "c"], "view": 3, "all": True, "none": None})
    assert sent.text("text") == "a"
    assert sent.texts("pictures") == ["b", "c"]
    assert sent.view == 3
    assert sent.flag("all") is True
    assert sent.maybe("none") is None


def test_what_is_missing_is_empty() -> None:
    sent = words({})
    assert (sent.text("a"), sent.texts("b"), sent.view, sent.flag("d")) == ("", [], 0, False)
    assert sent.maybe("e") is None


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_data_that_is_no_mapping_is_empty(data: object) -> None:
    assert words(data).text("text") == ""


@pytest.mark.parametrize("value", [1, ["a"], {"a": 1}, True])
def test_a_text_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="text"):
        words({"text": value}).text("text")
    with pytest.raises(InvalidRequest, match="text"):
        words({"text": value}).maybe("text")


@pytest.mark.parametrize("value", ["a", [1], [["a"]], {"a": "b"}])
def test_a_list_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="pictures"):
        words({"pictures": value}).texts("pictures")


@pytest.mark.parametrize("value", [["a"], {"a": 1}, 1.5, None])
def test_view_and_shown_conversation_are_nothing_rather_than_an_error(value: object) -> None:
    sent = words({"view": value, "conversation": value})
    assert (sent.view, sent.shown) == (0, None)
