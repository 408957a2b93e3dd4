"""Two things far apart, and many questions of one kind about them."""

from collections.abc import Iterator
from random import Random

from model.training.dialogue.speaker import Speaker, Turn
from model.training.scene import Scene, Thing

RED = Thing("star", "red", 0.15, 0.25, 0.2)
BLUE = Thing("circle", "blue", 0.85, 0.75, 0.2)
SCENE = Scene((RED, BLUE))


def turns(kind: str, scene: Scene = SCENE, count: int = 60) -> Iterator[Turn]:
    rng = Random(1)
    for _ in range(count):
        speaker = Speaker(rng, {kind: 1.0})
        yield speaker.turn([scene])
