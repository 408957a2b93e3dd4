"""The tree of errors: what each one answers over HTTP."""

import pytest

from app import errors


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidRequest, 400),
        (errors.PictureError, 400),
        (errors.UnknownModel, 404),
        (errors.NotFound, 404),
        (errors.LineFull, 429),
        (errors.NotReady, 503),
        (errors.EngineError, 500),
        (errors.StorageError, 507),
    ],
)
def test_every_error_knows_its_status(kind: type[errors.ChatError], status: int) -> None:
    error = kind("It is so.")
    assert (error.status, error.message, str(error)) == (status, "It is so.", "It is so.")


def test_whoever_may_try_again_is_told_when() -> None:
    assert errors.LineFull("Full.").retry_after == 1
    assert errors.NotReady("Loading.", retry_after=7).retry_after == 7
    assert errors.InvalidRequest("No.").retry_after is None


def test_the_codes_tell_the_errors_apart() -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = [kind.code for kind in kinds if issubclass(kind, errors.ChatError)]
    assert len(codes) == len(set(codes)) == 11
