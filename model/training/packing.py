"""Puts conversations about one picture into a sequence: who may see whom, and what is scored.

A sequence is a prefix (system prompt, first picture) and several conversations. Each sees the
prefix and itself only, at the positions that it would have alone; so the picture's 64 tokens
are paid once for many questions. Token layout: LLaVA's `v1` template.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from model.conversation import get_template
from model.training.dialogue.speaker import Speaker, Turn
from model.training.scene import Scene
from model.training.talk_phrases import SYSTEM_PROMPTS
from model.training.vocabulary import Encoder

VISUAL_TOKENS = 64
NO_PICTURE = -1
PADDING = -1


@dataclass(slots=True)
class Packed:
    """Parallel lists, one entry a token."""

    ids: list[int] = field(default_factory=list)
    visual: list[int] = field(
        default_factory=list
    )  # row in the batch's visual tokens, or NO_PICTURE
    position: list[int] = field(default_factory=list)
    segment: list[int] = field(default_factory=list)  # 0 the prefix, 1.. the conversations
    target: list[int] = field(default_factory=list)  # the next token where it is scored, else -1
    kinds: list[str] = field(default_factory=list)  # of each scored answer, in order
    answer: list[int] = field(default_factory=list)  # which scored answer a token belongs to, or -1

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long conversations are and how many pictures they meet."""

    length: int
    short: float = 0.5  # share of conversations of one to three turns
    long: float = 0.2  # share of those of nine and more
    second_picture: float = 0.22
    no_picture: float = 0.06


class Packer:
    """Fills sequences of `plan.length` tokens."""

    def __init__(self, encoder: Encoder, plan: Plan, weights: dict[str, float]) -> None:
        self.encoder, self.plan, self.weights = encoder, plan, weights
        self.system = get_template("v1").system

    def pack(self, rng: Random, draw_picture: Callable[[], tuple[int, Scene]]) -> Packed:
        """One sequence; `draw_picture` gives a picture's place in the batch and its scene."""
        seq = Packed()
        first = draw_picture() if rng.random() >= self.plan.no_picture else None
        self._append(seq, [self.encoder.bos, *self.encoder(self._opening(rng))], 0)
        if first:
            self._append(
                seq, self.encoder(""), 0
            )  # the space of "USER: " stands alone before a picture
            self._picture(seq, first[0], 0)
        segment = 1
        while self._conversation(seq, rng, first, draw_picture, segment):
            segment += 1
        self._pad(seq)
        return seq

    def _opening(self, rng: Random) -> str:
        """The text before the first picture or question; mostly with the template's system prompt."""
        roll = rng.random()
        if roll < 0.7:
            return f"{self.system} USER:"
        return "USER:" if roll < 0.85 else f"{rng.choice(SYSTEM_PROMPTS)} USER:"

    def _conversation(
        self, seq: Packed, rng: Random, first: tuple[int, Scene] | None,
        draw_picture: Callable[[], tuple[int, Scene]], segment: int,
    ) -> bool:  # fmt: skip
        """Append a conversation, as many of its turns as fit; False when not even one does."""
        start, turns = len(seq), self._turns(rng)
        speaker = Speaker(rng, self.weights)
        second = rng.randrange(turns) if rng.random() < self.plan.second_picture else -1
        for index in range(turns):
            pictures = [first] if first and index == 0 else []
            if index == second and len(seq) + 150 < self.plan.length:
                pictures.append(draw_picture())
            turn = speaker.turn([scene for _, scene in pictures])
            mark = len(seq)
            self._turn(
                seq,
                turn,
                index,
                segment,
                [place for place, _ in pictures],
                pictured=first is not None,
            )
            if len(seq) > self.plan.length:
                _cut(seq, mark)
                break
        return len(seq) > start

    def _turns(self, rng: Random) -> int:
        roll = rng.random()
        if roll < self.plan.short:
            return rng.randint(1, 3)
        return rng.randint(9, 16) if roll < self.plan.short + self.plan.long else rng.randint(4, 8)

    def _turn(
        self,
        seq: Packed,
        turn: Turn,
        index: int,
        segment: int,
        pictures: list[int],
        *,
        pictured: bool,
    ) -> None:
        """`USER: <image>\n` question ` ASSISTANT:` answer `</s>`, less what the prefix holds."""
        lead = "USER: " if index else ""
        if index == 0 and pictured:
            pictures, lead = pictures[1:], "\n"
        for place in pictures:
            self._append(seq, self.encoder(lead), segment)
            self._picture(seq, place, segment)
            lead = "\n"
        self._append(seq, self.encoder(f"{lead}{turn.question} ASSISTANT:"), segment)
        self._append(seq, [*self.encoder(turn.answer), self.encoder.eos], segment, scored=turn.kind)

    def _append(self, seq: Packed, ids: list[int], segment: int, scored: str = "") -> None:
        if scored and ids:
            seq.kinds.append(scored)
        number = len(seq.kinds) - 1 if scored else -1
        for token in ids:
            if scored:  # the token before predicts this one
                seq.target[-1], seq.answer[-1] = token, number
            self._token(seq, token, NO_PICTURE, segment)

    def _picture(self, seq: Packed, place: int, segment: int) -> None:
        for row in range(VISUAL_TOKENS):
            self._token(seq, self.encoder.image, place * VISUAL_TOKENS + row, segment)

    def _token(self, seq: Packed, token: int, visual: int, segment: int) -> None:
        prefix = seq.segment.count(0) if not seq.segment or seq.segment[-1] != segment else 0
        if not seq.segment:
            position = 0
        elif seq.segment[-1] == segment:
            position = seq.position[-1] + 1
        else:
            position = prefix
        seq.ids.append(token)
        seq.visual.append(visual)
        seq.position.append(position)
        seq.segment.append(segment)
        seq.target.append(-1)
        seq.answer.append(-1)

    def _pad(self, seq: Packed) -> None:
        missing = self.plan.length - len(seq)
        for values, filler in (
            (seq.ids, self.encoder.pad), (seq.visual, NO_PICTURE), (seq.position, 0),
            (seq.segment, PADDING), (seq.target, -1), (seq.answer, -1),
        ):  # fmt: skip
            values += [filler] * missing


def _cut(seq: Packed, length: int) -> None:
    """Take back everything from `length` on."""
    for values in (seq.ids, seq.visual, seq.position, seq.segment, seq.target, seq.answer):
        del values[length:]
    if seq.target:
        seq.target[-1] = seq.answer[-1] = -1
    while seq.kinds and len(seq.kinds) - 1 not in seq.answer:
        seq.kinds.pop()


def visibility(segment: np.ndarray) -> np.ndarray:
    """Which token sees which, `[.., T, T]`: the prefix and its own conversation, up to itself."""
    length = segment.shape[-1]
    own = segment[..., :, None] == segment[..., None, :]
    prefix = segment[..., None, :] == 0
    causal = np.tril(np.ones((length, length), bool))
    return (own | prefix) & causal
