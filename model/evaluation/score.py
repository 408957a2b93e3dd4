"""Scores the bundled model as people meet it: free answers, its own words in the history.

Knows how to ask and to count; how an answer comes about is `Answer`'s business.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from model.evaluation.drawer import Drawing, draw
from model.evaluation.questions import KINDS, Asker, Question, follow_up


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a conversation."""

    role: str
    text: str
    pictures: tuple[Image.Image, ...] = ()


Answer = Callable[[Sequence[Said]], str]


@dataclass(slots=True)
class Tally:
    """Right answers by group, and the wrong ones for a reader to look at."""

    right: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)

    def add(
        self, groups: Sequence[str], question: str, answer: str, right: bool, note: str = ""
    ) -> None:
        for group in groups:
            self.right[group].append(right)
        if not right:
            self.wrong.append(f"[{groups[0]}] {question} -> {answer}   ({note})")

    def share(self, group: str) -> float:
        return float(np.mean(self.right[group]))


class Talk:
    """A conversation that goes on with the model's own answers."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.said = answer, list[Said]()

    def ask(self, text: str, pictures: Sequence[Image.Image] = ()) -> str:
        self.said.append(Said("user", text, tuple(pictures)))
        reply = self.answer(self.said)
        self.said.append(Said("assistant", reply))
        return reply


def note(drawing: Drawing) -> str:
    return ", ".join(f"{t.color} {t.shape} {t.x:.2f} {t.y:.2f}" for t in drawing.things)


def draw_questions(
    rng: np.random.Generator, drawing: Drawing, count: int, which: str = ""
) -> list[Question]:
    """`count` questions about a drawing, the kinds in a random order."""
    asker = Asker(rng, drawing, which)
    questions: list[Question] = []
    while len(questions) < count:
        question = asker.ask(KINDS[rng.integers(len(KINDS))])
        if question is not None and question.text not in [q.text for q in questions]:
            questions.append(question)
    return questions


def conversations(
    answer: Answer, tally: Tally, count: int, seed: int, *, turns: int = 10,
    shown: Callable[[int, Drawing], Image.Image] = lambda _, drawing: drawing.picture,
) -> None:  # fmt: skip
    """Ten questions about each drawing; `shown` may show another picture than the one asked about."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        drawing, talk = draw(rng), Talk(answer)
        for turn, question in enumerate(draw_questions(rng, drawing, turns)):
            pictures = [shown(number, drawing)] if turn == 0 else []
            reply = talk.ask(question.text, pictures)
            groups = [question.kind, "all", f"turn {turn + 1}"] + (["later turns"] if turn else [])
            tally.add(groups, question.text, reply, question.accepts(reply), note(drawing))


def follow_ups(answer: Answer, tally: Tally, count: int, seed: int) -> None:
    """Pairs of questions of which the second says "it"."""
    done, number = 0, 0
    while done < count:
        rng = np.random.default_rng((seed, number))
        drawing, number = draw(rng), number + 1
        if (pair := follow_up(rng, drawing)) is None:
            continue
        talk, done = Talk(answer), done + 1
        talk.ask(pair[0].text, [drawing.picture])
        reply = talk.ask(pair[1].text)
        tally.add(["follow-up"], pair[1].text, reply, pair[1].accepts(reply), note(drawing))


def two_pictures(answer: Answer, tally: Tally, count: int, seed: int) -> None:
    """Two pictures, at once or one later: the newest counts unless the question names another."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        drawings, talk = (draw(rng), draw(rng)), Talk(answer)
        together = rng.random() < 0.5
        if not together:
            opening = draw_questions(rng, drawings[0], 1)[0]
            talk.ask(opening.text, [drawings[0].picture])
        new = [d.picture for d in (drawings if together else drawings[1:])]
        for index, which in ((1, ""), (0, "the first picture"), (1, "the second picture")):
            question = draw_questions(rng, drawings[index], 1, which)[0]
            reply = talk.ask(question.text, new)
            new = []
            tally.add(
                ["two pictures"],
                question.text,
                reply,
                question.accepts(reply),
                note(drawings[index]),
            )


def manners(answer: Answer, tally: Tally) -> None:
    """What it says without a picture, about itself and beyond its world."""
    rng = np.random.default_rng(7)
    for text, words in MANNERS:
        reply = Talk(answer).ask(text)
        tally.add(["manners"], text, reply, any(w in reply.lower() for w in words))
    for number in range(20):
        drawing = draw(np.random.default_rng((8, number)))
        question = draw_questions(rng, drawing, 1)[0]
        reply = Talk(answer).ask(question.text)
        tally.add(["no picture"], question.text, reply, "add a picture" in reply)
    for text in OUTSIDE:
        drawing = draw(rng)
        reply = Talk(answer).ask(text, [drawing.picture])
        tally.add(["beyond its world"], text, reply, "tiny model" in reply and "--model" in reply)


MANNERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Hello there!", ("hello",)), ("hi", ("hello",)), ("Good evening!", ("hello",)), ("Hey you", ("hello",)),
    ("Thanks a million!", ("welcome",)), ("thank you so much", ("welcome",)), ("Thanks!", ("welcome",)),
    ("Who are you exactly?", ("tiny",)), ("What are you?", ("tiny",)), ("Are you a big model?", ("tiny",)),
    ("What can you do?", ("describe",)), ("What are you able to do?", ("describe",)), ("What can't you do?", ("photos", "tiny")),
    ("How can I load a full LLaVA?", ("--model",)), ("Tell me who you are.", ("tiny",)), ("What is it that you can do?", ("describe",)),
)  # fmt: skip
OUTSIDE = (
    "What is the capital of Australia?", "Who wrote Hamlet?", "Is there a dog in the picture?", "What breed is the cat?",
    "Write me a poem about the sea.", "Will it rain tomorrow?", "How old is the woman?", "Translate this into Spanish.",
    "Solve 12 times 14.", "What does the sign say?", "Which car is this?", "Tell me a joke.", "Who is the president of Brazil?",
    "Why is the sky blue?", "Explain quantum computing.", "Is the man smiling?", "Do you have the time?", "Where can I buy shoes?",
    "How do I bake bread?", "What is the meaning of life?",
)  # fmt: skip
