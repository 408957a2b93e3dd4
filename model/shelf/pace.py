"""How fast something comes, and how long it will still take."""

import time
from collections import deque
from collections.abc import Callable

WINDOW = 8.0  # seconds that are looked back


class Pace:
    """The pace of the last seconds. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def tell(self, done: int) -> None:
        """So much of it is here by now."""
        now = self._clock()
        if self._seen and now - self._seen[-1][0] < WINDOW / 64:
            return  # a few dozen looks are enough
        self._seen.append((now, done))
        while now - self._seen[0][0] > WINDOW:
            self._seen.popleft()

    @property
    def speed(self) -> float:
        """A second's share, 0 while it isn't known."""
        if len(self._seen) < 2:
            return 0.0
        (since, first), (until, last) = self._seen[0], self._seen[-1]
        return max(0.0, (last - first) / (until - since))

    def left(self, done: int, total: int) -> float | None:
        """Seconds until all is here, None while that isn't known."""
        speed = self.speed
        return (total - done) / speed if speed else None
