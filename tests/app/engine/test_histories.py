"""Random histories of conversations: every answer is that of a cold run alone, whatever was before.

Turns are added, edited, regenerated and branched, answers stopped in the middle, pictures added
and taken away, by two people at once, over a prefix cache that is too small for all.
"""

import random
from dataclasses import dataclass, field, replace

import pytest

from app.engine.loading import bytes_per_token, serve
from app.engine.outbox import Outbox
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.messages import ChatRequest, Message, Sampling
from tests.app.engine.model_thread import Cold, finished, picture, text, write_speaker

pytestmark = pytest.mark.anyio

PICTURES = [picture(seed) for seed in range(4)]
WORDS = ("what is this", "here", "and there", "the rest of it", "who are you", "tell me more")
SAMPLINGS = (Sampling(0.0), Sampling(0.0), Sampling(1.2, seed=3))


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Cold:
    return Cold(write_speaker(tmp_path_factory.mktemp("histories")))


@dataclass
class People:
    """Their conversations, changed at random; each is a list of messages that ends with theirs."""

    chance: random.Random
    chats: dict[str, list[list[Message]]] = field(
        default_factory=lambda: {"ann": [[]], "bob": [[]]}
    )

    def ask(self, cold: Cold) -> ChatRequest:
        """Somebody's next question, in a new or changed conversation."""
        owner = self.chance.choice(("ann", "bob"))
        chats = self.chats[owner]
        chat = [*self.chance.choice(chats)]
        if chat and self.chance.random() < 0.4:  # edit, or branch off, at an earlier question
            chat = chat[: 2 * self.chance.randrange(len(chat) // 2 + 1)]
        if chat and self.chance.random() < 0.15:  # a picture is taken away
            chat = [Message(m.role, m.text) for m in chat]
        chat.append(self._question())
        sampling = replace(self.chance.choice(SAMPLINGS), max_tokens=self.chance.randint(1, 9))
        request = ChatRequest(tuple(chat), sampling, owner=owner)
        if len(cold.prompt(request)[0]) > 460:
            chats[:] = [[]]
            return self.ask(cold)
        chats.append([*chat, Message("assistant", cold.answer(request)[0])])
        return request

    def _question(self) -> Message:
        words = self.chance.choices(WORDS, k=self.chance.randint(1, 3))
        pictures = self.chance.choices(PICTURES, k=self.chance.choice((0, 0, 0, 1, 1, 2)))
        return Message("user", " ".join(words), tuple(pictures))


@pytest.mark.parametrize("seed", range(2))
async def test_every_answer_is_that_of_a_cold_run_alone(cold: Cold, seed: int) -> None:
    chance = random.Random(seed)
    people = People(chance)
    served = serve(cold.llava)
    scheduler = Scheduler(cold.llava, served.scheduler.caches, chunk=24)
    scheduler.caches.prefixes.most_bytes = 700 * bytes_per_token(cold.llava)
    scheduler.caches.features.most_bytes = 2 * 9 * 48 * 4
    asked: list[tuple[ChatRequest, Sequence]] = []
    for _ in range(60):
        request = people.ask(cold)
        sequence = served.preparation.prepare(request, Outbox())
        scheduler.add(sequence)
        asked.append((request, sequence))
        for _ in range(chance.randint(0, 12)):
            scheduler.step()
        if chance.random() < 0.2:
            chance.choice(asked)[1].cancel()
    while scheduler.busy:
        scheduler.step()
    assert scheduler.caches.prefixes.hits > 20
    answered = [(request, sequence) for request, sequence in asked if sequence.finished]
    assert len(answered) > 40
    for request, sequence in answered:
        events = [event async for event in sequence.outbox.events()]
        said = (text(events), finished(events).usage.completion_tokens)
        assert said == cold.answer(request)
