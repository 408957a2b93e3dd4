"""Questions how two things lie to each other."""

from collections.abc import Sequence

from model.training import phrases as P
from model.training.dialogue.memory import Memory, Said
from model.training.dialogue.wording import enumeration, upper
from model.training.scene import Scene, Thing

GAP = 0.09  # two middles nearer than this are neither left nor right of each other
RELATIONS = {
    "left of": ("left of", "to the left of", "on the left of", "on the left side of", "left from"),
    "right of": (
        "right of",
        "to the right of",
        "on the right of",
        "on the right side of",
        "right from",
    ),
    "above": ("above", "over", "higher than", "on top of", "above", "north of"),
    "below": ("below", "under", "beneath", "lower than", "underneath", "below"),
}
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def relation(memory: Memory, scene: Scene) -> Said | None:
    """ "What is left of the star?" """
    if memory.rng.random() < 0.05:
        return _unrelated(memory, scene, P.RELATION)
    related = _related(memory, scene)
    if related is None:
        return None
    rel, name, fact = related
    return memory.ask(P.RELATION, rel=memory.rng.choice(RELATIONS[rel]), it=name), f"{upper(fact)}."


def anything_related(memory: Memory, scene: Scene) -> Said | None:
    """ "Is there anything left of the star?" """
    if memory.rng.random() < 0.05:
        return _unrelated(memory, scene, P.ANYTHING_RELATED)
    related = _related(memory, scene)
    if related is None:
        return None
    rel, name, fact = related
    question = memory.ask(P.ANYTHING_RELATED, rel=memory.rng.choice(RELATIONS[rel]), it=name)
    return question, f"{'No' if fact.startswith('nothing') else 'Yes'}, {fact}."


def _unrelated(memory: Memory, scene: Scene, patterns: Sequence[str]) -> Said | None:
    """The same of something that isn't there."""
    name = memory.missing(scene)
    if name is None:
        return None
    rel = memory.rng.choice(RELATIONS[memory.rng.choice(tuple(RELATIONS))])
    return memory.ask(patterns, rel=rel, it=name), f"There is no {name[4:]}."


def _related(memory: Memory, scene: Scene) -> tuple[str, str, str] | None:
    """A relation, the name of a thing, and what lies so from it: "a star is above the heart"."""
    picked = memory.pick(scene)
    if picked is None or (len(scene.things) == 1 and memory.rng.random() < 0.9):
        return None
    thing, name = picked
    rel = memory.rng.choice(tuple(RELATIONS))
    others = [(t, _offset(t, thing, rel)) for t in scene.things if t is not thing]
    if any(abs(offset) < GAP for _, offset in others):
        return None
    here = [t for t, offset in others if offset > 0]
    label = (
        f"the {thing.shape}"
        if sum(t.shape == thing.shape for t in scene.things) == 1
        else f"the {thing.color} {thing.shape}"
    )
    memory.it = here[0] if len(here) == 1 else None
    if not here:
        return rel, name, f"nothing is {rel} {label}"
    return rel, name, f"{enumeration(here)} {'is' if len(here) == 1 else 'are'} {rel} {label}"


def is_relation(memory: Memory, scene: Scene) -> Said | None:
    compared = _compared(memory, scene)
    if compared is None:
        return None
    a, name_a, b, name_b, rel, offset = compared
    memory.it = a
    truth = rel if offset > 0 else OPPOSITE[rel]
    question = memory.ask(P.IS_RELATION, a=name_a, b=name_b, rel=memory.rng.choice(RELATIONS[rel]))
    return (
        question,
        f"{'Yes' if offset > 0 else 'No'}, the {a.color} {a.shape} is {truth} the {b.color} {b.shape}.",
    )


def relative(memory: Memory, scene: Scene) -> Said | None:
    two = _two(memory, scene)
    if two is None:
        return None
    a, name_a, b, name_b = two
    dx, dy = a.x - b.x, a.y - b.y
    if abs(abs(dx) - abs(dy)) < GAP or max(abs(dx), abs(dy)) < GAP:
        return None
    rel = (
        ("left of" if dx < 0 else "right of")
        if abs(dx) > abs(dy)
        else ("above" if dy < 0 else "below")
    )
    memory.it = a
    question = memory.ask(P.RELATIVE, a=name_a, b=name_b)
    return question, f"The {a.color} {a.shape} is {rel} the {b.color} {b.shape}."


def which_further(memory: Memory, scene: Scene) -> Said | None:
    compared = _compared(memory, scene)
    if compared is None:
        return None
    a, name_a, b, name_b, rel, offset = compared
    winner = a if offset > 0 else b
    memory.it = winner
    if rel in ("left of", "right of"):
        side = rel.split()[0]
        return memory.ask(
            P.WHICH_FURTHER, a=name_a, b=name_b, direction=side
        ), f"The {winner.color} {winner.shape} is further {side}."
    word = {"above": "higher", "below": "lower"}[rel]
    return memory.ask(
        P.WHICH_HIGHER, a=name_a, b=name_b, direction=word
    ), f"The {winner.color} {winner.shape} is {word}."


def is_bigger(memory: Memory, scene: Scene) -> Said | None:
    """ "Is the star bigger than the heart?", of things that clearly differ."""
    two = _two(memory, scene)
    if two is None:
        return None
    a, name_a, b, name_b = two
    if max(a.size, b.size) < 1.3 * min(a.size, b.size):
        return None
    asked, truth = (
        memory.rng.choice(("bigger", "smaller")),
        "bigger" if a.size > b.size else "smaller",
    )
    spoken = memory.rng.choice((asked, {"bigger": "larger", "smaller": "smaller"}[asked]))
    memory.it = a
    question = memory.ask(P.IS_BIGGER, a=name_a, b=name_b, extreme=spoken)
    verdict = "Yes" if asked == truth else "No"
    return question, f"{verdict}, the {a.color} {a.shape} is {truth} than the {b.color} {b.shape}."


def _compared(memory: Memory, scene: Scene) -> tuple[Thing, str, Thing, str, str, float] | None:
    """Two named things, a relation, and how far the first is from the second in its direction."""
    two = _two(memory, scene)
    if two is None:
        return None
    a, name_a, b, name_b = two
    rel = memory.rng.choice(tuple(RELATIONS))
    offset = _offset(a, b, rel)
    return None if abs(offset) < GAP else (a, name_a, b, name_b, rel, offset)


def _two(memory: Memory, scene: Scene) -> tuple[Thing, str, Thing, str] | None:
    """Two things that both have a name of their own."""
    if len(scene.things) < 2:
        return None
    a, b = memory.rng.sample(scene.things, 2)
    name_a, name_b = memory.name(a, scene), memory.name(b, scene)
    return (a, name_a, b, name_b) if name_a and name_b else None


def _offset(a: Thing, b: Thing, rel: str) -> float:
    """How far `a` lies from `b` in the relation's direction, in shares of the canvas."""
    return {"left of": b.x - a.x, "right of": a.x - b.x, "above": b.y - a.y, "below": a.y - b.y}[
        rel
    ]
