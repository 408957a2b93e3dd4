"""`python -m benchmarks page | engine | large | peers`: measurements, printed as tables.

With versions, number of runs, medians and spread, and the bars they are held against.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import engine, large, page, report
from benchmarks.figures import HEAD, Figure, table
from benchmarks.peers import environments
from benchmarks.surroundings import load, machine, versions

PROGRAM = ("mlx", "mlx-lm", "scipy-openblas32", "gradio", "playwright")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the program. Nothing else should run beside it.",
    )
    commands = root.add_subparsers(dest="command", required=True)
    _add_page(commands)
    _add_engine(commands)
    _add_large(commands)
    about = "make the environments of the programs that the engine is compared with"
    peers = commands.add_parser("peers", help=about, description=f"{about.capitalize()}.")
    peers.add_argument("--install", type=Path, metavar="DIR", required=True, help="where")
    return root


def _add_page(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "the program and its page in Chromium, with the bundled model"
    one = commands.add_parser("page", help=about, description=f"Measure {about}.")
    one.add_argument("--starts", type=int, default=3, help="of the program (default: 3)")
    one.add_argument("--chats", type=int, default=8, help="of each kind (default: 8)")
    one.add_argument("--turns", type=int, default=50, help="of the long chat (default: 50)")
    one.add_argument("--json", type=Path, metavar="FILE", help="write all runs there")


def _add_engine(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "the engine with a random LLaVA of 0.13 B, beside other programs"
    one = commands.add_parser("engine", help=about, description=f"Measure {about}.")
    one.add_argument("--peers", type=Path, metavar="DIR", help="made by `peers --install DIR`")
    one.add_argument("--rounds", type=int, default=4, help="at most (default: 4)")
    one.add_argument(
        "--minutes", type=float, default=9, help="after which no round begins (default: 9)"
    )
    one.add_argument("--page", action="store_true", help="measure the page before, as `page` does")
    one.add_argument("--folder", type=Path, metavar="DIR", help="keep the random models there")
    one.add_argument("--write", type=Path, metavar="FILE", help="write the document there")
    one.add_argument("--json", type=Path, metavar="FILE", help="write all runs there")


def _add_large(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "the engine with a random LLaVA of 7 B in bfloat16, for a machine with a GPU"
    one = commands.add_parser("large", help=about, description=f"Measure {about}.")
    one.add_argument("--peers", type=Path, metavar="DIR", help="made by `peers --install DIR`")
    one.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    one.add_argument("--device", default="", help="the GPU's name, for the document")
    one.add_argument("--folder", type=Path, metavar="DIR", help="keep the model there (14 GB)")
    one.add_argument("--tiny", action="store_true", help="with the model of `engine`, to try it")
    one.add_argument("--write", type=Path, metavar="FILE", help="write the document there")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if options.command == "page":
        return _page(options)
    if options.command == "engine":
        return _engine(options)
    if options.command == "large":
        return _large(options)
    for package, state in environments.install(options.install).items():
        print(f"{package}: {state}")
    return 0


def _page(options: argparse.Namespace) -> int:
    before = load()
    figures = page.measure(options.starts, options.chats, options.turns)
    known = versions(PROGRAM)
    print(f"{machine()}; {', '.join(f'{name} {number}' for name, number in known.items())}")
    print(f"Processes that wanted a core before it began: {before:.2f}\n")
    print(table(HEAD, [figure.row() for figure in figures]))
    if options.json:
        _write(options.json, figures, known, before)
    return 0


def _engine(options: argparse.Namespace) -> int:
    seen = page.measure(chats=4) if options.page else []
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured = engine.measure(folder, options.peers, options.rounds, options.minutes)
    document = report.markdown(measured, seen)
    print(document)
    if options.write:
        options.write.write_text(document)
    if options.json:
        report.write_json(options.json, measured, seen)
    return 0


def _large(options: argparse.Namespace) -> int:
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        document = large.measure(
            folder, options.peers, options.rounds, options.device, tiny=options.tiny
        )
    print(document)
    if options.write:
        options.write.write_text(document)
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
