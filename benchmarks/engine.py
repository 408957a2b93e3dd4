"""The engine beside other programs: the same work for all, by turns, in one run.

What is compared are ratios of two programs in the same round, seconds apart: a machine that is
slower for a while is so for both.
"""

import itertools
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import checkpoint, pictures, work
from benchmarks.peers import environments
from benchmarks.peers.environments import LLAMA_F32, PEERS, VLM, Peer
from benchmarks.quiet import Watch
from benchmarks.workers import Command, Worker, WorkerError

OURS = "LLaVA Chat"
BARE = "bare mlx-lm"
COPIES = "LLaVA Chat, copying"
PARTS = "parts"

TYPING = 2.0  # seconds between a picture and Send
LOUD = 0.15  # share of the cores that others may take; what was louder is done again
TRIES = 3
COLD = 3  # first tokens in a round, of which the median counts

Answer = dict[str, Any]


@dataclass(slots=True)
class Measured:
    """All answers, by program and what it was asked to do: one a round, None where it was not."""

    rounds: int
    answers: dict[tuple[str, str], list[Answer | None]] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)  # programs that didn't run, and why
    texts: dict[str, str] = field(default_factory=dict)  # everybody's answer to one question
    others: list[float] = field(default_factory=list)  # share of the cores, for each answer

    def put(self, program: str, do: str, number: int, answer: Answer) -> None:
        runs = self.answers.setdefault((program, do), [None] * self.rounds)
        runs[number] = answer

    def runs(self, program: str, do: str, key: str) -> list[float | None]:
        """A value of each round's answer."""
        found = self.answers.get((program, do), [None] * self.rounds)
        return [None if answer is None else float(answer[key]) for answer in found]

    def each(self, program: str, do: str, take: Callable[[Answer], float]) -> list[float | None]:
        """What `take` makes of each round's answer."""
        found = self.answers.get((program, do), [None] * self.rounds)
        return [None if answer is None else take(answer) for answer in found]


@dataclass(slots=True)
class Bench:
    """Programs that run, and what they have answered."""

    folder: Path
    rounds: int
    deadline: float
    measured: Measured
    workers: dict[str, Worker] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    failed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def picture(self) -> str:
        """One that nobody has seen."""
        return str(pictures.write(self.folder, next(self.numbers)))

    def ask(
        self,
        program: str,
        do: str,
        number: int,
        request: Callable[[], Answer],
        tries: int = TRIES,
    ) -> None:
        """Let a program do something, again while others are loud; keep the quietest."""
        worker = self.workers.get(program)
        if worker is None or do in self.failed[program]:
            return
        quietest: tuple[float, Answer] | None = None
        for _ in range(tries):
            watch = Watch(one.process_id for one in self.workers.values())
            try:
                answer = worker.ask(do, **request())
            except WorkerError as error:
                self._give_up(program, do, error)
                return
            others = watch.others() or 0.0
            if quietest is None or others < quietest[0]:
                quietest = others, answer
            if others < LOUD or time.monotonic() > self.deadline:
                break
        if quietest is not None:
            self.measured.others.append(quietest[0])
            self.measured.put(program, do, number, quietest[1])

    def _give_up(self, program: str, do: str, error: WorkerError) -> None:
        self.failed[program].add(do)
        self.measured.missing[f"{program}: {do}"] = str(error)


def measure(folder: Path, peers: Path | None, rounds: int = 4, minutes: float = 9) -> Measured:
    """Measure in `rounds`. Checkpoints and pictures are written to `folder`, where they stay.

    `peers` is the folder of their environments. After `minutes` nothing is done again because of
    noise, and no further round begins.
    """
    begun = time.monotonic()
    deadline = begun + 60 * minutes
    files = {copies: _checkpoint(folder, copies) for copies in (False, True)}
    measured = Measured(rounds)
    with ExitStack() as stack:
        bench = Bench(folder, rounds, deadline, measured)
        for name, command in _commands(files, peers, measured).items():
            bench.workers[name] = Worker(name, command)
            stack.callback(bench.workers[name].close)
        _warm(bench)
        longest = 0.0
        for number in range(rounds):
            at = time.monotonic()
            if at + longest > deadline:
                break
            _round(bench, number)
            longest = max(longest, time.monotonic() - at)
            say(f"round {number + 1} of {rounds}: {time.monotonic() - begun:.0f} s")
    return measured


def _checkpoint(folder: Path, copies: bool) -> Path:
    place = folder / ("copying" if copies else "random")
    if not (place / "config.json").exists():
        say(f"writing {place.name} model")
        checkpoint.write(place, copies=copies)
    return place


def _commands(
    files: dict[bool, Path], peers: Path | None, measured: Measured
) -> dict[str, Command]:
    own = Path(sys.executable)
    plain, copying = str(files[False]), str(files[True])
    commands = {
        OURS: Command(own, "benchmarks.ours", (plain,)),
        COPIES: Command(own, "benchmarks.ours", (copying,)),
        BARE: Command(own, "benchmarks.peers.mlx_lm", (plain,)),
        PARTS: Command(own, "benchmarks.parts", (plain,)),
    }
    for peer in PEERS:
        command = environments.command(peer, peers, files[False]) if peers else None
        if command is None:
            measured.missing[peer.name] = "it is not installed (python -m benchmarks peers)"
        else:
            commands[peer.name] = command
    return commands


def _warm(bench: Bench) -> None:
    """Load everybody, let all answer the same question once, and let go who can't."""
    picture = bench.picture()
    for name, worker in list(bench.workers.items()):
        try:
            bench.measured.versions[name] = worker.ask("start")["versions"]
            if name in (COPIES, PARTS):
                continue
            told = worker.ask("first", **({} if name == BARE else _question(picture)))
            bench.measured.texts[name] = told.get("text", "")
        except WorkerError as error:
            bench.measured.missing[name] = str(error)
            del bench.workers[name]
            worker.close()
        say(f"{name} is ready")


def _round(bench: Bench, number: int) -> None:
    """Everything once, by all programs; who begins changes from round to round."""
    programs = [OURS, *(peer.name for peer in _peers(number))]
    programs = programs[number % len(programs) :] + programs[: number % len(programs)]
    for program in programs:
        often = 1 if program == VLM.name else COLD
        bench.ask(program, "cold", number, partial(_pictures, bench, often))
        bench.ask(program, "first", number, lambda: _question(bench.picture()))
        if program == OURS:
            bench.ask(OURS, "bare", number, dict)
        if program == VLM.name:
            continue  # that its second question takes as long as with OpenBLAS is told there
        # Who reads everything anew at each turn isn't asked to do so twenty times.
        turns = work.TURNS if program in (OURS, LLAMA_F32.name) else 2
        bench.ask(program, "talk", number, partial(_talk, bench, turns))
    bench.ask(BARE, "first", number, dict)
    for program in (*programs, BARE):
        bench.ask(program, "chats", number, lambda: {"count": work.CHATS})
    for program in programs:
        bench.ask(program, "chats_with_pictures", number, partial(_pictures, bench, work.CHATS))
    _only_ours(bench, number)


def _only_ours(bench: Bench, number: int) -> None:
    # Others may have the cores while one types.
    dropped = {"number": 0, "seconds": TYPING}
    bench.ask(OURS, "ahead", number, lambda: {"picture": bench.picture()} | dropped, tries=1)
    bench.ask(OURS, "back", number, partial(_pictures, bench, 3))
    bench.ask(OURS, "second", number, partial(_pictures, bench, 2 * COLD))
    bench.ask(COPIES, "copy", number, dict)
    bench.ask(PARTS, "cost", number, lambda: {"count": work.CHATS})
    bench.ask(PARTS, "first", number, lambda: {"picture": bench.picture()})
    bench.ask(PARTS, "follow", number, dict)
    bench.ask(PARTS, "step", number, dict)
    lengths = [work.PROMPT, work.LONG_PROMPT]
    bench.ask(PARTS, "packed", number, lambda: {"bits": 4, "lengths": lengths})


def _peers(number: int) -> Sequence[Peer]:
    """mlx-vlm as installed takes ten seconds to a first word: the first two rounds tell enough."""
    return [peer for peer in PEERS if peer != VLM or number < 2]


def _question(picture: str) -> Answer:
    return {"picture": picture, "number": 0}


def _talk(bench: Bench, turns: int) -> Answer:
    return {"picture": bench.picture(), "turns": turns}


def _pictures(bench: Bench, count: int) -> Answer:
    return {"pictures": [bench.picture() for _ in range(count)]}


def say(line: str) -> None:
    """Tell whoever waits how far it is."""
    print(line, file=sys.stderr, flush=True)
