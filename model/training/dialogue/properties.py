"""Questions about one thing's colour and shape, asked or guessed at."""

from model.training import phrases as P
from model.training.dialogue.memory import Memory, Said
from model.training.dialogue.wording import article, enumeration, in_order, join, plural
from model.training.scene import COLORS, SHAPES, Scene, Thing


def color_of(memory: Memory, scene: Scene) -> Said | None:
    if memory.rng.random() < 0.05:
        name = memory.missing(scene, hide="color")
        return (memory.ask(P.COLOR_OF, it=name), f"There is no {name[4:]}.") if name else None
    shape = memory.rng.choice(scene.things).shape
    several = [t for t in scene.things if t.shape == shape]
    if len(several) > 1:  # "what color are the stars?"
        colors = list(dict.fromkeys(t.color for t in in_order(several)))
        question = (
            memory.ask(P.COLOR_OF, it=f"the {plural(shape)}")
            .replace(" is the", " are the")
            .replace("does the", "do the")
        )
        return question, f"The {plural(shape)} are {join(colors)}."
    picked = memory.pick(scene, hide="color")
    if picked is None:
        return None
    memory.last = color_said
    return color_said(memory, *picked)


def color_said(memory: Memory, thing: Thing, name: str) -> Said | None:
    memory.it = thing
    return memory.ask(P.COLOR_OF, it=name), f"The {thing.shape} is {thing.color}."


def shape_of(memory: Memory, scene: Scene) -> Said | None:
    if memory.rng.random() < 0.05:
        name = memory.missing(scene, hide="shape")
        return (
            (memory.ask(P.SHAPE_OF, it=name), f"There is no {name[4:].split()[0]} shape.")
            if name
            else None
        )
    picked = memory.pick(scene, hide="shape")
    if picked is None:
        return None
    memory.last = shape_said
    return shape_said(memory, *picked)


def shape_said(memory: Memory, thing: Thing, name: str) -> Said | None:
    memory.it = thing
    return memory.ask(P.SHAPE_OF, it=name), f"The {thing.color} shape is {article(thing.shape)}."


def which_is(memory: Memory, scene: Scene) -> Said:
    """ "Which shape is red?" """
    color = (
        memory.rng.choice(scene.things).color
        if memory.rng.random() < 0.92
        else memory.rng.choice(COLORS)
    )
    fits = in_order(t for t in scene.things if t.color == color)
    memory.it = fits[0] if len(fits) == 1 else None
    question = memory.ask(P.WHICH_IS, color=color)
    if not fits:
        return question, f"There is no {color} shape."
    if len(fits) == 1:
        return question, f"The {color} shape is {article(fits[0].shape)}."
    return question, f"The {color} shapes are {enumeration(fits, colored=False)}."


def is_color(memory: Memory, scene: Scene) -> Said | None:
    picked = memory.pick(scene, hide="color")
    if picked is None:
        return None
    thing, name = picked
    others = [t.color for t in scene.things] + [memory.rng.choice(COLORS)]
    color = thing.color if memory.rng.random() < 0.5 else memory.rng.choice(others)
    memory.it = thing
    verdict = "Yes" if color == thing.color else "No"
    return memory.ask(
        P.IS_COLOR, it=name, color=color
    ), f"{verdict}, the {thing.shape} is {thing.color}."


def is_shape(memory: Memory, scene: Scene) -> Said | None:
    picked = memory.pick(scene, hide="shape")
    if picked is None:
        return None
    thing, name = picked
    others = [t.shape for t in scene.things] + [memory.rng.choice(SHAPES)]
    shape = thing.shape if memory.rng.random() < 0.5 else memory.rng.choice(others)
    memory.it = thing
    verdict = "Yes" if shape == thing.shape else "No"
    return memory.ask(
        P.IS_SHAPE, it=name, some=article(shape)
    ), f"{verdict}, the {thing.color} shape is {article(thing.shape)}."
