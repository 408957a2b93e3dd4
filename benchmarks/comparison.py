"""From what programs answered to tables: each case's ratio, round by round, against its bar."""

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks import work
from benchmarks.engine import BARE, COPIES, OURS, PARTS, Answer, Measured
from benchmarks.figures import Bar, Figure, number, table
from benchmarks.peers.environments import LLAMA_F32, PEERS, TRANSFORMERS, VLM, VLM_OPENBLAS, Peer

Runs = Sequence[float | None]
Case = tuple[str, Runs, Bar | None]

_EIGHT = "decode step, 8 chats"
_TOKENS = work.CHATS * work.LONG_ANSWER  # of all answers together


def figures(measured: Measured) -> list[Figure]:
    """The cases (a) to (h) and (j) that could be measured."""
    cases = [*_first_tokens(measured), *_speeds(measured)]
    return [Figure(name, "x", known, bar) for name, runs, bar in cases if (known := _known(runs))]


def _first_tokens(measured: Measured) -> list[Case]:
    runs, each = measured.runs, measured.each
    first = runs(OURS, "cold", "first")
    follow = each(OURS, "talk", _follow)

    def beside(peer: Peer) -> Runs:
        return _ratio(first, runs(peer.name, "cold", "first"))

    second, alone = runs(OURS, "second", "first"), runs(OURS, "second", "alone")
    llama = each(LLAMA_F32.name, "talk", _follow)
    return [
        ("(a) cold first token / mlx-vlm as installed", beside(VLM), Bar("<=", 0.05)),
        ("(a) / mlx-vlm with OpenBLAS", beside(VLM_OPENBLAS), Bar("<=", 0.8)),
        ("(a) / llama.cpp f32", beside(LLAMA_F32), Bar("<=", 0.6)),
        ("(a) / transformers", beside(TRANSFORMERS), Bar("<=", 1)),
        (
            "(b) picture dropped 2 s before / (a)",
            _ratio(runs(OURS, "ahead", "first"), first),
            Bar("<=", 0.15),
        ),
        ("(c) follow-up, turns 2 to 20 / (a)", _ratio(follow, first), Bar("<=", 0.12)),
        ("(c) / llama.cpp f32", _ratio(follow, llama), Bar("<=", 1)),
        ("(c) turns 18 to 20 / turns 2 to 4", each(OURS, "talk", _flat), Bar("<=", 1.3)),
        (
            "(d) back to an earlier chat / (a)",
            _ratio(runs(OURS, "back", "first"), first),
            Bar("<=", 0.12),
        ),
        ("(e) second picture in turn 3 / a picture alone", _ratio(second, alone), Bar("<=", 1.1)),
    ]


def _speeds(measured: Measured) -> list[Case]:
    runs = measured.runs
    one = runs(OURS, "first", "speed")
    both = [runs(peer.name, "chats_with_pictures", "speed") for peer in (LLAMA_F32, TRANSFORMERS)]
    pictures = _ratio(runs(OURS, "chats_with_pictures", "speed"), _best(*both))

    def beside(program: str) -> Runs:
        return _ratio(one, runs(program, "first", "speed"))

    copied, plain = runs(COPIES, "copy", "speed"), runs(COPIES, "copy", "plain")
    engine, bare = runs(PARTS, "cost", "engine"), runs(PARTS, "cost", "bare")
    return [
        (
            "(f) decode, one chat / bare mlx-lm",
            _ratio(one, runs(OURS, "bare", "speed")),
            Bar(">=", 0.97),
        ),
        ("(f) / transformers", beside(TRANSFORMERS.name), Bar(">=", 1.2)),
        ("(f) / llama.cpp f32, an aim", beside(LLAMA_F32.name), Bar(">=", 0.8)),
        (
            "(g) decode, 8 chats / one chat",
            _ratio(runs(OURS, "chats", "speed"), one),
            Bar(">=", 4),
        ),
        ("(g) 8 with pictures / best of llama.cpp f32, transformers", pictures, Bar(">=", 1.1)),
        ("(h) copied text, prompt lookup / without", _ratio(copied, plain), Bar(">=", 1.5)),
        ("(j) engine's own share of a step, 8 chats", _share(engine, bare), Bar("<=", 0.03)),
        *(
            (
                f"(k) prompt of {tokens} tokens, 4 bits a weight / float32",
                _ratio(
                    runs(PARTS, "packed", f"packed {tokens}"),
                    runs(PARTS, "packed", f"plain {tokens}"),
                ),
                Bar("<=", 1.3),
            )
            for tokens in (work.PROMPT, work.LONG_PROMPT)
        ),
    ]


def by_program(measured: Measured) -> str:
    """Medians of every program."""
    head = (
        "program",
        "first token, ms",
        "second question, ms",
        "decode, tokens/s",
        "8 chats decode, tokens/s",
        "8 chats with pictures, tokens/s",
    )
    rows = []
    for program in (OURS, *(peer.name for peer in PEERS), BARE):
        cells = (
            _median(measured.runs(program, "cold", "first"), 1000),
            _median(measured.each(program, "talk", lambda answer: answer["firsts"][1]), 1000),
            _median(measured.runs(program, "first", "speed")),
            _median(measured.runs(program, "chats", "speed")),
            _median(measured.runs(program, "chats_with_pictures", "speed")),
        )
        rows.append((program, *cells))
    return table(head, rows)


def where(measured: Measured) -> str:
    """Where our time goes: milliseconds, medians."""
    rows = []
    for do, title in (
        ("first", "first token"),
        ("follow", "second question"),
        ("step", "decode step, one chat"),
        ("cost", _EIGHT),
    ):
        answers = [one for one in measured.answers.get((PARTS, do), []) if one is not None]
        for name in answers[0] if answers else ():
            rows.append((title, name, number(median(one[name] for one in answers))))
    return table(("of", "what", "ms"), rows)


def floors(measured: Measured) -> str:
    """What the products alone take, which no engine on this BLAS does without, beside all of it."""

    def part(do: str, *names: str) -> Runs:
        return measured.each(PARTS, do, lambda answer: sum(answer[name] for name in names))

    def ours(do: str, take: Callable[[Answer], float]) -> Runs:
        return measured.each(OURS, do, take)

    first = part("first", "the tower's products alone", "the prefill's products alone")
    eight = _added(first, part("cost", "its products alone"))
    cases: list[tuple[str, Runs, Runs]] = [
        ("(a) cold first token", first, ours("cold", lambda one: 1000 * one["first"])),
        (
            "(c) follow-up",
            part("follow", "its products alone"),
            ours("talk", lambda one: 1000 * _follow(one)),
        ),
        (
            "(f) a token, one chat",
            part("step", "products of the layers", "product with the vocabulary"),
            ours("first", lambda one: 1000 / one["speed"]),
        ),
        (
            "(g) 8 with pictures, until all have all",
            eight,
            ours("chats_with_pictures", lambda one: 1000 * _TOKENS / one["speed"]),
        ),
    ]
    rows = []
    for name, floor, taken in cases:
        if _known(floor) and _known(taken):
            share = _known(_ratio(taken, floor))
            rows.append((name, _median(floor), _median(taken), number(median(share))))
    return table(("case", "products alone, ms", "ours, ms", "ours / products"), rows)


def agreement(measured: Measured) -> str:
    """How many words everybody's answer to one question has in common with ours."""
    ours = measured.texts.get(OURS, "").split()
    rows = [
        (program, f"{_same(ours, text.split())} of {len(ours)}")
        for program, text in measured.texts.items()
        if text and program != OURS
    ]
    return table(("program", "tokens that are ours"), rows)


def _same(ours: Sequence[str], theirs: Sequence[str]) -> int:
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((place for place, (one, other) in pairs if one != other), len(ours))


def _follow(answer: Answer) -> float:
    """The median time to the first token of the turns after the first."""
    return median(answer["firsts"][1:])


def _flat(answer: Answer) -> float:
    """Late turns beside early ones; three each, for one alone is noise."""
    firsts = answer["firsts"]
    return median(firsts[-3:]) / median(firsts[1:4])


def _ratio(ours: Runs, theirs: Runs) -> Runs:
    pairs = zip(ours, theirs, strict=True)
    return [None if one is None or other is None else one / other for one, other in pairs]


def _added(first: Runs, step: Runs) -> Runs:
    """Eight prompts, then the steps of eight answers, in milliseconds."""
    pairs = zip(first, step, strict=True)
    return [
        None if one is None or other is None else work.CHATS * one + work.LONG_ANSWER * other
        for one, other in pairs
    ]


def _share(whole: Runs, part: Runs) -> Runs:
    return [None if ratio is None else 1 - ratio for ratio in _ratio(part, whole)]


def _best(*peers: Runs) -> Runs:
    rounds = [[value for value in runs if value is not None] for runs in zip(*peers, strict=True)]
    return [max(values) if values else None for values in rounds]


def _known(runs: Runs) -> tuple[float, ...]:
    return tuple(value for value in runs if value is not None)


def _median(runs: Runs, times: float = 1.0) -> str:
    known = _known(runs)
    return number(times * median(known)) if known else ""
