"""Questions about how many there are, of all, of a kind, of those just counted."""

from collections.abc import Sequence

from model.training import phrases as P
from model.training.dialogue.memory import Memory, Said
from model.training.dialogue.wording import NUMBER_WORDS, plural, there_are
from model.training.scene import COLORS, SHAPES, Scene


def count(memory: Memory, scene: Scene) -> Said:
    memory.counted = list(scene.things)
    memory.it = scene.things[0] if len(scene.things) == 1 else None
    if memory.rng.random() < 0.12:
        return memory.ask(P.COUNT_ALL), there_are(len(scene.things), "shape", "shapes")
    noun = memory.rng.choice(
        ("shapes", "objects", "things", "figures", "items", "elements", "forms")
    )
    if memory.rng.random() < 0.4:  # an adjective that is no color
        noun = f"{memory.rng.choice(P.ANY)} {noun}"
    return memory.ask(P.COUNT, what=noun), there_are(len(scene.things), "shape", "shapes")


def count_kind(memory: Memory, scene: Scene) -> Said:
    """Of one shape, one colour, or both; often of something that is there."""
    model = memory.rng.choice(scene.things)
    color = model.color if memory.rng.random() < 0.75 else memory.rng.choice(COLORS)
    shape = model.shape if memory.rng.random() < 0.75 else memory.rng.choice(SHAPES)
    form = memory.rng.choices(("shape", "color", "both"), weights=(5, 3, 2))[0]
    fits = [
        t
        for t in scene.things
        if (form == "color" or t.shape == shape) and (form == "shape" or t.color == color)
    ]
    memory.counted, memory.it = fits, fits[0] if len(fits) == 1 else None
    which = memory.rng.random() < 0.3  # "how many shapes are red?"
    if form == "color":
        if which:
            return memory.ask(P.COUNT_WHICH, property=color), there_are(
                len(fits), f"{color} shape", f"{color} shapes"
            )
        asked = f"{color} {memory.rng.choice(('shapes', 'things', 'objects', 'figures', 'items', 'ones'))}"
        return memory.ask(P.COUNT, what=asked), there_are(
            len(fits), f"{color} shape", f"{color} shapes"
        )
    prefix = f"{color} " if form == "both" else ""
    answer = there_are(len(fits), f"{prefix}{shape}", f"{prefix}{plural(shape)}")
    if which:
        return memory.ask(P.COUNT_WHICH, property=f"{prefix}{plural(shape)}"), answer
    noun = plural(shape) if memory.rng.random() < 0.93 else f"{shape} shapes"
    return memory.ask(P.COUNT, what=f"{prefix}{noun}"), answer


def count_not(memory: Memory, scene: Scene) -> Said:
    """ "How many shapes are not red?" """
    model = memory.rng.choice(scene.things)
    color = model.color if memory.rng.random() < 0.75 else memory.rng.choice(COLORS)
    rest = [t for t in scene.things if t.color != color]
    memory.counted, memory.it = rest, rest[0] if len(rest) == 1 else None
    answer = there_are(len(rest), "such shape", "such shapes")
    return memory.ask(P.COUNT_NOT, property=color), answer


def count_colors(memory: Memory, scene: Scene) -> Said:
    colors = len({t.color for t in scene.things})
    asked = memory.rng.choice(
        ("colors", "colours", "different colors", "different colours", "distinct colors")
    )
    return memory.ask(P.COUNT, what=asked), there_are(colors, "color", "colors")


def count_them(memory: Memory, scene: Scene) -> Said | None:
    """ "How many of them are red?" after a count of several."""
    if len(memory.counted) < 2:
        return None
    thing = memory.rng.choice(memory.counted)
    one_shape = len({t.shape for t in memory.counted}) == 1
    color = thing.color if memory.rng.random() < 0.7 else memory.rng.choice(COLORS)
    if one_shape or memory.rng.random() < 0.5:
        number = sum(t.color == color for t in memory.counted)
        noun = thing.shape if one_shape else "shape"
        return memory.ask(P.COUNT_THEM, property=color), there_are(
            number, f"{color} {noun}", f"{color} {plural(noun)}"
        )
    shape = thing.shape if memory.rng.random() < 0.7 else memory.rng.choice(SHAPES)
    number = sum(t.shape == shape for t in memory.counted)
    if len({t.color for t in memory.counted}) == 1:
        return None
    return memory.ask(P.COUNT_THEM, property=plural(shape)), there_are(number, shape, plural(shape))


def is_count(memory: Memory, scene: Scene) -> Said:
    right = len(scene.things)
    number = right if memory.rng.random() < 0.45 else memory.rng.randint(1, 5)
    form = memory.rng.random()
    patterns: Sequence[str] = P.IS_COUNT
    verdict = number == right
    if form < 0.2:
        patterns, verdict = P.MORE_THAN, right > number
    elif form < 0.3:
        patterns, verdict = P.LESS_THAN, right < number
    written = str(number) if memory.rng.random() < 0.5 else NUMBER_WORDS[number]
    question = memory.ask(
        patterns,
        number=written,
        what=memory.rng.choice(("shapes", "things", "objects")),
        where=memory.rng.choice(("", "in the picture")),
    )
    return (
        question,
        f"{'Yes' if verdict else 'No'}, {there_are(right, 'shape', 'shapes').replace('There', 'there')}",
    )
