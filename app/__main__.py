"""`python -m app`: reads the settings, takes data folder and port, and serves; or answers `ask`.

What can't be done is one line on standard error; exit status 2 for settings, 1 for the rest.
"""

import os
import sys
from collections.abc import Sequence

from app import command_line, logs
from app.errors import ChatError, SettingsError
from app.instance import listen, only_instance
from app.settings import Settings


def main(arguments: Sequence[str]) -> int:
    _open_standard_streams()
    logs.configure()
    try:
        settings, question = command_line.read(arguments)
        if question is None:
            return _serve(settings)
        from app.ask import run

        return run(settings, question.images, question.text)
    except ChatError as error:
        sys.stderr.write(f"LLaVA Chat: {error.message}\n")
        return 2 if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        return 130


def _open_standard_streams() -> None:
    """One that was closed (`>&-`) leads nowhere: else the next file opened would take its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - to the end


def _serve(settings: Settings) -> int:
    # Both are known before the slow imports, which is when a person still looks.
    with only_instance(settings.data_dir), listen(settings.host, settings.port) as listener:
        from app.server import serve

        serve(settings, listener, _say)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # All is closed. Taking the imported libraries apart would need seconds that nobody waits for.
    os._exit(status)
