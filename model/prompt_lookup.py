"""Guesses what an answer goes on with: what followed the same few tokens earlier on.

Answers about a text copy from it, and a right guess is checked in one step instead of many
(prompt lookup decoding, Saxena 2023). What it does a token costs the same however long the
conversation is. Knows nothing of networks.
"""

from collections.abc import Collection, Iterable

from model.pace import Pace

MATCH = 3  # tokens that must be the same
SHORTEST, LONGEST = 2, 16  # tokens of a guess that is to be checked


class PromptLookup:
    """Prompt and answer of one row, and how well guesses went until now.

    `hidden` are ids that are no words, and in no guess: a picture's place.
    """

    def __init__(self, tokens: Iterable[int], hidden: Collection[int] = ()) -> None:
        self._tokens = list(tokens)
        self._hidden = hidden
        self._after: dict[tuple[int, ...], int] = {}  # where MATCH tokens last went on
        self._indexed = MATCH  # tokens before this one are in `_after`
        self._pace = Pace(SHORTEST, LONGEST)

    def add(self, token: int) -> None:
        """The answer's next token."""
        self._tokens.append(token)
        self._pace.add()

    def guess(self) -> list[int]:
        """What may follow; often nothing."""
        if self._pace.rests:
            return []
        self._index()
        start = self._after.get(tuple(self._tokens[-MATCH:]))
        if start is None:
            return []
        guess = self._tokens[start : start + self._pace.length + 1]
        ends = [place for place, token in enumerate(guess) if token in self._hidden]
        return guess[: ends[0]] if ends else guess

    def learn(self, guessed: int, right: int) -> None:
        """How many of the tokens that were checked were right: guess more boldly, or pause."""
        self._pace.learn(guessed, right)

    def _index(self) -> None:
        for place in range(self._indexed, len(self._tokens)):
            self._after[tuple(self._tokens[place - MATCH : place])] = place
        self._indexed = max(self._indexed, len(self._tokens))
