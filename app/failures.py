"""Puts an unexpected failure into the log: where it happened, and not what it says.

The message of an exception may carry what a user wrote, or an address.
"""

import logging
import traceback


def log_failure(log: logging.Logger, what: str, error: BaseException) -> None:
    """One record: `what`, the error's type and the places it went through."""
    where = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    log.error("%s: %s\n%s", what, type(error).__name__, where)
