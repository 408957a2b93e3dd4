"""Greetings, what the model is, and what lies beyond its world: the same answer each time."""

from random import Random

from model.training import talk_phrases as P
from model.training.dialogue.memory import Said
from model.training.phrases import expand

NO_PICTURE = "Please add a picture first, then I can answer."
HELLO = "Hello! Ask me about a picture of drawn shapes."
THANKS = "You are welcome!"
BYE = "Goodbye!"
SURE = "That is what I see, as far as I can tell."
OK = "Ask me more about the picture."
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
SMALL_TALK: dict[str, tuple[tuple[str, ...], str]] = {
    "hello": (P.HELLO, HELLO),
    "thanks": (P.THANKS, THANKS),
    "bye": (P.BYE, BYE),
    "sure": (P.SURE, SURE),
    "ok": (P.OK, OK),
    "who": (P.WHO, WHO),
    "can": (P.CAN, CAN),
    "cannot": (P.CANNOT, CANNOT),
    "load": (P.LOAD, LOAD),
    "beyond": (P.BEYOND, BEYOND),
}


def small_talk(kind: str, rng: Random) -> Said:
    patterns, answer = SMALL_TALK[kind]
    where = rng.choice(("", "in the picture", "in this image", "here", "in the photo"))
    slots = {"topic": _topic(rng), "where": where, "number": str(rng.randint(0, 99))}
    return expand(rng.choice(patterns), rng, **slots), answer


def _topic(rng: Random) -> str:
    topic = rng.choice(P.TOPICS)
    if rng.random() < 0.1:
        topic = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9)))
    return topic if rng.random() < 0.8 else topic + "s"
