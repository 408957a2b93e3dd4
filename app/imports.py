"""Imports what takes seconds, on whichever thread needs it first.

Threads that import parts of one package from different ends lock each other out, and Python ends
that with an error in one of them: a Models panel opened while the model was loading did so, and
where the model's thread had the error, the program ended. So all that several threads need is
imported by one of them, and the others wait: importing hardly uses a second core.
"""

import threading

_ONE_AT_A_TIME = threading.Lock()


def import_models() -> None:
    """Import what loads a model, looks at the disk and downloads; at once, if that was done."""
    with _ONE_AT_A_TIME:
        from app.engine import loading  # noqa: F401
        from model import download  # noqa: F401
        from model.shelf import disk  # noqa: F401
