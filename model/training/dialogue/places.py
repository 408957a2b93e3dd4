"""Questions where a thing is, and what is at a place."""

from model.training import phrases as P
from model.training.dialogue.memory import Memory, Said
from model.training.dialogue.wording import at_place, enumeration, upper
from model.training.scene import COLUMNS, ROWS, Scene, Thing, clearly_placed

SIDES = ("left", "right", "top", "bottom")


def where(memory: Memory, scene: Scene) -> Said | None:
    if memory.rng.random() < 0.05:
        name = memory.missing(scene)
        return (memory.ask(P.WHERE, it=name), f"There is no {name[4:]}.") if name else None
    picked = memory.pick(scene, hide="place")
    if picked is None:
        return None
    memory.last = where_said
    return where_said(memory, *picked)


def where_said(memory: Memory, thing: Thing, name: str) -> Said | None:
    if not clearly_placed(thing):
        return None
    memory.it = thing
    return memory.ask(
        P.WHERE, it=name
    ), f"The {thing.color} {thing.shape} is {at_place(thing.place)}."


def is_at(memory: Memory, scene: Scene) -> Said | None:
    """ "Is the star on the left?" or "at the top left?", half of the time it is."""
    picked = memory.pick(scene, hide="place")
    if picked is None or not clearly_placed(picked[0]):
        return None
    thing, name = picked
    row, column = _cell(thing)
    right = memory.rng.random() < 0.5
    if memory.rng.random() < 0.4:  # one of the nine places
        if not right:
            others = [(r, c) for r in ROWS for c in COLUMNS if (r, c) != (row, column)]
            row, column = memory.rng.choice(others)
        question = memory.ask(P.IS_AT_PLACE, it=name, place=_spoken(memory, row, column))
    else:  # a third of the picture; what is in its middle is on no side
        side = memory.rng.choice([s for s in SIDES if (s in (row, column)) == right] or SIDES)
        right = side in (row, column)
        place = f"{'on' if side in ('left', 'right') else 'at'} the {side}"
        question = memory.ask(P.IS_AT, it=name, place=place)
    memory.it = thing
    said = f"the {thing.color} {thing.shape} is {at_place(thing.place)}."
    return question, f"{'Yes' if right else 'No'}, {said}"


def what_at(memory: Memory, scene: Scene) -> Said | None:
    """One of the nine places, or a half when everything is clearly on one side."""
    if not all(clearly_placed(t) for t in scene.things):
        return None
    if memory.rng.random() < 0.25:
        return _what_side(memory, scene)
    row, column, here, place = _one_of_nine(memory, scene, taken=0.8)
    question = memory.ask(P.WHAT_AT, place=_spoken(memory, row, column))
    if not here:
        return question, f"Nothing is {at_place(place)}."
    return (
        question,
        f"{upper(enumeration(here))} {'is' if len(here) == 1 else 'are'} {at_place(place)}.",
    )


def _what_side(memory: Memory, scene: Scene) -> Said | None:
    side = memory.rng.choice(SIDES)
    values = [(t, t.x if side in ("left", "right") else t.y) for t in scene.things]
    if any(abs(v - 0.5) < 0.13 for _, v in values):
        return None
    here = [t for t, v in values if (v < 0.5) == (side in ("left", "top"))]
    memory.it = here[0] if len(here) == 1 else None
    spoken = memory.rng.choice(
        (
            f"on the {side}",
            f"on the {side} side",
            f"in the {side} half",
            f"at the {side}",
            f"in the {side} part",
        )
    )
    at = f"on the {side}" if side in ("left", "right") else f"at the {side}"
    question = memory.ask(P.WHAT_AT, place=spoken)
    if not here:
        return question, f"Nothing is {at}."
    return question, f"{upper(enumeration(here))} {'is' if len(here) == 1 else 'are'} {at}."


def anything_at(memory: Memory, scene: Scene) -> Said | None:
    if not all(clearly_placed(t) for t in scene.things):
        return None
    row, column, here, place = _one_of_nine(memory, scene, taken=0.5)
    question = memory.ask(P.ANYTHING_AT, place=_spoken(memory, row, column))
    if not here:
        return question, f"No, nothing is {at_place(place)}."
    return (
        question,
        f"Yes, {enumeration(here)} {'is' if len(here) == 1 else 'are'} {at_place(place)}.",
    )


def _one_of_nine(
    memory: Memory, scene: Scene, *, taken: float
) -> tuple[str, str, list[Thing], str]:
    """Row, column, what is there and the place's name; in a share `taken`, something surely is."""
    row, column = memory.rng.choice(ROWS), memory.rng.choice(COLUMNS)
    if memory.rng.random() < taken:
        row, column = _cell(memory.rng.choice(scene.things))
    here = [t for t in scene.things if _cell(t) == (row, column)]
    memory.it = here[0] if len(here) == 1 else None
    return row, column, here, "center" if row == column else f"{row} {column}"


def _spoken(memory: Memory, row: str, column: str) -> str:
    """Ways to say one of the nine places."""
    if row == column:
        return memory.rng.choice(
            (
                "in the center",
                "in the middle",
                "at the center",
                "in the very center",
                "in the centre",
                "in the middle of the picture",
            )
        )
    upper = {
        "top": ("top", "top", "upper"),
        "bottom": ("bottom", "bottom", "lower"),
        "center": ("center", "middle"),
    }[row]
    first, middle = memory.rng.choice(upper), memory.rng.choice(("center", "center", "middle"))
    second = middle if column == "center" else column
    corner = " corner" if "center" not in (row, column) and memory.rng.random() < 0.4 else ""
    joint = "-" if memory.rng.random() < 0.12 else " "
    return f"{memory.rng.choice(('at', 'in', 'at', 'in', 'on'))} the {first}{joint}{second}{corner}"


def _cell(thing: Thing) -> tuple[str, str]:
    return ROWS[min(int(thing.y * 3), 2)], COLUMNS[min(int(thing.x * 3), 2)]
