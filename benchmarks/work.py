"""The work that every program is given: the same words, pictures and numbers of tokens.

Plain Python without libraries: the peers read it in environments of their own.
"""

from collections.abc import Sequence
from typing import Final

SYSTEM: Final = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
IMAGE: Final = "<image>"
END: Final = "</s>"

PROMPT: Final = 298  # tokens of a first question with its picture
LONG_PROMPT: Final = 640  # and of LLaVA-1.5's own, whose picture alone has 576
TEXT_PROMPT: Final = 43  # and without
BEGINNING: Final = 2  # tokens of an answer of which only the first is waited for
ANSWER: Final = 16  # tokens of an answer in a conversation
LONG_ANSWER: Final = 64  # tokens of an answer whose speed is measured
CHATS: Final = 8
TURNS: Final = 20
THREADS: Final = 2

_COLOURS: Final = ("red", "green", "blue", "white", "black")
_SIDES: Final = ("left", "right", "upper", "lower")

Turn = tuple[str, str]  # a question and its answer


def question(number: int) -> str:
    """Twenty questions, of different words and, but for a token or two, the same length."""
    colour, side = _COLOURS[number % len(_COLOURS)], _SIDES[number % len(_SIDES)]
    return f"What is there of {colour} things in the {side} part of the picture?"


def chat_text(number: int) -> str:
    """A question without a picture, different for each number."""
    return f"Tell us about {number} {question(number)}"


def render(turns: Sequence[Turn], newest: str, picture: bool = True) -> str:
    """The prompt of LLaVA-1.5 (`v1`), with the picture in the first question."""
    written = SYSTEM + " "
    mark = f"{IMAGE}\n" if picture else ""
    for asked, answered in turns:
        written += f"USER: {mark}{asked} ASSISTANT: {answered}{END}"
        mark = ""
    return f"{written}USER: {mark}{newest} ASSISTANT:"
