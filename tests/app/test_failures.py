import logging

import pytest

from app.failures import log_failure


def test_the_log_says_where_and_not_what(caplog: pytest.LogCaptureFixture) -> None:
    said = " ".join(("the user's", "own", "words"))
    try:
        raise ValueError(said)
    except ValueError as error:
        log_failure(logging.getLogger("tried"), "it broke", error)
    assert "it broke: ValueError" in caplog.text
    assert "test_failures.py" in caplog.text
    assert said not in caplog.text
