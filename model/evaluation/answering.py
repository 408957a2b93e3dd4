"""Greedy answers of a loaded model to a conversation, as the chat gives them at temperature 0."""

from collections.abc import Sequence
from typing import Any

from model import Llava
from model.evaluation.score import Answer, Said
from model.generation import generate
from model.prompt import expand
from model.sampling import allowed_tokens

MOST_TOKENS = 96


def greedy(llava: Llava) -> Answer:
    """A function from a conversation, its last message the user's, to the model's answer."""
    size = llava.config.text["vocab_size"]
    allowed = allowed_tokens(size, llava.tokenizer.vocab_size, llava.config.image_token_index)

    def answer(said: Sequence[Said]) -> str:
        messages = [_message(s) for s in said]
        visual = llava.encode_pictures([picture for s in said for picture in s.pictures])
        ids = llava.tokenizer.encode_parts(llava.template.parts(messages))
        prompt = expand(ids, llava.config.image_token_index, [v.shape[0] for v in visual])
        text = llava.tokenizer.detokenizer(llava.template.stop)
        stop = llava.tokenizer.eos_ids
        written = generate(llava.network, prompt.ids, visual, allowed, stop=stop, most=MOST_TOKENS)
        return "".join([*map(text.add, written), text.finish()]).strip()

    return answer


def _message(said: Said) -> dict[str, Any]:
    parts = [{"type": "image"}] * len(said.pictures) + [{"type": "text", "text": said.text}]
    return {"role": said.role, "content": parts}
