"""Questions about everything that is drawn: what, which colours, what stands out."""

from model.training import phrases as P
from model.training.dialogue.memory import Memory, Said
from model.training.dialogue.wording import article, at_place, enumeration, in_order, join
from model.training.scene import Scene, clearly_placed


def describe(memory: Memory, scene: Scene) -> Said:
    memory.it = scene.things[0] if len(scene.things) == 1 else None
    return memory.ask(P.DESCRIBE), f"I see {enumeration(scene.things)}."


def detail(memory: Memory, scene: Scene) -> Said | None:
    if not all(clearly_placed(t) for t in scene.things):
        return None
    memory.it = scene.things[0] if len(scene.things) == 1 else None
    parts = [
        f"{article(f'{t.color} {t.shape}')} {at_place(t.place)}" for t in in_order(scene.things)
    ]
    return memory.ask(P.DETAIL), f"I see {join(parts)}."


def colors(memory: Memory, scene: Scene) -> Said:
    colors = list(dict.fromkeys(t.color for t in in_order(scene.things)))
    answer = f"The color is {colors[0]}." if len(colors) == 1 else f"The colors are {join(colors)}."
    return memory.ask(P.COLORS), answer


def same(memory: Memory, scene: Scene) -> Said | None:
    """ "Are all shapes the same color?" """
    if len(scene.things) < 2:
        return None
    colors = list(dict.fromkeys(t.color for t in in_order(scene.things)))
    if len(colors) > 1 and memory.rng.random() < 0.7:  # few scenes are of one color
        return None
    if len(colors) == 1:
        return memory.ask(P.SAME_COLOR), f"Yes, the color is {colors[0]}."
    return memory.ask(P.SAME_COLOR), f"No, the colors are {join(colors)}."


def extreme(memory: Memory, scene: Scene) -> Said | None:
    if len(scene.things) < 2:
        return None
    by_size = sorted(scene.things, key=lambda t: t.size)
    big = memory.rng.random() < 0.5
    first, second = (by_size[-1], by_size[-2]) if big else (by_size[1], by_size[0])
    if first.size < 1.35 * second.size:
        return None
    thing, word = (by_size[-1], "biggest") if big else (by_size[0], "smallest")
    asked = (
        memory.rng.choice(("biggest", "largest", "biggest", "largest"))
        if big
        else memory.rng.choice(("smallest", "tiniest", "smallest"))
    )
    memory.it = thing
    return memory.ask(
        P.EXTREME, extreme=asked
    ), f"The {word} shape is the {thing.color} {thing.shape}."


def background(memory: Memory, scene: Scene) -> Said:
    return memory.ask(P.BACKGROUND), f"The background is {'dark' if scene.dark else 'light'}."
