"""`python -m model list`, `pull REPO`, `remove REPO`, `train pocket`, `evaluate pocket`."""

import argparse
import os
import sys
from pathlib import Path

from model.shelf import commands as shelf

POCKET = Path(__file__).parent / "pocket"


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m model", description="LLaVAs on this machine; train and score the bundled."
    )
    commands = root.add_subparsers(dest="command", required=True)
    shelf.add_to(commands)
    train = commands.add_parser(
        "train", help="train the bundled model; stopped, the same command goes on"
    )
    train.add_argument("what", choices=["pocket"])
    train.add_argument(
        "--folder",
        type=Path,
        default=Path("runs/pocket"),
        help="pictures, states and log (default: %(default)s)",
    )
    train.add_argument(
        "--out", type=Path, help="where the checkpoint is written (default: FOLDER/checkpoint)"
    )
    train.add_argument(
        "--start", type=Path, help="go on with a checkpoint's instruction instead of beginning anew"
    )
    evaluate = commands.add_parser(
        "evaluate", help="score a model on drawn scenes that training never saw"
    )
    evaluate.add_argument("what", help='"pocket", or the folder of a checkpoint')
    evaluate.add_argument(
        "--drawings",
        type=int,
        default=150,
        help="conversations of ten questions (default: %(default)s)",
    )
    evaluate.add_argument(
        "--seed", type=int, default=1, help="of drawings and questions (default: %(default)s)"
    )
    evaluate.add_argument("--wrong", action="store_true", help="list the wrong answers too")
    return root


def main() -> int:
    options = parser().parse_args()
    if options.command == "train":
        return _train(options)
    if options.command == "evaluate":
        return _evaluate(options)
    return shelf.run(options)


def _train(options: argparse.Namespace) -> int:
    from model.training import pocket

    _with_settings(pocket.ALLOCATOR)
    out = options.out or options.folder / "checkpoint"
    if options.start:
        pocket.polish(options.folder, out, options.start)
    else:
        pocket.train(options.folder, out)
    sys.stdout.write(f"The checkpoint is in {out}.\n")
    return 0


def _with_settings(settings: dict[str, str]) -> None:
    """Start again with the allocator's settings: glibc reads them once, at the start."""
    if any(os.environ.get(name) != value for name, value in settings.items()):
        command = [sys.executable, "-m", "model", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | settings)  # noqa: S606


def _evaluate(options: argparse.Namespace) -> int:
    from model import load
    from model.evaluation.answering import greedy
    from model.evaluation.report import evaluate

    folder = POCKET if options.what == "pocket" else Path(options.what)
    tally = evaluate(greedy(load(folder)), options.drawings, options.seed)
    sys.stdout.write(tally.table())
    if options.wrong:
        sys.stdout.write("\n".join(tally.wrong) + "\n")
    return 0 if tally.passes() else 1


if __name__ == "__main__":
    sys.exit(main())
