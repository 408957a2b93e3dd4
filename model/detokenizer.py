"""Turns tokens into text as they come: never half a character, never a piece of a stop string.

Knows nothing of models or of how tokens become text: it asks for the text of a few at a time.
"""

from collections.abc import Callable, Sequence

Decode = Callable[[list[int]], str]
HALF = "\ufffd"  # what an incomplete UTF-8 sequence decodes to
CHARACTER = 4  # tokens at most, when each is one byte
PATIENCE = 8  # tokens that may end in half a character before they count as what they are


class Detokenizer:
    """The text of a growing list of tokens, equal in sum to decoding all of them at once.

    Each step decodes the tokens since the last whole character, after the piece before them, which
    tells whether a space belongs in between. `hidden` are ids that have no text, `ends` those that
    end it as a stop string does.
    """

    def __init__(
        self,
        decode: Decode,
        stop: Sequence[str] = (),
        *,
        hidden: frozenset[int] = frozenset(),
        ends: frozenset[int] = frozenset(),
    ) -> None:
        self._decode = decode
        self._stop = [text for text in stop if text]
        self._hidden = hidden
        self._ends = ends
        self._tokens: list[int] = []  # the piece before, then those that have no text yet
        self._before = ""  # the text of the piece before
        self._waiting = 0  # how many tokens have no text yet
        self._held = ""  # text that may turn out to begin a stop string
        self.stopped = False

    def add(self, token: int) -> str:
        """The text that is now certain; empty while a character or a stop string is open."""
        if not self.stopped and token in self._ends:
            text, self.stopped = self.finish(), True
            return text
        if self.stopped or token in self._hidden:
            return ""
        self._tokens.append(token)
        self._waiting += 1
        text = self._decode(self._tokens)
        if text.endswith(HALF) and self._waiting < PATIENCE:
            return ""
        new = text[len(self._before) :]
        self._go_on()
        return self._release(new)

    def finish(self) -> str:
        """What is left at the end of the tokens, less half a character that nothing completes."""
        if self.stopped:
            return ""
        rest = self._decode(self._tokens)[len(self._before) :].rstrip(HALF) if self._waiting else ""
        self._waiting = 0
        text = self._release(rest)
        if not self.stopped:
            text, self._held = text + self._held, ""
        return text

    def _go_on(self) -> None:
        """Keep the last whole character's tokens: the piece that the next text comes after."""
        self._waiting = 0
        for size in range(1, CHARACTER + 1):
            tail = self._tokens[-size:]
            before = self._decode(tail)
            if HALF not in before:
                break
        self._tokens, self._before = tail, before

    def _release(self, new: str) -> str:
        """As much of the text as can't belong to a stop string any more."""
        text = self._held + new
        found = [place for place in (text.find(stop) for stop in self._stop) if place >= 0]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)]
        shown = len(text) - max((_opening(text, stop) for stop in self._stop), default=0)
        self._held = text[shown:]
        return text[:shown]


def _opening(text: str, stop: str) -> int:
    """The length of the longest end of `text` that `stop` begins with."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
