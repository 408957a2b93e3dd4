"""Text as it streams: whole characters, no piece of a stop string, and in sum the whole text."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.conversation import Text
from model.detokenizer import PATIENCE, Detokenizer
from model.tokenizer import Tokenizer
from tests.model.test_tokenizer import OUTSIDE, read
from tests.tokenizer_files import KINDS, write_tokenizer


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, request.param, image=True)
    return read(folder, OUTSIDE)


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode_parts([Text(text)])[len(tokenizer._opening) :]


def stream(tokenizer: Tokenizer, ids: Sequence[int], stop: Sequence[str] = ()) -> list[str]:
    detokenizer = tokenizer.detokenizer(stop)
    return [*map(detokenizer.add, ids), detokenizer.finish()]


characters = st.one_of(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"),
    st.sampled_from("  ▁猫🙂ß\n👨\u200d👩é"),
)


@settings(max_examples=100, deadline=None)
@given(st.text(characters), st.text(characters, min_size=1, max_size=3))
def test_the_stream_equals_the_whole_text_up_to_the_stop(
    tokenizer: Tokenizer, text: str, stop: str
) -> None:
    ids = ids_of(tokenizer, text)
    pieces = stream(tokenizer, ids)
    whole = tokenizer.decode(ids)
    assert "".join(pieces) == whole and not any("\ufffd" in piece for piece in pieces)
    assert "".join(stream(tokenizer, ids, [stop])) == whole.split(stop)[0]


def test_special_tokens_between_leave_the_text_as_it_is(tokenizer: Tokenizer) -> None:
    special = sorted(tokenizer._hidden)
    rng = random.Random(0)
    for text in ("  a 🙂 b größe", "\n猫猫 x", "Hello there."):
        for _ in range(20):
            ids = ids_of(tokenizer, text)
            for place in sorted(rng.choices(range(len(ids) + 1), k=5), reverse=True):
                ids[place:place] = [rng.choice(special)]
            assert "".join(stream(tokenizer, ids)) == tokenizer.decode(ids)


def test_a_character_comes_with_its_last_byte(tokenizer: Tokenizer) -> None:
    ids = ids_of(tokenizer, "a🙂")
    pieces = stream(tokenizer, ids)
    assert len(ids) >= 4 and pieces[len(ids) - 1] == "🙂" and pieces[-1] == ""
    for cut in range(1, 4):
        assert "".join(stream(tokenizer, ids[:-cut])) == "a"  # and never half of one


def test_bytes_that_are_no_text_neither_stay_nor_stop_the_stream(tokenizer: Tokenizer) -> None:
    broken = ids_of(tokenizer, "🙂")[-1]
    ids = [*ids_of(tokenizer, "a"), *[broken] * 50, *ids_of(tokenizer, " b")]
    pieces = stream(tokenizer, ids)
    assert sum(piece == "" for piece in pieces[: PATIENCE + 1]) < PATIENCE
    text = "".join(pieces)
    assert text.startswith("a\ufffd") and text.endswith("b")


def test_what_has_no_end_takes_no_more_time_as_it_grows(tokenizer: Tokenizer) -> None:
    """A step decodes a few tokens, however many came before, be they text, bytes or nothing."""
    decoded: list[int] = []

    def decode(ids: list[int]) -> str:
        decoded.append(len(ids))
        return tokenizer.decode(ids)

    broken = ids_of(tokenizer, "🙂")[-1]
    detokenizer = Detokenizer(decode, ["zzz"], hidden=tokenizer._hidden)
    for token in [
        *ids_of(tokenizer, "word " * 50),
        *[broken] * 300,
        *[max(tokenizer._hidden)] * 300,
    ]:
        detokenizer.add(token)
    assert max(decoded) <= PATIENCE + 4


@pytest.mark.parametrize("end", ["</s>", "<|im_end|>", "<tool>"])
def test_a_stop_string_that_is_a_token_ends_the_text_unseen(tokenizer: Tokenizer, end: str) -> None:
    if end not in tokenizer._added:
        return
    ids = ids_of(tokenizer, "Hello. US")
    detokenizer = tokenizer.detokenizer([end, "USER:"])
    shown = "".join(map(detokenizer.add, [*ids, tokenizer._added[end], *ids]))
    assert detokenizer.stopped and shown + detokenizer.finish() == "Hello. US"


def feed(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    detokenizer = Detokenizer(lambda ids: "".join(map(chr, ids)), stop)
    return "".join(
        detokenizer.add(ord(c)) for c in text
    ) + detokenizer.finish(), detokenizer.stopped


@pytest.mark.parametrize(
    ("text", "stop", "said", "stopped"),
    [
        ("Hello</s>USER", ["</s>"], "Hello", True),
        ("Hello</", ["</s>"], "Hello</", False),
        ("a###b", ["###"], "a", True),
        ("a##b#", ["###"], "a##b#", False),
        ("aaab", ["aab"], "a", True),
        ("xaab", ["aab", "b"], "x", True),
        ("nothing", ["</s>", ""], "nothing", False),
        ("", ["</s>"], "", False),
    ],
)
def test_stop_strings_end_the_text_and_never_leak(
    text: str, stop: list[str], said: str, stopped: bool
) -> None:
    assert feed(text, stop) == (said, stopped)


def test_nothing_of_a_stop_string_is_shown_before_it_is_whole() -> None:
    detokenizer = Detokenizer(lambda ids: "".join(map(chr, ids)), ["USER:"])
    assert "".join(detokenizer.add(ord(c)) for c in "ok USER") == "ok "
    assert detokenizer.add(ord(":")) == "" and detokenizer.stopped
    assert detokenizer.add(ord("x")) == "" and detokenizer.finish() == ""


def test_a_stop_string_split_over_tokens_with_more_behind_it_is_cut_out() -> None:
    words = ["Yes.", " US", "ER: and", " more"]
    detokenizer = Detokenizer(lambda ids: "".join(words[i] for i in ids), ["USER:"])
    assert [detokenizer.add(i) for i in range(4)] == ["Yes.", " ", "", ""]
    assert detokenizer.stopped
