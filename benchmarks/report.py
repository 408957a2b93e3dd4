"""What a run of the engine's measurements is written as: Markdown, and JSON with every run."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import comparison, work
from benchmarks.engine import LOUD, Measured
from benchmarks.figures import HEAD, Figure, table
from benchmarks.surroundings import machine

ABOUT = f"""\
Written by `python -m benchmarks engine --page --peers DIR --write docs/benchmarks.md`. One run, all
programs loaded, one working at a time, by turns; a ratio is that of two programs in the same round.

The model is a random LLaVA of 0.136 B parameters (`benchmarks/checkpoint.py`: CLIP tower of 4
layers, 256 visual tokens, Llama of 8 layers, 768 wide, vocabulary of 32,000; float32, the same file
for all but llama.cpp, for which it is converted). What it says means nothing; how long it takes is
what a trained one of its size takes. Prompt: LLaVA-1.5's, 298 tokens with the picture. Answers:
greedy, {work.LONG_ANSWER} tokens ({work.ANSWER} in conversations), none ends before. Everybody gets
the picture as a PNG of 480 x 360, and {work.THREADS} threads. First token: from sending the
question to the first piece of text, preprocessing included.
"""

NOTES = f"""\
- mlx-vlm: its `stream_generate`; with transformers 5.16, for it reads no LLaVA with 5.18 or later.
- transformers: its `generate` with SDPA attention, 8 chats as one batch padded on the left.
- llama.cpp: through xllamacpp's wheel, which is built without AVX-512; 8 slots, prompt cache on in
  conversations. It puts the tower's class token last, so that its pictures differ a little.
- bare mlx-lm: `generate_step` and `BatchGenerator` on the same decoder with our OpenBLAS, a prompt
  of {work.PROMPT} words ({work.TEXT_PROMPT} for each of 8), no picture: what MLX's products can
  reach. Case (f) takes it in our engine's own process, with the same weights in memory: where they
  lie is worth a tenth, and differs from process to process.
- 8 chats decode: tokens a second while all eight write. With pictures: from sending all to the end.
"""

SAME = """\
Random weights decide narrowly: where transformers' answer parts from ours, behind 47 tokens, the
two likeliest are 0.0002 apart (median of the 64: 0.125), which is rounding. llama.cpp sees another
picture from the first token on (its class token stands last).
"""

FLOORS = """\
How near that is to the floor: the products of the same layers, called alone as our engine calls
them. Beside them stand elementwise functions and softmax, on one core, norms, and copies.
"""

PAGE = """\
Just before, by what `python -m benchmarks page` does: the program as a process, its page in
Chromium on the same cores, times by the page's own clock from Enter to the text in the page.
"""


def markdown(measured: Measured, page: Sequence[Figure] = ()) -> str:
    """The whole document; `page` is what was measured at the program and its page."""
    parts = [
        "# How fast it is, beside others",
        ABOUT,
        _conditions(measured),
        "## Bars",
        table(HEAD, [figure.row() for figure in comparison.figures(measured)]),
        "## Medians of each program",
        comparison.by_program(measured),
        NOTES,
        "## The same work",
        "Everybody's answer to the same question about the same picture, token by token:",
        comparison.agreement(measured),
        SAME,
        "## Where our time goes",
        comparison.where(measured),
        FLOORS,
        comparison.floors(measured),
        _missing(measured),
        _page(page),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def write_json(file: Path, measured: Measured, page: Sequence[Figure] = ()) -> None:
    content: dict[str, Any] = {
        "machine": machine(),
        "versions": measured.versions,
        "missing": measured.missing,
        "others": measured.others,
        "figures": [figure.to_json() for figure in (*comparison.figures(measured), *page)],
        "answers": {f"{who}: {do}": runs for (who, do), runs in measured.answers.items()},
    }
    file.write_text(json.dumps(content, indent=1) + "\n")


def _conditions(measured: Measured) -> str:
    known: dict[str, str] = {}
    for versions in measured.versions.values():
        for name, version in versions.items():
            if version not in known.get(name, "").split(" and "):
                known[name] = f"{known[name]} and {version}" if name in known else version
    lines = [f"Machine: {machine()}.", f"{', '.join(f'{n} {v}' for n, v in known.items())}."]
    if measured.others:
        loud, limit = sum(share > LOUD for share in measured.others), f"{100 * LOUD:.0f} %"
        lines.append(
            f"Others took {100 * median(measured.others):.0f} % of the cores meanwhile "
            f"(median; more than {limit} during {loud} of {len(measured.others)} measurements)."
        )
    if os.nice(0) < 0:
        lines.append(f"All of it ran before other processes (nice {os.nice(0)}).")
    return "\n".join(lines)


def _page(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    rows = table(HEAD, [figure.row() for figure in figures])
    return f"## The program and its page, with the bundled model\n\n{PAGE}\n{rows}"


def _missing(measured: Measured) -> str:
    if not measured.missing:
        return ""
    rows = [f"- {name}: {why}." for name, why in measured.missing.items()]
    return "## Not measured\n\n" + "\n".join(rows)
