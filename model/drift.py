"""How far a quantised model's next-token distributions are from those of its source.

A fixed set: drawn pictures, each with a question and an answer that both models read as given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from model.evaluation.drawer import draw
from model.llava import Llava
from model.prompt import expand

DIALOGUES = (
    ("What is in this picture?", "I see a few colored shapes on a plain background."),
    ("How many shapes are there?", "There are 3 shapes: a red circle, a star and a blue square."),
    ("Describe the picture in detail.", "The picture shows a drawing. In the middle there is one."),
    ("Is there a dog in the image?", "No, there is no dog in the image, only drawn shapes."),
    ("Where is the triangle?", "The triangle is at the top left, above the green heart."),
    ("Write a short poem about it.", "Roses are red, violets are blue, shapes on a canvas."),
)


@dataclass(frozen=True, slots=True)
class Drift:
    """Mean Kullback-Leibler divergence from the source, nats a token; top-1 agreement, 0 to 1."""

    divergence: float
    agreement: float
    tokens: int


def distributions(llava: Llava) -> list[mx.array]:
    """Log-probabilities, float32 `[answer tokens, vocab]`, for each of the fixed set."""
    return [mx.array(logs) for logs in _read(llava)]


def drift(source: Sequence[mx.array], result: Sequence[mx.array]) -> Drift:
    """Compare two models' `distributions`, both of the same vocabulary."""
    ours, theirs = mx.concatenate([*source]), mx.concatenate([*result])
    divergence = (mx.exp(ours) * (ours - theirs)).sum(axis=-1).mean()
    same = int((ours.argmax(axis=-1) == theirs.argmax(axis=-1)).sum())
    return Drift(float(divergence), same / len(ours), len(ours))


def _read(llava: Llava) -> Iterator[mx.array]:
    for number, (question, answer) in enumerate(DIALOGUES):
        picture = draw(np.random.default_rng(number)).picture
        asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
        said = {"role": "assistant", "content": answer}
        parts = llava.template.parts([asked])
        before = llava.tokenizer.encode_parts(parts)
        after = llava.tokenizer.encode_parts(
            llava.template.parts([asked, said], add_generation_prompt=False)
        )
        visual = llava.encode_pictures([picture])[0]
        prompt = expand(after, llava.config.image_token_index, [visual.shape[0]])
        ids = mx.array(prompt.ids)
        rows = llava.network(ids[None], input_embeddings=llava.network.embed(ids, [visual])[None])
        read = rows[0, len(before) - len(after) - 1 : -1].astype(mx.float32)
        logs = read - mx.logsumexp(read, axis=-1, keepdims=True)
        mx.eval(logs)
        yield logs
