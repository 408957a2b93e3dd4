"""Questions whether something is there."""

from model.training import phrases as P
from model.training.dialogue.memory import Memory, Said
from model.training.dialogue.wording import article, plural
from model.training.scene import COLORS, SHAPES, Scene


def exists(memory: Memory, scene: Scene) -> Said:
    """ "Is there a star?", half of the time there is."""
    model = memory.rng.choice(scene.things)
    form = memory.rng.choices(("shape", "both", "color"), weights=(5, 6, 2))[0]
    shape, color = model.shape, model.color
    if memory.rng.random() < 0.52:
        if form != "color" and memory.rng.random() < 0.7:
            shape = memory.rng.choice(SHAPES)
        if form == "color" or memory.rng.random() < 0.5:
            color = memory.rng.choice(COLORS)
    elif form == "both" and memory.rng.random() < 0.6:
        shape, color = _crossed(memory, scene) or (shape, color)
    fits = [
        t
        for t in scene.things
        if (form == "color" or t.shape == shape) and (form == "shape" or t.color == color)
    ]
    noun = {"shape": shape, "both": f"{color} {shape}", "color": f"{color} shape"}[form]
    nouns = {
        "shape": plural(shape),
        "both": f"{color} {plural(shape)}",
        "color": f"{color} shapes",
    }[form]
    if memory.rng.random() < 0.25:
        question = memory.ask(P.EXISTS_PLURAL, some=nouns)
    elif form == "color" and memory.rng.random() < 0.35:
        question = memory.ask(P.ANY_COLORED, color=color)
    elif form == "color":
        some = memory.rng.choice(
            (
                f"a {color} shape",
                f"something {color}",
                f"anything {color}",
                f"a {color} thing",
                f"a {color} object",
            )
        )
        question = memory.ask(P.EXISTS, some=some)
    else:
        question = memory.ask(
            P.EXISTS, some=article(noun) if memory.rng.random() < 0.9 else f"any {noun}"
        )
    memory.it = fits[0] if len(fits) == 1 else None
    if not fits:
        return question, f"No, there is no {noun}."
    if len(fits) > 1:
        return question, f"Yes, there are {len(fits)} {nouns}."
    return question, f"Yes, there is {article(f'{fits[0].color} {fits[0].shape}')}."


def _crossed(memory: Memory, scene: Scene) -> tuple[str, str] | None:
    """The shape of one thing and the color of another, which together are none: easily mistaken."""
    there = {(t.shape, t.color) for t in scene.things}
    pairs = {(a.shape, b.color) for a in scene.things for b in scene.things} - there
    return memory.rng.choice(sorted(pairs)) if pairs else None
