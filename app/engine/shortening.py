"""Leaves out the oldest turns of a conversation that is longer than the model reads.

A turn is a question and what follows it up to the next; it goes whole, with its pictures. The
system message and the last question stay.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from app.messages import ChatRequest, Message

_SHARE = 4  # a quarter of the room is made free at once


def shortened(request: ChatRequest, tokens: Callable[[ChatRequest], int], most: int) -> ChatRequest:
    """`request` without as many of its first turns as bring its `tokens` to `most`, and some more.

    Turns end where they pass a quarter of `most`, the next, the next: so the following questions
    leave out the same, and what the prefix cache has of the rest stays good. The last turn alone
    may be longer than `most`.
    """
    starts = _questions(request.messages)
    lead = request.messages[: starts[0]]

    def without(turns: int) -> ChatRequest:
        return replace(request, messages=(*lead, *request.messages[starts[turns] :]))

    @cache
    def gone(turns: int) -> int:
        return whole - tokens(without(turns))

    whole = tokens(request)
    if whole <= most:
        return request
    numbers = range(len(starts) - 1)  # the last turn stays
    fitting = bisect_left(numbers, whole - most, key=gone)
    if fitting == len(numbers):
        return without(fitting)
    quarter = max(1, most // _SHARE)
    wanted = (gone(fitting - 1) // quarter + 1) * quarter  # one turn less doesn't get so far
    turns = bisect_left(numbers, wanted, lo=fitting, key=gone)
    # Where a picture that is alone becomes more tokens than one of several, less may be more.
    while turns < len(numbers) and whole - gone(turns) > most:
        turns += 1
    return without(turns)


def _questions(messages: Sequence[Message]) -> list[int]:
    """Where the turns begin: at a user's message that follows none."""
    return [
        place
        for place, message in enumerate(messages)
        if message.role == "user" and (place == 0 or messages[place - 1].role != "user")
    ]
