"""Reads single values out of a checkpoint's JSON, or says which one makes no sense."""

from collections.abc import Collection, Mapping
from typing import Any

from model.errors import CheckpointError

# Far above any real model: a size out of a hostile file must not be allocated or looped over.
MOST = 2**24
LARGEST = 1e12


def whole(given: Mapping[str, Any], name: str, *, low: int = 1, high: int = MOST) -> int:
    """The whole number called `name`, from `low` to `high`."""
    value = given.get(name)
    if type(value) is not int or not low <= value <= high:
        raise CheckpointError(
            f"config.json: {name} is {brief(value)}, expected a whole number from {low} to {high}."
        )
    return value


def positive(given: Mapping[str, Any], name: str) -> float:
    """The finite number above zero called `name`."""
    value = given.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < LARGEST:
        return float(value)
    raise CheckpointError(f"config.json: {name} is {brief(value)}, expected a number above zero.")


def flag(given: Mapping[str, Any], name: str) -> bool:
    """The true or false called `name`."""
    value = given.get(name)
    if not isinstance(value, bool):
        raise CheckpointError(f"config.json: {name} is {brief(value)}, expected true or false.")
    return value


def choice(given: Mapping[str, Any], name: str, choices: Collection[str]) -> str:
    """The word called `name`, one of `choices`."""
    value = given.get(name)
    if not isinstance(value, str) or value not in choices:
        raise CheckpointError(
            f"config.json: {name} is {brief(value)}; this program runs {', '.join(choices)}."
        )
    return value


def section(given: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The object called `name` without its nulls, or None where there is none."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise CheckpointError(f"config.json: {name} is {brief(value)}, expected an object.")
    return {key: inner for key, inner in value.items() if inner is not None}


def token_ids(given: Mapping[str, Any], name: str) -> tuple[int, ...]:
    """The token ids called `name`: a number, a list, or nothing."""
    value = given.get(name)
    ids = [] if value is None else value if isinstance(value, list) else [value]
    if any(type(number) is not int or not 0 <= number < MOST for number in ids):
        raise CheckpointError(f"config.json: {name} is {brief(value)}, expected token ids.")
    return tuple(ids)


def brief(value: Any) -> str:
    """A value from a hostile file, short enough for a message."""
    text = "missing" if value is None else ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
