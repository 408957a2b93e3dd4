"""The engine with a random LLaVA of 7 B parameters in bfloat16: for a machine with a GPU.

Beside transformers where an environment is there, and beside the speed at which the device's memory
can be read: a token reads every weight of the language model once.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks import checkpoint, pictures, work
from benchmarks.engine import OURS, TYPING, Answer, say
from benchmarks.figures import HEAD, Figure, table
from benchmarks.peers import environments
from benchmarks.peers.environments import TRANSFORMERS
from benchmarks.surroundings import machine
from benchmarks.workers import Command, Worker, WorkerError

SIZES = (8, 32)  # chats at once
TURNS = 8
COLD = 3

Answers = dict[tuple[str, str], list[Answer]]

ABOUT = f"""\
Written by `python -m benchmarks large --peers DIR --write docs/benchmarks-large.md`: a random LLaVA
of LLaVA-1.5-7B's sizes (`benchmarks/checkpoint.py`; bfloat16, 576 visual tokens, 618 tokens a first
question), the same file for all, by turns. Answers: greedy, {work.LONG_ANSWER} tokens. What it says
means nothing; how long it takes is what a trained one takes. transformers: its `generate`, SDPA
attention, chats as one batch. Bare: mlx-lm's `generate_step` in our engine's process.
"""


def measure(
    folder: Path,
    peers: Path | None,
    rounds: int = 3,
    device: str = "",
    *,
    tiny: bool = False,
    sizes: Sequence[int] = SIZES,
) -> str:
    """A document in Markdown. The checkpoint (14 GB) and pictures are written to `folder`.

    `device` names the GPU; a `tiny` model tries the measurement itself.
    """
    place = folder / "large"
    if not (place / "config.json").exists():
        begun = time.monotonic()
        (checkpoint.write if tiny else checkpoint.write_large)(place)
        say(f"written in {time.monotonic() - begun:.0f} s")
    commands = {OURS: Command(Path(sys.executable), "benchmarks.ours", (str(place),))}
    if peers and (command := environments.command(TRANSFORMERS, peers, place)):
        commands[TRANSFORMERS.name] = command
    answers: Answers = {}
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        workers = {}
        for name, command in commands.items():
            workers[name] = worker = Worker(name, command)
            stack.callback(worker.close)
            begun = time.monotonic()
            versions |= worker.ask("start")["versions"]
            answers[name, "start"] = [{"seconds": time.monotonic() - begun}]
            say(f"{name} is ready")
        numbers = count(1)
        for round_number in range(rounds + 1):  # the first warms everybody up
            for name, worker in workers.items():
                for do, request in _requests(name, sizes, partial(_pictures, folder, numbers)):
                    answer = _ask(worker, do, request)
                    if answer and round_number:
                        answers.setdefault((name, _key(do, request)), []).append(answer)
            say(f"round {round_number} of {rounds}")
    known = ", ".join(f"{package} {version}" for package, version in versions.items())
    rows = [figure.row()[:-1] for figure in _figures(answers, sizes)]
    where = f"Machine: {machine()}{f', {device}' if device else ''}.\n{known}."
    return (
        "\n\n".join(
            ["# How fast a model of 7 B is on a GPU", ABOUT.strip(), where, table(HEAD[:-1], rows)]
        )
        + "\n"
    )


def _requests(
    name: str, sizes: Sequence[int], take: "partial[list[str]]"
) -> Iterator[tuple[str, Answer]]:
    """What a program is asked to do in a round."""
    yield "cold", {"pictures": take(COLD)}
    yield "first", {"picture": take(1)[0], "number": 0}
    if name == OURS:
        yield "bare", {}
        yield "reading", {}
        yield "ahead", {"picture": take(1)[0], "number": 0, "seconds": TYPING}
    yield "talk", {"picture": take(1)[0], "turns": TURNS if name == OURS else 2}
    for size in sizes:
        yield "chats", {"count": size}
        yield "chats_with_pictures", {"pictures": take(size)}


def _key(do: str, request: Answer) -> str:
    size = request.get("count") or len(request.get("pictures", ()))
    return f"{do} {size}" if do.startswith("chats") else do


def _ask(worker: Worker, do: str, request: Answer) -> Answer | None:
    try:
        return worker.ask(do, **request)
    except WorkerError as error:
        say(f"{worker.name}: {do}: {error}")
        return None


def _figures(answers: Answers, sizes: Sequence[int]) -> Iterator[Figure]:
    def runs(name: str, do: str, key: str, times: float = 1) -> list[float]:
        return [times * answer[key] for answer in answers.get((name, do), [])]

    def shown(what: str, unit: str, found: Sequence[float]) -> Iterator[Figure]:
        if found:
            yield Figure(what, unit, tuple(found))

    for name in (OURS, TRANSFORMERS.name):
        talks = answers.get((name, "talk"), [])
        follow = [1000 * median(answer["firsts"][1:]) for answer in talks]
        yield from shown(f"{name}: load", "s", runs(name, "start", "seconds"))
        yield from shown(f"{name}: first token, cold", "ms", runs(name, "cold", "first", 1000))
        dropped = runs(name, "ahead", "first", 1000)
        yield from shown(f"{name}: picture dropped {TYPING:.0f} s before", "ms", dropped)
        yield from shown(f"{name}: follow-up", "ms", follow)
        yield from shown(f"{name}: decode, one chat", "tokens/s", runs(name, "first", "speed"))
        for size in sizes:
            speeds = runs(name, f"chats {size}", "speed")
            yield from shown(f"{name}: decode, {size} chats", "tokens/s", speeds)
            both = runs(name, f"chats_with_pictures {size}", "speed")
            yield from shown(f"{name}: {size} chats with pictures", "tokens/s", both)
    yield from shown("bare mlx-lm: decode, one chat", "tokens/s", runs(OURS, "bare", "speed"))
    readings = answers.get((OURS, "reading"), [])
    copied = [answer["bandwidth"] / 1e9 for answer in readings]
    yield from shown("memory, read and written by a copy", "GB/s", copied)
    for name, do in ((OURS, "first"), ("bare mlx-lm", "bare")):
        speeds = runs(OURS, do, "speed")
        shares = [s * a["bytes"] / a["bandwidth"] for s, a in zip(speeds, readings, strict=False)]
        yield from shown(f"{name}: decode's reading of weights / that", "x", shares)


def _pictures(folder: Path, numbers: Iterator[int], often: int) -> list[str]:
    return [str(pictures.write(folder, next(numbers))) for _ in range(often)]
