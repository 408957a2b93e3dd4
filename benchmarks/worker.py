"""The side of a measured program: takes requests as lines of JSON and answers each with one.

Plain Python without libraries: peers run it in environments of their own.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

Answer = dict[str, Any]


class Clock:
    """Takes the times of an answer's tokens, from when it was asked for."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.times: list[float] = []

    def token(self, count: int = 1) -> None:
        self.times += [time.perf_counter() - self.begun] * count

    @property
    def first(self) -> float:
        """Seconds to the first token."""
        return self.times[0]

    @property
    def speed(self) -> float:
        """Tokens a second after the first."""
        return speed(self.times)


def speed(times: Sequence[float]) -> float:
    """Tokens a second from the first time to the last."""
    return (len(times) - 1) / (times[-1] - times[0])


def together(clocks: Sequence[Clock]) -> float:
    """Tokens a second of several answers, while all of them are being written."""
    begun = max(clock.times[0] for clock in clocks)
    ended = min(clock.times[-1] for clock in clocks)
    tokens = sum(begun < at <= ended for clock in clocks for at in clock.times)
    return tokens / (ended - begun)


def serve(program: object) -> None:
    """Call the method that each line of standard input names, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(program, request.pop("do"))(**request)
        except NotImplementedError as error:
            answer = {"error": str(error)}
        except Exception as error:  # whatever a peer raises is its result
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
