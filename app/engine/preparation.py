"""Turns a request into a sequence: template, tokens, keys and pixels, all checked before it counts.

Works on a thread of its own, beside the model's: nothing here touches MLX.
"""

import secrets
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.feature_cache import FeatureCache
from app.engine.memory import Memory
from app.engine.outbox import Outbox
from app.engine.sequence import Limits, PromptPicture, Sequence, picture_key
from app.engine.shortening import shortened
from app.errors import InvalidRequest, TooLong
from app.messages import ChatRequest, Message, Picture, Sampling
from model.errors import PromptError, TemplateError
from model.llava import Llava
from model.prompt import Prompt, expand, keys
from model.sampling import Sampler
from model.tiling import Clip, Size, View

ROOM_TO_ANSWER = 4  # the part of the context that is left free by leaving out turns, at most


class Preparation:
    """Makes sequences for one model, as long as its context and the `memory` take.

    `features` tells which pictures need no pixels any more.
    """

    def __init__(self, llava: Llava, features: FeatureCache, memory: Memory) -> None:
        self._llava = llava
        self._features = features
        self.context = min(llava.config.context_length, memory.tokens)  # tokens
        self.takes_clips = llava.config.takes_clips
        self._stop = llava.tokenizer.eos_ids

    def prepare(self, request: ChatRequest, outbox: Outbox) -> Sequence:
        """The sequence of a request. Raises InvalidRequest."""
        llava, sampling = self._llava, request.sampling
        messages = len(request.messages)
        try:
            request = self._shortened(request)
            pictures, views = request.pictures, self._views(request)
            prompt = self._prompt(request)
            prompt_keys = keys(prompt, list(map(picture_key, pictures, views)))
        except (PromptError, TemplateError) as error:
            raise InvalidRequest(str(error)) from error
        limits = self._limits(prompt, sampling)
        stops = (*llava.template.stop, *sampling.stop)
        return Sequence(
            owner=request.owner,
            ids=prompt.ids,
            keys=tuple(prompt_keys),
            pictures=tuple(
                PromptPicture(start, picture, view, self._pixels(request.owner, picture, view))
                for (start, _), picture, view in zip(prompt.spans, pictures, views, strict=True)
            ),
            sampler=_sampler(sampling),
            limits=limits,
            detokenizer=llava.tokenizer.detokenizer(stops),
            outbox=outbox,
            unseen_messages=messages - len(request.messages),
        )

    def prepare_ahead(self, request: ChatRequest, outbox: Outbox) -> Sequence:
        """What is known of a prompt whose last words are still being typed: up to its pictures.

        Raises InvalidRequest.
        """
        whole = self.prepare(request, outbox)
        known = whole.pictures[-1].end if whole.pictures else 0
        return replace(whole, ids=whole.ids[:known], keys=whole.keys[:known], ahead=True)

    def _shortened(self, request: ChatRequest) -> ChatRequest:
        """Without its oldest turns where it is too long, and may be shortened."""
        if not request.shorten:
            return request
        room = min(request.sampling.max_tokens, self.context // ROOM_TO_ANSWER)
        return shortened(request, lambda part: len(self._prompt(part)), self.context - room)

    def _prompt(self, request: ChatRequest) -> Prompt:
        llava = self._llava
        parts = llava.template.parts([_written(message) for message in request.messages])
        ids = llava.tokenizer.encode_parts(parts)
        lengths = [view.tokens for view in self._views(request)]
        return expand(ids, llava.config.image_token_index, lengths)

    def _views(self, request: ChatRequest) -> list[View]:
        return self._llava.config.views([_size(picture) for picture in request.pictures])

    def _limits(self, prompt: Prompt, sampling: Sampling) -> Limits:
        left = self.context - len(prompt)
        if left < 1:
            whose = "the model"
            if self.context < self._llava.config.context_length:
                whose = "this machine's memory for conversations"
            raise TooLong(
                f"The conversation has {len(prompt)} tokens{_visual(prompt)}, and {whose} "
                f"takes {self.context - 1} at most: begin a new chat, or shorten the message."
            )
        if sampling.max_tokens <= left:
            return Limits(self._stop, sampling.max_tokens, "length")
        return Limits(self._stop, left, "context")

    def _pixels(self, owner: str, picture: Picture, view: View) -> NDArray[np.float32] | None:
        if (owner, picture_key(picture, view)) in self._features:
            return None
        return self._llava.image_processor.tiles(picture.shown(), view)


def _size(picture: Picture) -> Size | Clip:
    return Clip(picture.frames) if picture.frames else (picture.height, picture.width)


def _visual(prompt: Prompt) -> str:
    pictures = len(prompt.spans)
    if not pictures:
        return ""
    what = "picture" if pictures == 1 else "pictures"
    tokens = sum(length for _, length in prompt.spans)
    return f" ({tokens} of them for {pictures} {what})"


def _written(message: Message) -> dict[str, Any]:
    """A message in the shape that templates read."""
    parts = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
        for part in message.parts
    ]
    return {"role": message.role, "content": parts}


def _sampler(sampling: Sampling) -> Sampler:
    seed = secrets.randbits(63) if sampling.seed is None else sampling.seed
    penalties = sampling.presence_penalty, sampling.frequency_penalty
    return Sampler(sampling.temperature, sampling.top_p, seed, *penalties)
