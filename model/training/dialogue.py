"""Conversations about scenes: questions from the grammar, answers from what was drawn.

A `Speaker` holds what was said so far (the pictures, and what "it" means now) and makes the
next turn. Knows nothing of tokens or of how a picture looks.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from model.training import phrases as P
from model.training.phrases import expand
from model.training.scene import COLORS, COLUMNS, ROWS, SHAPES, Scene, Thing, clearly_placed

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six")
GAP = 0.09  # two middles nearer than this are neither left nor right of each other

NO_PICTURE = "Please add a picture first, then I can answer."
HELLO = "Hello! Ask me about a picture of drawn shapes."
THANKS = "You are welcome!"
BYE = "Goodbye!"
WHO = "I am a tiny LLaVA, a model for drawn shapes."
CAN = (
    "I can describe, count and find drawn shapes in a picture, and name their colors. "
    "I know circles, squares, triangles, stars, hearts, diamonds and crosses."
)
CANNOT = (
    "I can't see photos, people or text: I am a tiny model for drawn shapes. "
    "Load a full LLaVA for more, for example with --model llava-1.5-7b."
)
LOAD = "Start the chat with --model llava-1.5-7b to load a full LLaVA."
BEYOND = (
    "That is beyond me: I am a tiny model for drawn shapes. "
    "Load a full LLaVA for it, for example with --model llava-1.5-7b."
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its right answer; `scenes` are the pictures that it brings."""

    question: str
    answer: str
    kind: str
    scenes: tuple[Scene, ...] = ()


Said = tuple[str, str]  # question and answer


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


def enumeration(things: Iterable[Thing]) -> str:
    """ "a red circle and two blue stars", in reading order, equal ones together."""
    kinds: dict[tuple[str, str], int] = {}
    for thing in in_order(things):
        kinds[thing.color, thing.shape] = kinds.get((thing.color, thing.shape), 0) + 1
    return join(
        [
            article(f"{color} {shape}")
            if count == 1
            else f"{NUMBER_WORDS[count]} {color} {plural(shape)}"
            for (color, shape), count in kinds.items()
        ]
    )


def there_are(count: int, noun: str, nouns: str) -> str:
    return f"There is 1 {noun}." if count == 1 else f"There are {count} {nouns}."


@dataclass(slots=True)
class Speaker:
    """Makes turns about the pictures so far; `weights` says how often each kind is asked."""

    rng: Random
    weights: dict[str, float]
    scenes: list[Scene] = field(default_factory=list)
    it: Thing | None = None
    last: Callable[[Thing, str], Said | None] | None = None  # what "and the star?" would repeat
    counted: list[Thing] = field(default_factory=list)

    # -- turns ------------------------------------------------------------------------------

    def turn(self, new: Sequence[Scene] = ()) -> Turn:
        """The next question and answer; `new` are pictures that come with it."""
        if new:
            self.scenes += new
            self.it, self.last, self.counted = None, None, []
        names = list(self.weights)
        while True:
            kind = self.rng.choices(names, weights=[self.weights[n] for n in names])[0]
            said = self._say(kind)
            if said is not None:
                question, answer = said
                return Turn(self._as_typed(question), answer, kind, tuple(new))

    def _say(self, kind: str) -> Said | None:
        if kind in SMALL_TALK:
            patterns, answer = SMALL_TALK[kind]
            where = self.rng.choice(("", "in the picture", "in this image", "here", "in the photo"))
            slots = {"topic": self._topic(), "where": where, "number": str(self.rng.randint(0, 99))}
            return expand(self.rng.choice(patterns), self.rng, **slots), answer
        if not self.scenes:
            return self._without_picture(kind)
        which, scene = self._which()
        if which:
            saved = self.scenes, self.it, self.last
            self.scenes, self.it, self.last = [scene], None, None
            said = getattr(self, f"_{kind}")(scene) if kind not in FOLLOW_UPS else None
            self.scenes, self.it, self.last = saved
            return (self._about(said[0], which), said[1]) if said else None
        return getattr(self, f"_{kind}")(scene)

    def _without_picture(self, kind: str) -> Said | None:
        """Any question about a picture while there is none."""
        if kind in FOLLOW_UPS:
            return None
        scene = _IMAGINED[self.rng.randrange(len(_IMAGINED))]
        said = getattr(self, f"_{kind}")(scene)
        self.it, self.last, self.counted = None, None, []
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

    def _about(self, question: str, which: str) -> str:
        """The question, asked of the picture named `which`."""
        for word in (
            "picture",
            "image",
            "drawing",
            "photo",
            "scene",
            "figure",
            "canvas",
            "graphic",
        ):
            for before in (
                f"in the {word}",
                f"on the {word}",
                f"in this {word}",
                f"on this {word}",
                f"of the {word}",
                f"of this {word}",
                f"the {word}",
                f"this {word}",
                f"my {word}",
            ):
                if before in question:
                    head = before.split(" ")[0]
                    return question.replace(
                        before, f"{head} {which}" if head in ("in", "on", "of") else which, 1
                    )
        end = question[-1] if question[-1] in "?.!" else ""
        body = question.removesuffix(end)
        if self.rng.random() < 0.4:
            return f"In {which}, {body[0].lower() + body[1:]}{end}"
        return f"{body} in {which}{end}"

    def _as_typed(self, question: str) -> str:
        """As people type: capitals or none, with or without the mark, a please, a slip."""
        roll = self.rng.random()
        text = question[0].upper() + question[1:] if self.rng.random() < 0.8 else question
        if roll < 0.06:
            text = (
                self.rng.choice(
                    (
                        "Please: ",
                        "Please, ",
                        "Now, ",
                        "Hey, ",
                        "Tell me: ",
                        "Question: ",
                        "Hi! ",
                        "And now: ",
                        "Hello, ",
                        "OK. ",
                        "Quick question: ",
                    )
                )
                + text
            )
        elif roll < 0.12:
            text = text.rstrip("?.!") + self.rng.choice(
                (", please?", " please", ", please.", " now?", "??", " ?", "!")
            )
        elif roll < 0.2:
            text = text.rstrip("?.!")
        if self.rng.random() < 0.22:
            text = text.lower()
        elif self.rng.random() < 0.02:
            text = text.upper()
        if self.rng.random() < 0.03:
            text = _slip(text, self.rng)
        return text

    def _topic(self) -> str:
        topic = self.rng.choice(P.TOPICS)
        if self.rng.random() < 0.1:
            topic = "".join(
                self.rng.choices("abcdefghijklmnopqrstuvwxyz", k=self.rng.randint(3, 9))
            )
        return topic if self.rng.random() < 0.8 else topic + "s"

    # -- naming things ----------------------------------------------------------------------

    def _name(self, thing: Thing, scene: Scene, *, hide: str = "") -> str | None:
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
        if both and not hide:
            names += [f"the {thing.color} {thing.shape}"] * 2
        if (not names and hide != "place" and self._alone_at(thing, scene)) or (
            hide in ("color", "shape") and self._alone_at(thing, scene) and self.rng.random() < 0.2
        ):
            names += [f"the {self._noun()} {at_place(thing.place)}"]
        return self.rng.choice(names) if names else None

    def _noun(self) -> str:
        return self.rng.choice(("shape", "thing", "object", "figure"))

    def _alone_at(self, thing: Thing, scene: Scene) -> bool:
        return clearly_placed(thing) and sum(t.place == thing.place for t in scene.things) == 1

    def _pick(self, scene: Scene, hide: str = "") -> tuple[Thing, str] | None:
        """A thing and a name for it; "it" when it was just spoken of."""
        if self.it is not None and self.rng.random() < 0.5:
            return self.it, "it"
        thing = self.rng.choice(scene.things)
        name = self._name(thing, scene, hide=hide)
        return (thing, name) if name else None

    def _missing(self, scene: Scene, hide: str = "") -> str | None:
        """A definite name for something that isn't there."""
        color, shape = self.rng.choice(COLORS), self.rng.choice(SHAPES)
        kind = self.rng.random()
        if hide != "shape" and (kind < 0.55 or hide == "color"):
            return f"the {shape}" if all(t.shape != shape for t in scene.things) else None
        if hide == "shape" or kind < 0.7:
            return (
                f"the {color} {self._noun()}"
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

    def _ask(self, patterns: Sequence[str], **slots: str) -> str:
        return expand(self.rng.choice(patterns), self.rng, **slots)

    # -- kinds of questions -------------------------------------------------------------------

    def _describe(self, scene: Scene) -> Said:
        self.it = scene.things[0] if len(scene.things) == 1 else None
        return self._ask(P.DESCRIBE), f"I see {enumeration(scene.things)}."

    def _detail(self, scene: Scene) -> Said | None:
        if not all(clearly_placed(t) for t in scene.things):
            return None
        self.it = scene.things[0] if len(scene.things) == 1 else None
        parts = [
            f"{article(f'{t.color} {t.shape}')} {at_place(t.place)}" for t in in_order(scene.things)
        ]
        return self._ask(P.DETAIL), f"I see {join(parts)}."

    def _count(self, scene: Scene) -> Said:
        self.counted = list(scene.things)
        self.it = scene.things[0] if len(scene.things) == 1 else None
        if self.rng.random() < 0.12:
            return self._ask(P.COUNT_ALL), there_are(len(scene.things), "shape", "shapes")
        noun = self.rng.choice(
            ("shapes", "objects", "things", "figures", "items", "elements", "forms")
        )
        if self.rng.random() < 0.4:  # an adjective that is no color
            noun = f"{self.rng.choice(P.ANY)} {noun}"
        return self._ask(P.COUNT, what=noun), there_are(len(scene.things), "shape", "shapes")

    def _count_kind(self, scene: Scene) -> Said:
        """Of one shape, one colour, or both; often of something that is there."""
        model = self.rng.choice(scene.things)
        color = model.color if self.rng.random() < 0.75 else self.rng.choice(COLORS)
        shape = model.shape if self.rng.random() < 0.75 else self.rng.choice(SHAPES)
        form = self.rng.choices(("shape", "color", "both"), weights=(5, 3, 2))[0]
        fits = [
            t
            for t in scene.things
            if (form == "color" or t.shape == shape) and (form == "shape" or t.color == color)
        ]
        self.counted, self.it = fits, fits[0] if len(fits) == 1 else None
        which = self.rng.random() < 0.3  # "how many shapes are red?"
        if form == "color":
            if which:
                return self._ask(P.COUNT_WHICH, property=color), there_are(
                    len(fits), f"{color} shape", f"{color} shapes"
                )
            asked = f"{color} {self.rng.choice(('shapes', 'things', 'objects', 'figures', 'items', 'ones'))}"
            return self._ask(P.COUNT, what=asked), there_are(
                len(fits), f"{color} shape", f"{color} shapes"
            )
        prefix = f"{color} " if form == "both" else ""
        answer = there_are(len(fits), f"{prefix}{shape}", f"{prefix}{plural(shape)}")
        if which:
            return self._ask(P.COUNT_WHICH, property=f"{prefix}{plural(shape)}"), answer
        noun = plural(shape) if self.rng.random() < 0.93 else f"{shape} shapes"
        return self._ask(P.COUNT, what=f"{prefix}{noun}"), answer

    def _count_colors(self, scene: Scene) -> Said:
        colors = len({t.color for t in scene.things})
        asked = self.rng.choice(
            ("colors", "colours", "different colors", "different colours", "distinct colors")
        )
        return self._ask(P.COUNT, what=asked), there_are(colors, "color", "colors")

    def _count_them(self, scene: Scene) -> Said | None:
        """ "How many of them are red?" after a count of several."""
        if len(self.counted) < 2:
            return None
        thing = self.rng.choice(self.counted)
        one_shape = len({t.shape for t in self.counted}) == 1
        color = thing.color if self.rng.random() < 0.7 else self.rng.choice(COLORS)
        if one_shape or self.rng.random() < 0.5:
            number = sum(t.color == color for t in self.counted)
            noun = thing.shape if one_shape else "shape"
            return self._ask(P.COUNT_THEM, property=color), there_are(
                number, f"{color} {noun}", f"{color} {plural(noun)}"
            )
        shape = thing.shape if self.rng.random() < 0.7 else self.rng.choice(SHAPES)
        number = sum(t.shape == shape for t in self.counted)
        if len({t.color for t in self.counted}) == 1:
            return None
        return self._ask(P.COUNT_THEM, property=plural(shape)), there_are(
            number, shape, plural(shape)
        )

    def _color_of(self, scene: Scene) -> Said | None:
        if self.rng.random() < 0.05:
            name = self._missing(scene, hide="color")
            return (self._ask(P.COLOR_OF, it=name), f"There is no {name[4:]}.") if name else None
        shape = self.rng.choice(SHAPES)
        several = [t for t in scene.things if t.shape == shape]
        if len(several) > 1:  # "what color are the stars?"
            colors = list(dict.fromkeys(t.color for t in in_order(several)))
            question = (
                self._ask(P.COLOR_OF, it=f"the {plural(shape)}")
                .replace(" is the", " are the")
                .replace("does the", "do the")
            )
            return question, f"The {plural(shape)} are {join(colors)}."
        picked = self._pick(scene, hide="color")
        if picked is None:
            return None
        self.last = self._color_said
        return self._color_said(*picked)

    def _color_said(self, thing: Thing, name: str) -> Said | None:
        self.it = thing
        return self._ask(P.COLOR_OF, it=name), f"The {thing.shape} is {thing.color}."

    def _shape_of(self, scene: Scene) -> Said | None:
        if self.rng.random() < 0.05:
            name = self._missing(scene, hide="shape")
            return (
                (self._ask(P.SHAPE_OF, it=name), f"There is no {name[4:].split()[0]} shape.")
                if name
                else None
            )
        picked = self._pick(scene, hide="shape")
        if picked is None:
            return None
        self.last = self._shape_said
        return self._shape_said(*picked)

    def _shape_said(self, thing: Thing, name: str) -> Said | None:
        self.it = thing
        return self._ask(P.SHAPE_OF, it=name), f"The {thing.color} shape is {article(thing.shape)}."

    def _which_is(self, scene: Scene) -> Said:
        """ "Which shape is red?" """
        color = (
            self.rng.choice(scene.things).color
            if self.rng.random() < 0.92
            else self.rng.choice(COLORS)
        )
        fits = in_order(t for t in scene.things if t.color == color)
        self.it = fits[0] if len(fits) == 1 else None
        question = self._ask(P.WHICH_IS, color=color)
        if not fits:
            return question, f"There is no {color} shape."
        if len(fits) == 1:
            return question, f"The {color} shape is {article(fits[0].shape)}."
        return question, f"The {color} shapes are {enumeration(fits).replace(color + ' ', '')}."

    def _exists(self, scene: Scene) -> Said:
        """ "Is there a star?", half of the time there is."""
        model = self.rng.choice(scene.things)
        form = self.rng.choices(("shape", "both", "color"), weights=(5, 4, 2))[0]
        shape, color = model.shape, model.color
        if self.rng.random() < 0.52:
            if form != "color" and self.rng.random() < 0.7:
                shape = self.rng.choice(SHAPES)
            if form == "color" or self.rng.random() < 0.5:
                color = self.rng.choice(COLORS)
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
        if self.rng.random() < 0.25:
            question = self._ask(P.EXISTS_PLURAL, some=nouns)
        elif form == "color" and self.rng.random() < 0.35:
            question = self._ask(P.ANY_COLORED, color=color)
        elif form == "color":
            some = self.rng.choice(
                (
                    f"a {color} shape",
                    f"something {color}",
                    f"anything {color}",
                    f"a {color} thing",
                    f"a {color} object",
                )
            )
            question = self._ask(P.EXISTS, some=some)
        else:
            question = self._ask(
                P.EXISTS, some=article(noun) if self.rng.random() < 0.9 else f"any {noun}"
            )
        self.it = fits[0] if len(fits) == 1 else None
        if not fits:
            return question, f"No, there is no {noun}."
        if len(fits) > 1:
            return question, f"Yes, there are {len(fits)} {nouns}."
        return question, f"Yes, there is {article(f'{fits[0].color} {fits[0].shape}')}."

    def _is_color(self, scene: Scene) -> Said | None:
        picked = self._pick(scene, hide="color")
        if picked is None:
            return None
        thing, name = picked
        others = [t.color for t in scene.things] + [self.rng.choice(COLORS)]
        color = thing.color if self.rng.random() < 0.5 else self.rng.choice(others)
        self.it = thing
        verdict = "Yes" if color == thing.color else "No"
        return self._ask(
            P.IS_COLOR, it=name, color=color
        ), f"{verdict}, the {thing.shape} is {thing.color}."

    def _is_shape(self, scene: Scene) -> Said | None:
        picked = self._pick(scene, hide="shape")
        if picked is None:
            return None
        thing, name = picked
        others = [t.shape for t in scene.things] + [self.rng.choice(SHAPES)]
        shape = thing.shape if self.rng.random() < 0.5 else self.rng.choice(others)
        self.it = thing
        verdict = "Yes" if shape == thing.shape else "No"
        return self._ask(
            P.IS_SHAPE, it=name, some=article(shape)
        ), f"{verdict}, the {thing.color} shape is {article(thing.shape)}."

    def _is_count(self, scene: Scene) -> Said:
        right = len(scene.things)
        number = right if self.rng.random() < 0.45 else self.rng.randint(1, 5)
        form = self.rng.random()
        patterns: Sequence[str] = P.IS_COUNT
        verdict = number == right
        if form < 0.2:
            patterns, verdict = P.MORE_THAN, right > number
        elif form < 0.3:
            patterns, verdict = P.LESS_THAN, right < number
        written = str(number) if self.rng.random() < 0.5 else NUMBER_WORDS[number]
        question = self._ask(
            patterns,
            number=written,
            what=self.rng.choice(("shapes", "things", "objects")),
            where=self.rng.choice(("", "in the picture")),
        )
        return (
            question,
            f"{'Yes' if verdict else 'No'}, {there_are(right, 'shape', 'shapes').replace('There', 'there')}",
        )

    def _where(self, scene: Scene) -> Said | None:
        if self.rng.random() < 0.05:
            name = self._missing(scene)
            return (self._ask(P.WHERE, it=name), f"There is no {name[4:]}.") if name else None
        picked = self._pick(scene, hide="place")
        if picked is None:
            return None
        self.last = self._where_said
        return self._where_said(*picked)

    def _where_said(self, thing: Thing, name: str) -> Said | None:
        if not clearly_placed(thing):
            return None
        self.it = thing
        return self._ask(
            P.WHERE, it=name
        ), f"The {thing.color} {thing.shape} is {at_place(thing.place)}."

    def _what_at(self, scene: Scene) -> Said | None:
        """One of the nine places, or a half when everything is clearly on one side."""
        if not all(clearly_placed(t) for t in scene.things):
            return None
        if self.rng.random() < 0.25:
            return self._what_side(scene)
        row, column = self.rng.choice(ROWS), self.rng.choice(COLUMNS)
        if self.rng.random() < 0.8:
            row, column = _cell(self.rng.choice(scene.things))
        here = [t for t in scene.things if _cell(t) == (row, column)]
        place = "center" if row == column else f"{row} {column}"
        self.it = here[0] if len(here) == 1 else None
        question = self._ask(P.WHAT_AT, place=self._spoken(row, column))
        if not here:
            return question, f"Nothing is {at_place(place)}."
        return (
            question,
            f"{_upper(enumeration(here))} {'is' if len(here) == 1 else 'are'} {at_place(place)}.",
        )

    def _spoken(self, row: str, column: str) -> str:
        """Ways to say one of the nine places."""
        if row == column:
            return self.rng.choice(
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
        first, middle = self.rng.choice(upper), self.rng.choice(("center", "center", "middle"))
        second = middle if column == "center" else column
        corner = " corner" if "center" not in (row, column) and self.rng.random() < 0.4 else ""
        joint = "-" if self.rng.random() < 0.12 else " "
        return (
            f"{self.rng.choice(('at', 'in', 'at', 'in', 'on'))} the {first}{joint}{second}{corner}"
        )

    def _what_side(self, scene: Scene) -> Said | None:
        side = self.rng.choice(("left", "right", "top", "bottom"))
        values = [(t, t.x if side in ("left", "right") else t.y) for t in scene.things]
        if any(abs(v - 0.5) < 0.13 for _, v in values):
            return None
        here = [t for t, v in values if (v < 0.5) == (side in ("left", "top"))]
        self.it = here[0] if len(here) == 1 else None
        spoken = self.rng.choice(
            (
                f"on the {side}",
                f"on the {side} side",
                f"in the {side} half",
                f"at the {side}",
                f"in the {side} part",
            )
        )
        at = f"on the {side}" if side in ("left", "right") else f"at the {side}"
        question = self._ask(P.WHAT_AT, place=spoken)
        if not here:
            return question, f"Nothing is {at}."
        return question, f"{_upper(enumeration(here))} {'is' if len(here) == 1 else 'are'} {at}."

    def _anything_at(self, scene: Scene) -> Said | None:
        if not all(clearly_placed(t) for t in scene.things):
            return None
        row, column = self.rng.choice(ROWS), self.rng.choice(COLUMNS)
        if self.rng.random() < 0.5:
            row, column = _cell(self.rng.choice(scene.things))
        here = [t for t in scene.things if _cell(t) == (row, column)]
        place = "center" if row == column else f"{row} {column}"
        self.it = here[0] if len(here) == 1 else None
        question = self._ask(P.ANYTHING_AT, place=self._spoken(row, column))
        if not here:
            return question, f"No, nothing is {at_place(place)}."
        return (
            question,
            f"Yes, {enumeration(here)} {'is' if len(here) == 1 else 'are'} {at_place(place)}.",
        )

    def _relation(self, scene: Scene) -> Said | None:
        """ "What is left of the star?" """
        related = self._related(scene)
        if related is None:
            return None
        rel, name, fact = related
        return self._ask(
            P.RELATION, rel=self.rng.choice(RELATIONS[rel]), it=name
        ), f"{_upper(fact)}."

    def _anything_related(self, scene: Scene) -> Said | None:
        """ "Is there anything left of the star?" """
        related = self._related(scene)
        if related is None:
            return None
        rel, name, fact = related
        question = self._ask(P.ANYTHING_RELATED, rel=self.rng.choice(RELATIONS[rel]), it=name)
        return question, f"{'No' if fact.startswith('nothing') else 'Yes'}, {fact}."

    def _related(self, scene: Scene) -> tuple[str, str, str] | None:
        """A relation, the name of a thing, and what lies so from it: "a star is above the heart"."""
        picked = self._pick(scene)
        if picked is None or (len(scene.things) == 1 and self.rng.random() < 0.9):
            return None
        thing, name = picked
        rel = self.rng.choice(tuple(RELATIONS))
        others = [(t, _offset(t, thing, rel)) for t in scene.things if t is not thing]
        if any(abs(offset) < GAP for _, offset in others):
            return None
        here = [t for t, offset in others if offset > 0]
        label = (
            f"the {thing.shape}"
            if sum(t.shape == thing.shape for t in scene.things) == 1
            else f"the {thing.color} {thing.shape}"
        )
        self.it = here[0] if len(here) == 1 else None
        if not here:
            return rel, name, f"nothing is {rel} {label}"
        return rel, name, f"{enumeration(here)} {'is' if len(here) == 1 else 'are'} {rel} {label}"

    def _two(self, scene: Scene) -> tuple[Thing, str, Thing, str] | None:
        """Two things that both have a name of their own."""
        if len(scene.things) < 2:
            return None
        a, b = self.rng.sample(scene.things, 2)
        name_a, name_b = self._name(a, scene), self._name(b, scene)
        return (a, name_a, b, name_b) if name_a and name_b else None

    def _is_relation(self, scene: Scene) -> Said | None:
        two = self._two(scene)
        if two is None:
            return None
        a, name_a, b, name_b = two
        rel = self.rng.choice(tuple(RELATIONS))
        offset = _offset(a, b, rel)
        if abs(offset) < GAP:
            return None
        self.it = a
        truth = rel if offset > 0 else OPPOSITE[rel]
        question = self._ask(P.IS_RELATION, a=name_a, b=name_b, rel=self.rng.choice(RELATIONS[rel]))
        return (
            question,
            f"{'Yes' if offset > 0 else 'No'}, the {a.color} {a.shape} is {truth} the {b.color} {b.shape}.",
        )

    def _relative(self, scene: Scene) -> Said | None:
        two = self._two(scene)
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
        self.it = a
        question = self._ask(P.RELATIVE, a=name_a, b=name_b)
        return question, f"The {a.color} {a.shape} is {rel} the {b.color} {b.shape}."

    def _which_further(self, scene: Scene) -> Said | None:
        two = self._two(scene)
        if two is None:
            return None
        a, name_a, b, name_b = two
        rel = self.rng.choice(tuple(RELATIONS))
        offset = _offset(a, b, rel)
        if abs(offset) < GAP:
            return None
        winner = a if offset > 0 else b
        self.it = winner
        if rel in ("left of", "right of"):
            side = rel.split()[0]
            return self._ask(
                P.WHICH_FURTHER, a=name_a, b=name_b, direction=side
            ), f"The {winner.color} {winner.shape} is further {side}."
        word = {"above": "higher", "below": "lower"}[rel]
        return self._ask(
            P.WHICH_HIGHER, a=name_a, b=name_b, direction=word
        ), f"The {winner.color} {winner.shape} is {word}."

    def _colors(self, scene: Scene) -> Said:
        colors = list(dict.fromkeys(t.color for t in in_order(scene.things)))
        answer = (
            f"The color is {colors[0]}." if len(colors) == 1 else f"The colors are {join(colors)}."
        )
        return self._ask(P.COLORS), answer

    def _extreme(self, scene: Scene) -> Said | None:
        if len(scene.things) < 2:
            return None
        by_size = sorted(scene.things, key=lambda t: t.size)
        big = self.rng.random() < 0.5
        first, second = (by_size[-1], by_size[-2]) if big else (by_size[1], by_size[0])
        if first.size < 1.35 * second.size:
            return None
        thing, word = (by_size[-1], "biggest") if big else (by_size[0], "smallest")
        asked = (
            self.rng.choice(("biggest", "largest", "biggest", "largest"))
            if big
            else self.rng.choice(("smallest", "tiniest", "smallest"))
        )
        self.it = thing
        return self._ask(
            P.EXTREME, extreme=asked
        ), f"The {word} shape is the {thing.color} {thing.shape}."

    def _background(self, scene: Scene) -> Said:
        return self._ask(P.BACKGROUND), f"The background is {'dark' if scene.dark else 'light'}."

    def _and_it(self, scene: Scene) -> Said | None:
        """ "And the star?" repeats the last question of another thing."""
        if self.last is None or len(scene.things) < 2:
            return None
        hide = {"_color_said": "color", "_shape_said": "shape", "_where_said": "place"}[
            self.last.__name__
        ]
        thing = self.rng.choice([t for t in scene.things if t is not self.it] or scene.things)
        name = self._name(thing, scene, hide=hide)
        said = self.last(thing, name) if name else None
        return (self._ask(P.AND_IT, it=name), said[1]) if name and said else None


def _cell(thing: Thing) -> tuple[str, str]:
    return ROWS[min(int(thing.y * 3), 2)], COLUMNS[min(int(thing.x * 3), 2)]


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _slip(text: str, rng: Random) -> str:
    """One mistyped letter inside a word."""
    place = rng.randrange(len(text))
    if not text[place].isalpha():
        return text
    return rng.choice(
        (text[:place] + text[place + 1 :], text[:place] + text[place] * 2 + text[place + 1 :])
    )


def _offset(a: Thing, b: Thing, rel: str) -> float:
    """How far `a` lies from `b` in the relation's direction, in shares of the canvas."""
    return {"left of": b.x - a.x, "right of": a.x - b.x, "above": b.y - a.y, "below": a.y - b.y}[
        rel
    ]


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
FOLLOW_UPS = frozenset({"and_it", "count_them"})
SMALL_TALK: dict[str, tuple[tuple[str, ...], str]] = {
    "hello": (P.HELLO, HELLO),
    "thanks": (P.THANKS, THANKS),
    "bye": (P.BYE, BYE),
    "who": (P.WHO, WHO),
    "can": (P.CAN, CAN),
    "cannot": (P.CANNOT, CANNOT),
    "load": (P.LOAD, LOAD),
    "beyond": (P.BEYOND, BEYOND),
}
WEIGHTS: dict[str, float] = {
    "describe": 10, "detail": 4, "count": 6, "count_kind": 11, "count_colors": 2, "count_them": 3,
    "color_of": 9, "shape_of": 7, "which_is": 5, "exists": 9, "is_color": 5, "is_shape": 3, "is_count": 3,
    "where": 8, "what_at": 7, "anything_at": 2, "relation": 10, "anything_related": 2, "is_relation": 6, "relative": 2,
    "which_further": 3, "colors": 5, "extreme": 2, "background": 1, "and_it": 3,
    "hello": 0.6, "thanks": 0.8, "bye": 0.4, "who": 0.9, "can": 0.9, "cannot": 0.5, "load": 0.4, "beyond": 5,
}  # fmt: skip
# Once it sees, practice goes to what it finds hard: searching, comparing places.
INSTRUCT_WEIGHTS = WEIGHTS | {
    "describe": 9, "detail": 5, "count_kind": 12, "exists": 12, "where": 9, "what_at": 10, "relation": 15,
    "is_relation": 9, "relative": 3, "which_further": 3, "and_it": 4, "beyond": 3,
}  # fmt: skip
# Comparing two places comes last of all: the polish is mostly that.
POLISH_WEIGHTS = INSTRUCT_WEIGHTS | {
    "describe": 12, "count": 12, "color_of": 6, "shape_of": 5, "which_is": 4, "where": 8, "what_at": 8,
    "relation": 24, "anything_related": 3, "is_relation": 14, "relative": 6, "which_further": 6, "hello": 2, "thanks": 1.5, "bye": 1,
    "who": 1.2, "can": 1.2, "cannot": 0.8, "load": 0.6, "beyond": 5,
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
