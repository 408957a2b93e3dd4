"""The command line and its environment variables, made into `Settings`.

Every option of the server is also a variable `LLAVA_CHAT_<NAME>`; the command line wins. Knows the
form of values; whether they are safe together is for `app/settings.py` to say.
"""

import argparse
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from app.errors import SettingsError
from app.settings import ENGINES, Login, Question, Settings, bare_host, default_data_dir

PREFIX = "LLAVA_CHAT_"

_HOST_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}|[0-9a-f:]{2,45}")
_SWITCH = {"1": True, "true": True, "yes": True, "on": True}
_SWITCH |= {"0": False, "false": False, "no": False, "off": False}


def read(
    arguments: Sequence[str], environment: Mapping[str, str] = os.environ
) -> tuple[Settings, Question | None]:
    """The settings, and the question where the command is `ask`. Raises SettingsError."""
    values = vars(_parser(environment).parse_args(arguments))
    question = None
    if values.pop("command") == "ask":
        question = Question(values.pop("question"), tuple(values.pop("image")))
    return Settings(**values), question


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where argparse would print the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message[:1].upper()}{message[1:]} (see python -m app --help)")


class _Options:
    """Adds options to a parser, with their defaults from the environment."""

    def __init__(self, parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
        self.parser = parser
        self.environment = environment

    def add(self, name: str, help_text: str, default: object = None, **how: Any) -> None:
        given = self.environment.get(PREFIX + name.upper().replace("-", "_"))
        if default and default != argparse.SUPPRESS:
            help_text += f" (default: {default})".replace("%", "%%")
        self.parser.add_argument(f"--{name}", help=help_text, default=given or default, **how)

    def add_switch(self, name: str, help_text: str) -> None:
        variable = PREFIX + name.upper()
        given = self.environment.get(variable) or "off"
        if given.lower() not in _SWITCH:
            raise SettingsError(f"{variable} is on or off, not '{given}'.")
        default = _SWITCH[given.lower()]
        self.parser.add_argument(f"--{name}", help=help_text, default=default, action="store_true")


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m app",
        description="Talk with a picture: a chat page and its HTTP API on this machine.",
        epilog=f"Each option is also an environment variable, {PREFIX}PORT for --port; for --auth "
        "and --api-key that keeps the secret out of the list of processes.",
        allow_abbrev=False,
    )
    options = _Options(parser, environment)
    _add_model_options(options)
    options.add("host", "address to listen on; one that others reach needs --auth", "127.0.0.1")
    options.add("port", "port to listen on; 0 takes any free one", 7860, type=_port)
    options.add("allowed-hosts", "further names of this server, by comma", "", type=_hosts)
    options.add_switch("share", "open a public link through Gradio's tunnel; needs --auth")
    options.add("auth", "user and password for page and API", type=_login, metavar="USER:PASS")
    options.add("api-key", "bearer key for the HTTP API", metavar="KEY")
    memory_help = "gigabytes that conversations may take beside the model"
    options.add("memory", memory_help, type=_gigabytes, metavar="GB")
    kv_help = "8 or 4: quantise the keys and values of conversations, for long ones"
    options.add("kv-bits", kv_help, type=_bits, metavar="BITS")
    draft_help = "a small model of the same vocabulary that guesses ahead"
    options.add("draft-model", draft_help, metavar="M")
    options.add("data-dir", "folder of conversations", default_data_dir(), type=_folder)
    idle_help = "minutes without a question after which the model's memory is given back"
    options.add("idle-unload", idle_help, type=_minutes, metavar="MINUTES")
    _add_ask(parser)
    return parser


def _add_ask(parser: argparse.ArgumentParser) -> None:
    """`ask` takes the model's options too; what it isn't given stays as the line's start says."""
    commands = parser.add_subparsers(dest="command", title="commands", metavar="ask")
    ask = commands.add_parser("ask", help="answer one question in the terminal", allow_abbrev=False)
    ask.add_argument("question", help="what to ask, in quotes")
    image_help = (
        "a picture or video clip to ask about, - for standard input; may be given several times"
    )
    ask.add_argument("--image", metavar="FILE", action="append", default=[], help=image_help)
    _add_model_options(_Options(ask, {}), *[argparse.SUPPRESS] * 4)


def _add_model_options(
    options: _Options,
    model: str = "pocket",
    template: str | None = None,
    engine: str = "mlx",
    base_url: str | None = None,
) -> None:
    options.add("model", "an alias, a folder or a Hugging Face repository", model)
    template_help = "conversation template, in place of the one the model was trained with"
    options.add("template", template_help, template, metavar="NAME")
    options.add("engine", f"one of {', '.join(ENGINES)}", engine)
    options.add("base-url", "the server of --engine openai", base_url, metavar="URL")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not '{text}'")
    return int(text)


def _gigabytes(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"give a number of gigabytes, not '{text}'") from None


def _bits(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"give 8 or 4, not '{text}'")
    return int(text)


def _hosts(text: str) -> tuple[str, ...]:
    names = tuple(bare_host(name.strip()) for name in text.split(",") if name.strip())
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise argparse.ArgumentTypeError(
                f"'{name}' is no host name: give names like chat.example.org, without port or *"
            )
    return names


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not math.isfinite(minutes):
        raise argparse.ArgumentTypeError(f"give a number of minutes, not '{text}'")
    return minutes


def _login(text: str) -> Login:
    user, colon, password = text.partition(":")
    if not (user and colon and password and text.isprintable()):
        raise argparse.ArgumentTypeError("give USER:PASSWORD, both of them not empty")
    return Login(user, password)
