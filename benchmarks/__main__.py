"""`python -m benchmarks page`: measurements, printed as a table with versions, runs and spread."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import page
from benchmarks.figures import HEAD, Figure, table
from benchmarks.surroundings import load, machine, versions

PROGRAM = ("mlx", "mlx-lm", "scipy-openblas32", "gradio", "playwright")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the program. Nothing else should run beside it.",
    )
    commands = root.add_subparsers(dest="command", required=True)
    about = "the program and its page in Chromium, with the bundled model"
    one = commands.add_parser("page", help=about, description=f"Measure {about}.")
    one.add_argument("--starts", type=int, default=3, help="of the program (default: 3)")
    one.add_argument("--chats", type=int, default=8, help="of each kind (default: 8)")
    one.add_argument("--turns", type=int, default=50, help="of the long chat (default: 50)")
    one.add_argument("--json", type=Path, metavar="FILE", help="write all runs there")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    before = load()
    figures = page.measure(options.starts, options.chats, options.turns)
    known = versions(PROGRAM)
    print(f"{machine()}; {', '.join(f'{name} {number}' for name, number in known.items())}")
    print(f"Processes that wanted a core before it began: {before:.2f}\n")
    print(table(HEAD, [figure.row() for figure in figures]))
    if options.json:
        _write(options.json, figures, known, before)
    return 0


def _write(file: Path, figures: Sequence[Figure], known: dict[str, str], before: float) -> None:
    content = {
        "machine": machine(),
        "load_before": before,
        "versions": known,
        "figures": [figure.to_json() for figure in figures],
    }
    file.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
