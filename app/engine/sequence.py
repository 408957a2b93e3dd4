"""One answer on its way: what it is to be made of, what it has written, when it is over.

Lives on the model thread, but for `cancel`. Knows nothing of caches and batches.
"""

import time
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.engine.outbox import Outbox
from app.errors import ChatError
from app.messages import Delta, Finished, FinishReason, Picture, Reading, Usage, Waiting
from model.sampling import Sampler
from model.tiling import View


class Detokenizer(Protocol):
    """Tokens to text: never half a character, nothing of a stop string."""

    @property
    def stopped(self) -> bool: ...

    def add(self, token: int) -> str: ...

    def finish(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PromptPicture:
    """A picture in a prompt, at the place of its visual tokens, and how it becomes those.

    `pixels` `[tiles, h, w, 3]` are what the tower takes; None where its features are known already.
    """

    start: int
    picture: Picture
    view: View
    pixels: NDArray[np.float32] | None = None

    @property
    def key(self) -> str:
        """Names picture and view: the same one has the same visual tokens."""
        return picture_key(self.picture, self.view)

    @property
    def end(self) -> int:
        return self.start + self.view.tokens


def picture_key(picture: Picture, view: View) -> str:
    """Names a picture by its content and the way it is seen, which other pictures may change."""
    return f"{picture.digest}/padded" if view.padded else picture.digest


@dataclass(frozen=True, slots=True)
class Limits:
    """When an answer ends: at a token of `stop`, or after `most` tokens, because of `reason`."""

    stop: frozenset[int]
    most: int
    reason: FinishReason = "length"


@dataclass(slots=True, eq=False)
class Sequence:
    """A prompt and the answer to it. `keys` are the prefix cache's, one for each of `ids`.

    One that is `ahead` of its question has no answer: its prompt is read, and that is all.
    """

    owner: str
    ids: tuple[int, ...]
    keys: tuple[int, ...]
    pictures: tuple[PromptPicture, ...]
    sampler: Sampler
    limits: Limits
    detokenizer: Detokenizer
    outbox: Outbox
    ahead: bool = False
    unseen_messages: int = 0  # of the conversation, that were left out
    started: float = field(default_factory=time.monotonic)
    tokens: list[int] = field(default_factory=list)
    finished: bool = False
    cancelled: bool = False
    retried: bool = False
    _first: float = 0.0
    _newest: float = 0.0

    @property
    def all_ids(self) -> list[int]:
        """Prompt and answer so far, as the network is given them."""
        return [*self.ids, *self.tokens]

    @property
    def all_keys(self) -> list[int]:
        """Prompt and answer so far, as the prefix cache knows them."""
        return [*self.keys, *self.tokens]

    @property
    def longest(self) -> int:
        """Tokens of prompt and answer together, when it comes to its end."""
        return len(self.ids) + (0 if self.ahead else self.limits.most)

    def cancel(self) -> None:
        """Nobody waits for it any more. May be called from any thread."""
        self.cancelled = True

    def wait(self, place: int) -> None:
        """Tell that others are to be answered first: there is no room for it yet."""
        self.outbox.put(Waiting(place))

    def read(self, done: int) -> None:
        """Tell how much of the prompt has been read."""
        self.outbox.put(Reading(done, len(self.ids)))
        if self.ahead and done == len(self.ids):
            self.finished = True
            self.outbox.put(Finished("stop", Usage(done)))

    def write(self, token: int) -> None:
        """Take the next token; `finished` says afterwards whether it was the last."""
        self._newest = time.monotonic()
        self._first = self._first or self._newest
        if token in self.limits.stop:
            self._finish("stop")
            return
        self.tokens.append(token)
        self._say(self.detokenizer.add(token))
        if self.detokenizer.stopped:
            self._finish("stop")
        elif len(self.tokens) >= self.limits.most:
            self._finish(self.limits.reason)

    def fail(self, error: ChatError) -> None:
        self.finished = True
        self.outbox.fail(error)

    def _finish(self, reason: FinishReason) -> None:
        self.finished = True
        if not self.detokenizer.stopped:
            self._say(self.detokenizer.finish())
        self.outbox.put(Finished(reason, self._usage()))

    def _say(self, text: str) -> None:
        if text:
            self.outbox.put(Delta(text, self._usage()))

    def _usage(self) -> Usage:
        """The first token's time is the prompt's; the rest's are the speed of writing."""
        seconds = self._newest - self._first
        written = len(self.tokens)
        speed = (written - 1) / seconds if written > 1 and seconds > 0 else 0.0
        first = self._first - self.started
        return Usage(len(self.ids), written, first, speed, self.unseen_messages)
