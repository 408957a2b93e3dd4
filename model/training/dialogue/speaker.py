"""A speaker makes the next turn of a conversation.

Knows nothing of tokens or of how a picture looks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from model.training import phrases as P
from model.training.dialogue import counts, existence, places, properties, relations, whole
from model.training.dialogue.memory import Memory, Said
from model.training.dialogue.small_talk import NO_PICTURE, SMALL_TALK, small_talk
from model.training.dialogue.typed import about, as_typed
from model.training.scene import COLORS, SHAPES, Scene, Thing

FOLLOW_UPS = frozenset({"and_it", "count_them"})
# What can be asked of another picture without being said again: "And in the first one?"
REPEATED = ("describe", "count", "colors", "count_colors", "background")


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its right answer; `scenes` are the pictures that it brings."""

    question: str
    answer: str
    kind: str
    scenes: tuple[Scene, ...] = ()


@dataclass(slots=True)
class Speaker:
    """Makes turns about the pictures so far; `weights` says how often each kind is asked."""

    rng: Random
    weights: dict[str, float]
    scenes: list[Scene] = field(default_factory=list)
    memory: Memory = field(init=False)
    asked: str = field(default="", init=False)  # the kind of the last question

    def __post_init__(self) -> None:
        self.memory = Memory(self.rng)

    def turn(self, new: Sequence[Scene] = ()) -> Turn:
        """The next question and answer; `new` are pictures that come with it."""
        if new:
            self.scenes += new
            self.memory = Memory(self.rng)
        again = self._again(bool(new))
        if again is not None:
            return Turn(as_typed(again[0], self.rng), again[1], self.asked, tuple(new))
        names = list(self.weights)
        while True:
            kind = self.rng.choices(names, weights=[self.weights[n] for n in names])[0]
            said = self._say(kind)
            if said is not None:
                question, answer = said
                self.asked = kind
                return Turn(as_typed(question, self.rng), answer, kind, tuple(new))

    def _again(self, new: bool) -> Said | None:
        """Sometimes the last question once more, of another picture or of the new one."""
        if self.asked not in REPEATED or len(self.scenes) < 2 or self.rng.random() > 0.2:
            return None
        which, scene = ("", self.scenes[-1]) if new else self._which()
        if not new and not which:
            return None
        said = KINDS[self.asked](Memory(self.rng), scene)
        if said is None:
            return None
        patterns = P.AND_NEW if new else P.AND_IN
        slots = {"it": which, "in_it": f"in {which}"}
        return P.expand(self.rng.choice(patterns), self.rng, **slots), said[1]

    def _say(self, kind: str) -> Said | None:
        if kind in SMALL_TALK:
            return small_talk(kind, self.rng)
        if not self.scenes:
            return self._without_picture(kind)
        which, scene = self._which()
        if which:
            kept = self.memory
            self.memory = Memory(self.rng, counted=kept.counted)
            said = KINDS[kind](self.memory, scene) if kind not in FOLLOW_UPS else None
            kept.counted = self.memory.counted
            self.memory = kept
            return (about(said[0], which, self.rng), said[1]) if said else None
        return KINDS[kind](self.memory, scene)

    def _without_picture(self, kind: str) -> Said | None:
        """Any question about a picture while there is none."""
        if kind in FOLLOW_UPS:
            return None
        scene = _IMAGINED[self.rng.randrange(len(_IMAGINED))]
        said = KINDS[kind](self.memory, scene)
        self.memory = Memory(self.rng)
        return (said[0], NO_PICTURE) if said else None

    def _which(self) -> tuple[str, Scene]:
        """Of several pictures, the newest unless the question names one."""
        if len(self.scenes) < 2 or self.rng.random() < 0.45:
            return "", self.scenes[-1]
        index = self.rng.randrange(len(self.scenes))
        names = [("first", "second", "third", "fourth")[index]] * 3
        if index == len(self.scenes) - 1:
            names += ["last", "newest", "latest", "new"]
        if index == 0 and len(self.scenes) == 2:
            names += ["previous", "earlier", "old", "other"]
        name = self.rng.choice(names)
        noun = self.rng.choice(("picture", "image", "picture", "image", "one", "drawing", "photo"))
        if name in ("first", "second") and self.rng.random() < 0.15:
            return f"{self.rng.choice(('picture', 'image'))} {index + 1}", self.scenes[index]
        return f"the {name} {noun}", self.scenes[index]


def _and_it(memory: Memory, scene: Scene) -> Said | None:
    """ "And the star?" repeats the last question of another thing."""
    if memory.last is None or len(scene.things) < 2:
        return None
    hide = _HIDDEN[memory.last]
    thing = memory.rng.choice([t for t in scene.things if t is not memory.it] or scene.things)
    name = memory.name(thing, scene, hide=hide)
    said = memory.last(memory, thing, name) if name else None
    return (memory.ask(P.AND_IT, it=name), said[1]) if name and said else None


_HIDDEN: dict[Callable[[Memory, Thing, str], Said | None], str] = {
    properties.color_said: "color",
    properties.shape_said: "shape",
    places.where_said: "place",
}
KINDS: dict[str, Callable[[Memory, Scene], Said | None]] = {
    "describe": whole.describe, "detail": whole.detail, "colors": whole.colors, "extreme": whole.extreme, "same": whole.same, "background": whole.background,
    "count": counts.count, "count_kind": counts.count_kind, "count_colors": counts.count_colors, "count_them": counts.count_them, "count_not": counts.count_not, "is_count": counts.is_count,
    "color_of": properties.color_of, "shape_of": properties.shape_of, "which_is": properties.which_is, "is_color": properties.is_color, "is_shape": properties.is_shape,
    "exists": existence.exists,
    "where": places.where, "is_at": places.is_at, "what_at": places.what_at, "anything_at": places.anything_at,
    "relation": relations.relation, "anything_related": relations.anything_related, "is_relation": relations.is_relation, "is_bigger": relations.is_bigger, "relative": relations.relative, "which_further": relations.which_further,
    "and_it": _and_it,
}  # fmt: skip
_IMAGINED = tuple(
    Scene(
        (
            Thing(SHAPES[i % 7], COLORS[i % 11], 0.2, 0.2, 0.3),
            Thing(SHAPES[(i + 3) % 7], COLORS[(i + 4) % 11], 0.8, 0.75, 0.2),
        )
    )
    for i in range(77)
)
