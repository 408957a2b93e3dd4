"""Sequences of several conversations about one picture."""

from random import Random

import numpy as np
import pytest

from model.training.dialogue.weights import WEIGHTS
from model.training.packing import VISUAL_TOKENS, Packer, Plan, visibility
from model.training.scene import sample_scene
from model.training.vocabulary import Encoder, build


@pytest.fixture(scope="module")
def tokenizer():
    return build()


@pytest.fixture(scope="module")
def packed(tokenizer):
    rng = Random(3)
    drawn = []

    def draw_picture():
        drawn.append(sample_scene(rng))
        return len(drawn) - 1, drawn[-1]

    packer = Packer(Encoder(tokenizer), Plan(length=352, no_picture=0), WEIGHTS)
    return [packer.pack(rng, draw_picture) for _ in range(20)]


def test_every_word_of_the_grammar_is_encoded_as_the_tokenizer_does(tokenizer):
    encode = Encoder(tokenizer)
    for text in ("USER: ", "\nWhat is left of the red star? ASSISTANT:", "größe 猫 3+4", ""):
        assert encode(text) == tokenizer.encode(text or "▁", add_special_tokens=False).ids


def test_a_conversation_sees_the_prefix_and_itself_only(packed):
    for sequence in packed:
        segment = np.array(sequence.segment)
        sees = visibility(segment)
        rows, columns = np.nonzero(sees)
        assert (columns <= rows).all()
        assert ((segment[columns] == 0) | (segment[columns] == segment[rows])).all()
        assert sees.diagonal().all()


def test_positions_go_on_from_the_prefix_in_every_conversation(packed):
    for sequence in packed:
        prefix = sequence.segment.count(0)
        for number in set(sequence.segment) - {-1, 0}:
            positions = [
                p for p, s in zip(sequence.position, sequence.segment, strict=True) if s == number
            ]
            assert positions == list(range(prefix, prefix + len(positions)))


def test_scored_tokens_are_the_answers_and_their_end(packed, tokenizer):
    for sequence in packed:
        for number in range(len(sequence.kinds)):
            ids = [t for t, a in zip(sequence.target, sequence.answer, strict=True) if a == number]
            assert ids[-1] == tokenizer.token_to_id("</s>")
            assert tokenizer.decode(ids[:-1]).endswith((".", "!"))
        assert all(
            (t >= 0) == (a >= 0) for t, a in zip(sequence.target, sequence.answer, strict=True)
        )


def test_pictures_are_whole_and_in_order(packed):
    for sequence in packed:
        rows = [v for v in sequence.visual if v >= 0]
        assert len(rows) % VISUAL_TOKENS == 0
        for start in range(0, len(rows), VISUAL_TOKENS):
            assert rows[start : start + VISUAL_TOKENS] == list(
                range(rows[start], rows[start] + VISUAL_TOKENS)
            )


def test_sequences_have_the_planned_length(packed):
    assert all(
        len(values) == 352
        for s in packed
        for values in (s.ids, s.visual, s.position, s.segment, s.target, s.answer)
    )
