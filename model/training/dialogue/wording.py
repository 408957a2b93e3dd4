"""How answers name things, numbers and places. Knows nothing of questions."""

from collections.abc import Iterable, Sequence

from model.training.scene import Thing

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six")


def join(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def plural(shape: str) -> str:
    return shape + ("es" if shape == "cross" else "s")


def at_place(place: str) -> str:
    return "in the center" if place == "center" else f"at the {place}"


def in_order(things: Iterable[Thing]) -> list[Thing]:
    """Reading order: rows of an eighth from top to bottom, each from left to right."""
    return sorted(things, key=lambda t: (int(t.y * 8), t.x))


def enumeration(things: Iterable[Thing], *, colored: bool = True) -> str:
    """ "a red circle and two blue stars", in reading order, equal ones together."""
    kinds: dict[tuple[str, str], int] = {}
    for thing in in_order(things):
        kind = (f"{thing.color} " if colored else "", thing.shape)
        kinds[kind] = kinds.get(kind, 0) + 1
    return join(
        [
            article(color + shape)
            if count == 1
            else f"{NUMBER_WORDS[count]} {color}{plural(shape)}"
            for (color, shape), count in kinds.items()
        ]
    )


def there_are(count: int, noun: str, nouns: str) -> str:
    return f"There is 1 {noun}." if count == 1 else f"There are {count} {nouns}."


def upper(text: str) -> str:
    return text[0].upper() + text[1:]
