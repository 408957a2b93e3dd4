"""How bold the guesses of speculative decoding are: longer while they are right, then fewer."""

_LONGEST_PAUSE = 64  # tokens


class Pace:
    """From `shortest` to `longest` tokens a guess; after some that were all wrong, a rest."""

    def __init__(self, shortest: int, longest: int) -> None:
        self._shortest = shortest
        self._longest = longest
        self.length = 2 * shortest
        self._failures = 0
        self._pause = 0

    @property
    def rests(self) -> bool:
        """Whether nothing is to be guessed now."""
        return self._pause > 0

    def add(self) -> None:
        """One more token of the answer is there."""
        self._pause -= 1

    def learn(self, guessed: int, right: int) -> None:
        """How many of the tokens that were checked were right."""
        if right == guessed:
            self.length = min(2 * self.length, self._longest)
        elif 2 * right < guessed:
            self.length = max(self.length // 2, self._shortest)
        if right:
            self._failures = 0
        else:
            self._failures += 1
            self._pause = min(2**self._failures, _LONGEST_PAUSE)
