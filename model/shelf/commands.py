"""`python -m model list`, `pull REPO` and `remove REPO`."""

import argparse
import sys
import textwrap
import time
from collections.abc import Iterator

from model.amounts import size_text, time_text
from model.errors import CheckpointError
from model.hub import cached, is_repository, local_folder, pull
from model.shelf.curated import ALIASES, CURATED, Curated
from model.shelf.disk import OnDisk, folders, on_disk, remove
from model.shelf.memory import machine_memory, needed, runs_on_cpu
from model.shelf.pace import Pace

_INDENT = "    "
_LINE_EVERY = 0.2  # seconds between two lines of progress


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The parsers of the shelf's commands."""
    commands.add_parser("list", help="LLaVAs to choose from, and what is on this machine")
    fetching = commands.add_parser(
        "pull", help="download a model from Hugging Face; stopped, the same command goes on"
    )
    removing = commands.add_parser("remove", help="delete a downloaded model from this machine")
    for parser in (fetching, removing):
        parser.add_argument("model", metavar="REPO", help="OWNER/NAME, or a name out of the list")


def run(options: argparse.Namespace) -> int:
    """What a command of the shelf's does; its exit status."""
    try:
        if options.command == "list":
            sys.stdout.write("\n".join(_listing()) + "\n")
        elif options.command == "pull":
            _pull(ALIASES.get(options.model, options.model))
        else:
            freed = remove(ALIASES.get(options.model, options.model))
            sys.stdout.write(f"Removed: {size_text(freed)} are free again.\n")
    except CheckpointError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What has arrived is kept; the same command goes on.\n")
        return 130
    return 0


def _listing() -> Iterator[str]:
    here = {one.repository: one for one in on_disk()}
    memory, on_cpu = machine_memory(), runs_on_cpu()
    yield f"This machine has {size_text(memory)} of memory."
    whole = 32 if on_cpu else 16
    yield f"Needed: with {whole} bits a weight, and quantised to 8 and to 4."
    for model in CURATED:
        yield ""
        yield from _entry(model, here.pop(model.repository, None), memory, on_cpu=on_cpu)
    for one in (*here.values(), *folders()):
        state = one.refusal or _state(one)
        yield f"\n{_printable(one.repository)}\n    {state}"


def _entry(model: Curated, here: OnDisk | None, memory: int, *, on_cpu: bool) -> Iterator[str]:
    yield f"{model.alias}  ({model.repository}, {_state(here) if here else 'not here'})"
    sizes = [needed(model, bits, on_cpu=on_cpu) for bits in (16, 8, 4)]
    written = ", ".join(size_text(size) + ("" if size <= memory else "!") for size in sizes)
    what = f"{size_text(model.size)} to download. Needs {written}. Licence: {model.licence}."
    yield from _wrapped(f"{model.good_at} {what}")
    if model.refusal:
        yield from _wrapped(f"Can't be run yet: {model.refusal}")


def _printable(name: str) -> str:
    """A folder's name may hold anything, what moves a terminal's cursor too."""
    return "".join(character if character.isprintable() else "?" for character in name)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 92, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _state(one: OnDisk) -> str:
    return f"{size_text(one.size)} {'here' if one.folder else 'here, unfinished'}"


def fetched(model: str) -> str:
    """The folder or repository of that name; fetched, as `pull` does it, where it isn't here.

    Raises CheckpointError.
    """
    source = ALIASES.get(model, model)
    if local_folder(source) is None and is_repository(source) and cached(source) is None:
        _pull(source)
    return source


def _pull(repository: str) -> None:
    progress = _Progress(sys.stdout.isatty())
    folder = pull(repository, progress.tell)
    sys.stdout.write(f"{repository} is here, in {folder}.\n")


class _Progress:
    """One line that is written over, where there is a terminal."""

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal
        self._pace = Pace()
        self._last = 0.0

    def tell(self, done: int, total: int) -> None:
        self._pace.tell(done)
        now = time.monotonic()
        if not self._terminal or not total or (done < total and now - self._last < _LINE_EVERY):
            return
        self._last = now
        left = self._pace.left(done, total)
        rest = f", {time_text(left)} left" if left else ""
        line = f"{size_text(done)} of {size_text(total)}, {size_text(self._pace.speed)}/s{rest}"
        sys.stdout.write(f"\r{line:<60}" + ("\n" if done == total else ""))
        sys.stdout.flush()
