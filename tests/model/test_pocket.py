"""The bundled model: a genuine checkpoint that looks at its picture and says what it is."""

import hashlib
import json
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer

import model
from model.evaluation.answering import greedy
from model.evaluation.drawer import draw
from model.evaluation.score import Talk, draw_questions
from model.training.dialogue.speaker import Speaker, Turn
from model.training.dialogue.weights import WEIGHTS
from model.training.packing import Packer, Plan
from model.training.scene import Scene, sample_scene
from model.training.vocabulary import Encoder

POCKET = Path(model.__file__).parent / "pocket"


@pytest.fixture(scope="module")
def pocket():
    return model.load(POCKET)


@pytest.fixture(scope="module")
def answer(pocket):
    return greedy(pocket)


def test_the_checkpoint_takes_no_more_than_12_megabytes():
    assert sum(f.stat().st_size for f in POCKET.iterdir() if f.suffix != ".svg") <= 12 * 10**6


def test_the_log_of_the_run_names_these_weights():
    digest = hashlib.sha256((POCKET / "model.safetensors").read_bytes()).hexdigest()
    lines = [json.loads(line) for line in (POCKET / "training.jsonl").read_text().splitlines()]
    assert lines[-1]["sha256 of model.safetensors"] == digest


def test_the_chat_gives_it_the_ids_that_it_was_trained_on(pocket):
    """A packed sequence of one conversation, and the same conversation through the template."""
    encoder = Encoder(Tokenizer.from_file(str(POCKET / "tokenizer.json")))
    for seed in range(30):
        rng, told = Random(seed), list[Turn]()
        scene = sample_scene(rng)
        packer = Packer(encoder, Plan(length=300, second_picture=0, no_picture=seed % 2), WEIGHTS)
        original = Speaker.turn

        def turn(self, new=(), original=original, told=told):
            told.append(original(self, new))
            return told[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Speaker, "turn", turn)
            patch.setattr(packer, "_opening", partial("{} USER:".format, packer.system))
            packed = packer.pack(rng, partial(tuple[int, Scene], (0, scene)))
        length = packed.segment.index(2) if 2 in packed.segment else packed.segment.index(-1)
        ids = packed.ids[:length]
        turns = []
        for said in told[: ids.count(encoder.eos)]:
            images = [{"type": "image"}] * len(said.scenes)
            turns.append(
                {"role": "user", "content": [*images, {"type": "text", "text": said.question}]}
            )
            turns.append({"role": "assistant", "content": said.answer})
        parts = pocket.template.parts(turns, add_generation_prompt=False)
        expected = pocket.tokenizer.encode_parts(parts)
        seen = [t for i, t in enumerate(ids) if t != encoder.image or ids[i - 1] != encoder.image]
        assert seen == expected


def test_it_answers_from_the_picture_and_not_from_habit(answer):
    """Right far more often with the picture than with a blank one in its place."""
    right = {"seen": 0, "blank": 0}
    count = 60
    for seed in range(count):
        rng = np.random.default_rng((11, seed))
        drawing = draw(rng)
        question = draw_questions(rng, drawing, 1)[0]
        blank = Image.new("RGB", drawing.picture.size, (235, 235, 235))
        for name, picture in (("seen", drawing.picture), ("blank", blank)):
            right[name] += question.accepts(Talk(answer).ask(question.text, [picture]))
    assert right["seen"] >= 0.65 * count
    assert right["blank"] <= 0.4 * count


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("Hello!", "Hello"),
        ("Who are you?", "tiny"),
        ("What can you do?", "describe"),
        ("Thank you!", "welcome"),
        ("What is the capital of France?", "--model"),
    ],
)
def test_it_says_what_it_is_and_what_it_is_not(answer, asked, words):
    assert words in Talk(answer).ask(asked)


def test_without_a_picture_it_asks_for_one(answer):
    assert "add a picture" in Talk(answer).ask("What color is the star?")
