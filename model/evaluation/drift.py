"""How far quantised keys and values move what a model says next, over conversations about drawings.

Both read the same text, the model's own answers by plain keys and values, token by token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from model.evaluation.drawer import draw
from model.evaluation.score import draw_questions
from model.generation import CHUNK, generate
from model.kv_cache import Packing, new_cache
from model.llava import Llava
from model.prompt import expand
from model.sampling import allowed_tokens

QUESTIONS = 6  # of a conversation
_MOST_TOKENS = 48  # of an answer


@dataclass(frozen=True, slots=True)
class Drift:
    """Over `positions` next tokens: KL divergence in nats, and how often the likeliest is same."""

    positions: int
    mean: float
    highest: float
    same: float


def drift(llava: Llava, packing: Packing, drawings: int, seed: int = 1) -> Drift:
    """The drift that `packing` makes."""
    divergences, same = [], []
    for ids, visual in _conversations(llava, drawings, seed):
        plain, packed = _read(llava, ids, visual, None), _read(llava, ids, visual, packing)
        divergences.append((mx.exp(plain) * (plain - packed)).sum(axis=-1))
        same.append(plain.argmax(axis=-1) == packed.argmax(axis=-1))
    kl = np.array(mx.concatenate(divergences))
    return Drift(kl.size, float(kl.mean()), float(kl.max()), float(mx.concatenate(same).mean()))


def _conversations(
    llava: Llava, drawings: int, seed: int
) -> Iterator[tuple[list[int], list[mx.array]]]:
    """Ids of whole conversations, and their pictures' visual tokens `[P, D]`."""
    size = int(llava.config.text["vocab_size"])
    image = llava.config.image_token_index
    allowed = allowed_tokens(size, llava.tokenizer.vocab_size, image)
    for number in range(drawings):
        rng = np.random.default_rng((seed, number))
        drawing = draw(rng)
        visual = llava.encode_pictures([drawing.picture])
        turns: list[dict[str, object]] = []
        for question in draw_questions(rng, drawing, QUESTIONS):
            marks = [] if turns else [{"type": "image"}]
            turns.append(
                {"role": "user", "content": [*marks, {"type": "text", "text": question.text}]}
            )
            marked = llava.tokenizer.encode_parts(llava.template.parts(turns))
            ids = list(expand(marked, image, [visual[0].shape[0]]).ids)
            stop, text = llava.tokenizer.eos_ids, llava.tokenizer.detokenizer(llava.template.stop)
            said = generate(llava.network, ids, visual, allowed, stop=stop, most=_MOST_TOKENS)
            answer = "".join([*map(text.add, said), text.finish()]).strip()
            turns.append({"role": "assistant", "content": answer})
        yield ids, visual


def _read(
    llava: Llava, ids: Sequence[int], visual: Sequence[mx.array], packing: Packing | None
) -> mx.array:
    """Logarithms of all next-token probabilities `[T, V]`, read in chunks as prompts are."""
    network = llava.network
    cache = new_cache(network.language_model, packing)
    embeddings = network.embed(mx.array(list(ids)), visual)[None]  # [1, T, D]
    pieces = []
    for start in range(0, len(ids), CHUNK):
        piece = embeddings[:, start : start + CHUNK]
        nothing = mx.zeros(piece.shape[:2], mx.int32)
        pieces.append(network(nothing, cache, piece)[0].astype(mx.float32))
    logits = mx.concatenate(pieces)
    return logits - mx.logsumexp(logits, axis=-1, keepdims=True)
