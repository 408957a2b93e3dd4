"""The program as a person meets it: its start, its page with the bundled model, its end.

Everything is measured from outside, at a process and in Chromium.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.browser import Answer, ChatPage, chat_page
from benchmarks.figures import Bar, Figure
from benchmarks.pictures import write
from benchmarks.program import Program, running

# What is measured: its unit, and its bar where it has one.
MEASURED: dict[str, tuple[str, Bar | None]] = {
    "page answers after the start": ("s", Bar("<=", 10)),
    "model ready after the start": ("s", None),
    "first text, picture sent along": ("s", Bar("<=", 0.5)),
    "whole answer, picture sent along": ("s", None),
    "(i) first text, picture dropped 2 s before": ("s", Bar("<=", 0.15)),
    "whole answer, picture dropped 2 s before": ("s", None),
    "first text, later turn": ("s", None),
    "whole answer, later turn": ("s", None),
    "tokens a second, below the answer": ("tokens/s", Bar(">=", 60)),
    "resident memory after a long chat": ("MB", Bar("<=", 700)),
    "end after Ctrl-C, page open and question sent": ("s", Bar("<=", 5)),
}
QUESTIONS = (
    "Describe the picture.",
    "How many shapes are there?",
    "What colors are there?",
    "Is there a circle?",
)
TURNS = 50
PICTURE_EVERY = 9  # turns: six pictures in fifty
TYPING = 2.0  # seconds between a picture and Enter

Runs = dict[str, list[float]]


def measure(starts: int = 3, chats: int = 8, turns: int = TURNS) -> list[Figure]:
    """Start the program `starts` times; in the last one talk in `chats` chats of each kind
    and a long one of `turns` turns with a picture in every ninth.
    """
    runs: Runs = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(starts):
            place = Path(folder) / str(number)
            place.mkdir()
            last = number == starts - 1
            with running(place / "data") as program:
                _start(program, runs)
                with chat_page(program.url) as page:
                    if last:
                        _talk(page, place, chats, runs)
                        _talk_long(page, place, turns, program, runs)
                    page.write(QUESTIONS[0])
                    page.enter()
                    runs["end after Ctrl-C, page open and question sent"].append(
                        program.interrupt()
                    )
    return [
        Figure(name, unit, tuple(runs[name]), bar)
        for name, (unit, bar) in MEASURED.items()
        if name in runs
    ]


def _start(program: Program, runs: Runs) -> None:
    runs["page answers after the start"].append(program.until_answering("/"))
    runs["model ready after the start"].append(program.until_answering("/ready"))


def _talk(page: ChatPage, folder: Path, chats: int, runs: Runs) -> None:
    page.ask("Hello.")  # the page's own first time
    for number in range(chats):
        page.new_chat()
        sent_along = _sent_along(page, write(folder, 2 * number))
        runs["first text, picture sent along"].append(sent_along.first_text)
        runs["whole answer, picture sent along"].append(sent_along.whole)
        _note_speed(sent_along, runs)
        page.new_chat()
        before = _dropped_before(page, write(folder, 2 * number + 1))
        runs["(i) first text, picture dropped 2 s before"].append(before.first_text)
        runs["whole answer, picture dropped 2 s before"].append(before.whole)
        for question in QUESTIONS[1:]:
            later = page.ask(question)
            runs["first text, later turn"].append(later.first_text)
            runs["whole answer, later turn"].append(later.whole)
            _note_speed(later, runs)


def _sent_along(page: ChatPage, picture: Path) -> Answer:
    """Enter at once: what is measured holds the picture's way to the server."""
    page.write(QUESTIONS[0])
    page.attach(picture)
    return page.send()


def _dropped_before(page: ChatPage, picture: Path) -> Answer:
    page.attach(picture)
    page.until_attached()
    page.wait(TYPING)
    return page.ask(QUESTIONS[0])


def _note_speed(answer: Answer, runs: Runs) -> None:
    """A token or two tell nothing of speed."""
    if answer.tokens >= 8 and answer.tokens_per_second is not None:
        runs["tokens a second, below the answer"].append(answer.tokens_per_second)


def _talk_long(page: ChatPage, folder: Path, turns: int, program: Program, runs: Runs) -> None:
    page.new_chat()
    for number, question in enumerate(_questions(turns)):
        if number % PICTURE_EVERY == 0:
            page.attach(write(folder, 1000 + number))
            page.until_attached()
        page.ask(question)
    runs["resident memory after a long chat"].append(program.resident())


def _questions(count: int) -> Iterator[str]:
    yield from (QUESTIONS[number % len(QUESTIONS)] for number in range(count))
