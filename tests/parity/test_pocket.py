"""The bundled model in transformers: the same logits and the same answers."""

from pathlib import Path

import numpy as np
import pytest

import model
from model.evaluation.drawer import draw
from model.evaluation.score import draw_questions
from tests.parity.pictures import greedy
from tests.parity.reference import Reference

POCKET = Path(model.__file__).parent / "pocket"
SCENES = 30
TOKENS = 16


@pytest.fixture(scope="module")
def both():
    return model.load(POCKET), Reference(POCKET)


def test_answers_on_drawn_scenes_are_those_of_transformers(both):
    ours, reference = both
    for seed in range(SCENES):
        rng = np.random.default_rng((3, seed))
        drawing = draw(rng)
        question = draw_questions(rng, drawing, 1)[0].text
        content = [{"type": "image"}, {"type": "text", "text": question}]
        prompt = ours.template.render([{"role": "user", "content": content}])
        images = [drawing.picture]
        difference = np.abs(
            np.array(ours.logits(prompt, images)) - reference.logits(prompt, images)
        ).max()
        assert difference <= 1e-4, (seed, difference)
        written = greedy(ours, prompt, images, TOKENS)
        end = next((at for at, t in enumerate(written) if t in ours.tokenizer.eos_ids), TOKENS)
        # The reference is made to write on past the end of the answer.
        assert written[:end] == reference.greedy(prompt, images, TOKENS)[:end], seed


def test_its_chat_template_writes_the_prompt_that_it_was_trained_on(both):
    ours, reference = both
    turns = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]},
        {"role": "user", "content": [{"type": "text", "text": "What is red?"}]},
    ]
    written = reference.processor.apply_chat_template(turns, add_generation_prompt=True)
    assert written == ours.template.render(turns)
    named = [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, *turns]
    assert reference.processor.apply_chat_template(
        named, add_generation_prompt=True
    ) == ours.template.render(named)
