"""What a conversation is about just now, and definite names for things.

A name fits one thing only and never tells what is asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from model.training.dialogue.wording import at_place
from model.training.phrases import expand
from model.training.scene import COLORS, SHAPES, Scene, Thing, clearly_placed

Said = tuple[str, str]  # question and answer


@dataclass(slots=True)
class Memory:
    """What "it" and "them" mean now."""

    rng: Random
    it: Thing | None = None
    last: "Callable[[Memory, Thing, str], Said | None] | None" = (
        None  # what "and the star?" repeats
    )
    counted: list[Thing] = field(default_factory=list)

    def name(self, thing: Thing, scene: Scene, *, hide: str = "") -> str | None:
        """A definite name that fits only this thing ("the red star"), None when there is none.

        `hide` is the property asked for, which the name must not tell.
        """
        same_shape = sum(t.shape == thing.shape for t in scene.things) == 1
        same_color = sum(t.color == thing.color for t in scene.things) == 1
        both = sum((t.shape, t.color) == (thing.shape, thing.color) for t in scene.things) == 1
        names = []
        if same_shape and hide != "shape":
            names += [f"the {thing.shape}"] * 2
        if same_color and hide != "color":
            noun = self.rng.choice(("shape", "thing", "object", "one", "figure", "shape", "item"))
            names += [f"the {thing.color} {noun}"]
        if both and hide in ("", "place"):
            names += [f"the {thing.color} {thing.shape}"] * 2
        if (not names and hide != "place" and self.alone_at(thing, scene)) or (
            hide in ("color", "shape") and self.alone_at(thing, scene) and self.rng.random() < 0.2
        ):
            names += [f"the {self.noun()} {at_place(thing.place)}"]
        return self.rng.choice(names) if names else None

    def noun(self) -> str:
        return self.rng.choice(("shape", "thing", "object", "figure"))

    def alone_at(self, thing: Thing, scene: Scene) -> bool:
        return clearly_placed(thing) and sum(t.place == thing.place for t in scene.things) == 1

    def pick(self, scene: Scene, hide: str = "") -> tuple[Thing, str] | None:
        """A thing and a name for it; "it" when it was just spoken of."""
        if self.it is not None and self.rng.random() < 0.5:
            return self.it, "it"
        thing = self.rng.choice(scene.things)
        name = self.name(thing, scene, hide=hide)
        return (thing, name) if name else None

    def missing(self, scene: Scene, hide: str = "") -> str | None:
        """A definite name for something that isn't there."""
        color, shape = self.rng.choice(COLORS), self.rng.choice(SHAPES)
        kind = self.rng.random()
        if hide != "shape" and (kind < 0.55 or hide == "color"):
            return f"the {shape}" if all(t.shape != shape for t in scene.things) else None
        if hide == "shape" or kind < 0.7:
            return (
                f"the {color} {self.noun()}"
                if all(t.color != color for t in scene.things)
                else None
            )
        if hide:
            return None
        return (
            f"the {color} {shape}"
            if all((t.color, t.shape) != (color, shape) for t in scene.things)
            else None
        )

    def ask(self, patterns: Sequence[str], **slots: str) -> str:
        return expand(self.rng.choice(patterns), self.rng, **slots)
