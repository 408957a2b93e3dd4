"""Turns tokens into text as they come: never half a character, never a piece of a stop string."""

from collections.abc import Callable, Sequence

Decode = Callable[[list[int]], str]
UNFINISHED = "\ufffd"  # what an incomplete UTF-8 sequence decodes to
MOST_TOKENS_A_CHARACTER = 4


class Detokenizer:
    """Text of a growing list of tokens, equal in sum to decoding all of them at once.

    Each step decodes the few tokens since the last finished character and the piece before them,
    which tells whether a space belongs in between.
    """

    def __init__(self, decode: Decode, stop: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stop = [text for text in stop if text]
        self._window: list[int] = []  # the piece before, then the tokens that have no text yet
        self._before = ""  # what the window's first piece decodes to
        self._held = ""  # text that may turn out to begin a stop string
        self.stopped = False

    def add(self, token: int) -> str:
        """The text that is now certain; empty while a character or a stop string is open."""
        if self.stopped:
            return ""
        self._window.append(token)
        text = self._decode(self._window)
        if text.endswith(UNFINISHED):
            return ""
        return self._release(self._advance(text))

    def finish(self) -> str:
        """What is left at the end of the tokens."""
        if self.stopped:
            return ""
        rest = self._release(self._decode(self._window)[len(self._before) :])
        held, self._held = self._held, ""
        self._window, self._before = [], ""
        return rest if self.stopped else rest + held

    def _advance(self, text: str) -> str:
        new = text[len(self._before) :]
        if new:
            self._before = text
            for size in range(1, MOST_TOKENS_A_CHARACTER + 1):
                piece = self._decode(self._window[-size:])
                if UNFINISHED not in piece:
                    self._window, self._before = self._window[-size:], piece
                    break
        return new

    def _release(self, new: str) -> str:
        text = self._held + new
        found = [place for place in (text.find(stop) for stop in self._stop) if place >= 0]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)]
        keep = max((_open_length(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _open_length(text: str, stop: str) -> int:
    """The length of the longest end of `text` that `stop` begins with."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
