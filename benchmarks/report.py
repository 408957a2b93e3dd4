"""What a run of the engine's measurements is written as: Markdown, and JSON with every run."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import comparison, work
from benchmarks.engine import Measured
from benchmarks.figures import HEAD, table
from benchmarks.surroundings import machine

ABOUT = f"""\
Written by `python -m benchmarks engine --peers DIR --write docs/benchmarks.md`. One run, all
programs loaded, one working at a time, by turns; a ratio is that of two programs in the same round.

The model is a random LLaVA of 0.136 B parameters (`benchmarks/checkpoint.py`: CLIP tower of 4
layers, 256 visual tokens, Llama of 8 layers, 768 wide, vocabulary of 32,000; float32, the same file
for all but llama.cpp, for which it is converted). What it says means nothing; how long it takes is
what a trained one of its size takes. Prompt: LLaVA-1.5's, 298 tokens with the picture. Answers:
greedy, {work.LONG_ANSWER} tokens ({work.ANSWER} in conversations), none ends before. Everybody gets
the picture as a PNG of 480 x 360, and {work.THREADS} threads. First token: from sending the
question to the first piece of text, preprocessing included.
"""

NOTES = """\
- mlx-vlm: its `stream_generate`; with transformers 5.16, for it reads no LLaVA with 5.18 or later.
- transformers: its `generate` with SDPA attention, 8 chats as one batch padded on the left.
- llama.cpp: through xllamacpp's wheel, which is built without AVX-512; 8 slots, prompt cache on in
  conversations. It puts the tower's class token last, so that its pictures differ a little.
- bare mlx-lm: `generate_step` and `BatchGenerator` on the same decoder with our OpenBLAS, a prompt
  of 298 words (49 for each of 8) and no picture: what an engine on MLX can reach.
- 8 chats decode: tokens a second while all eight write. With pictures: from sending all to the end.
"""


def markdown(measured: Measured, page: str = "") -> str:
    """The whole document."""
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
        "## Where our time goes",
        comparison.where(measured),
        _missing(measured),
        page,
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def write_json(file: Path, measured: Measured) -> None:
    content: dict[str, Any] = {
        "machine": machine(),
        "versions": measured.versions,
        "missing": measured.missing,
        "others": measured.others,
        "figures": [figure.to_json() for figure in comparison.figures(measured)],
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
        loud = sum(share > 0.1 for share in measured.others)
        lines.append(
            f"Others took {100 * median(measured.others):.0f} % of the cores meanwhile "
            f"(median; more than 10 % during {loud} of {len(measured.others)} measurements)."
        )
    return "\n".join(lines)


def _missing(measured: Measured) -> str:
    if not measured.missing:
        return ""
    rows = [f"- {name}: {why}." for name, why in measured.missing.items()]
    return "## Not measured\n\n" + "\n".join(rows)
