"""`python -m model list`, `pull`, `remove`, `convert`, `train pocket`, `evaluate pocket`."""

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
    _add_convert(commands)
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
        "--start",
        type=Path,
        help="go on with a checkpoint: polish it on new pictures, instead of beginning anew",
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


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    convert = commands.add_parser("convert", help="quantise a model into a folder of its own")
    convert.add_argument("source", metavar="SRC", help="a folder, OWNER/NAME or a name of the list")
    convert.add_argument("out", metavar="DST", type=Path, help="the folder to be written")
    convert.add_argument(
        "--bits",
        type=int,
        choices=[2, 3, 4, 6, 8],
        default=4,
        help="of the language model's weights (default: %(default)s)",
    )
    convert.add_argument(
        "--group-size",
        type=int,
        choices=[32, 64, 128],
        default=64,
        help="weights that share a scale (default: %(default)s)",
    )
    convert.add_argument(
        "--keep-vision",
        action="store_true",
        help="leave vision tower and projector as they are, instead of 8 bits",
    )
    convert.add_argument(
        "--no-comparison",
        action="store_true",
        help="don't say how far the result is from its source, which must fit into memory for it",
    )


def main() -> int:
    options = parser().parse_args()
    if options.command == "convert":
        return _convert(options)
    if options.command == "train":
        return _train(options)
    if options.command == "evaluate":
        return _evaluate(options)
    return shelf.run(options)


def _convert(options: argparse.Namespace) -> int:
    from model.convert import convert
    from model.errors import CheckpointError

    source = str(POCKET) if options.source == "pocket" else options.source
    try:
        source = shelf.fetched(source)
        made = convert(
            source,
            options.out,
            bits=options.bits,
            group_size=options.group_size,
            keep_vision=options.keep_vision,
        )
        sys.stdout.write(
            f"{options.out}: {made.bits_per_weight:.2f} bits a weight, {made.bytes / 1e6:.1f} MB.\n"
        )
        if not options.no_comparison:
            sys.stdout.write(_compared(source, options.out))
    except (CheckpointError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        kept = " What is written is whole." if options.out.exists() else ""
        sys.stderr.write(f"\nStopped.{kept}\n")
        return 130
    return 0


def _compared(source: str, out: Path) -> str:
    from model import load
    from model.drift import distributions, drift

    sys.stdout.flush()
    # One after the other: two models needn't fit into memory at once.
    moved = drift(distributions(load(source)), distributions(load(out)))
    return (
        f"Against its source, over {moved.tokens} tokens of answers to pictures: "
        f"divergence {moved.divergence:.4f} nats a token, "
        f"the same likeliest token in {moved.agreement:.1%}.\n"
    )


def _train(options: argparse.Namespace) -> int:
    from model.training import pocket

    _with_settings(pocket.ALLOCATOR)
    out = options.out or options.folder / "checkpoint"
    if options.start:
        pocket.go_on(options.folder, out, options.start)
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
    from model.errors import CheckpointError
    from model.evaluation.answering import greedy
    from model.evaluation.report import evaluate

    folder = POCKET if options.what == "pocket" else Path(options.what)
    try:
        llava = load(folder)
    except CheckpointError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    tally = evaluate(greedy(llava), options.drawings, options.seed)
    sys.stdout.write(tally.table())
    if options.wrong:
        sys.stdout.write("\n".join(tally.wrong) + "\n")
    return 0 if tally.passes() else 1


if __name__ == "__main__":
    sys.exit(main())
