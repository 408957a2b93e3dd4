"""What is said and what comes back: requests to an engine, and the events of an answer.

Plain frozen data that crosses threads; values are checked when they are made. Knows nothing of
templates, tokens, HTTP or storage.
"""

import io
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from PIL import Image, ImageSequence

from app.errors import InvalidRequest

Role: TypeAlias = Literal["system", "user", "assistant"]
FinishReason: TypeAlias = Literal["stop", "length", "context", "cancelled", "error"]

ROLES: tuple[Role, ...] = ("system", "user", "assistant")
MOST_MESSAGES = 512  # of one conversation; the model's context is what really bounds it
MOST_PICTURES = 32
MOST_CHARACTERS = 64 * 1024  # of one message
MOST_TOKENS = 4096  # of one answer
MOST_STOPS = 4
MOST_STOP_LENGTH = 64  # characters
MOST_TEMPERATURE = 2.0
MOST_PENALTY = 2.0
MOST_SEED = 2**63 - 1
DEFAULT_MODEL = "default"  # the resident one, whatever its name


def _check_range(name: str, value: float, least: float, most: float) -> None:
    whole = isinstance(least, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise InvalidRequest(f"{name} is a {'whole ' if whole else ''}number.")
    if not least <= value <= most:  # false for what is not a number, too
        raise InvalidRequest(f"{name} is from {least:g} to {most:g}, and was given another value.")


def _check_text(name: str, text: str, most: int) -> None:
    if not isinstance(text, str):
        raise InvalidRequest(f"{name} is text.")
    if len(text) > most:
        raise InvalidRequest(f"{name} has {len(text)} characters; {most} at most are taken.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidRequest(f"{name} contains half a character (a lone surrogate).")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that intake has accepted.

    `digest` is the SHA-256 (hexadecimal) of mode, size and pixels: the same picture in another
    file has the same one. `data` is an encoded file without metadata. A video clip is an animated
    picture of so many `frames`; others have 0.
    """

    digest: str
    data: bytes = field(repr=False)
    width: int
    height: int
    frames: int = 0

    def open(self) -> Image.Image:
        """The pixels, as RGB; of a clip, those of its first frame."""
        with Image.open(io.BytesIO(self.data)) as image:
            return image.convert("RGB")

    def shown(self) -> Image.Image | list[Image.Image]:
        """What a model is shown: the pixels, or those of each frame of a clip."""
        if not self.frames:
            return self.open()
        with Image.open(io.BytesIO(self.data)) as clip:
            return [frame.convert("RGB") for frame in ImageSequence.Iterator(clip)]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. Its pictures come before its text, or at `places`: characters of it before each."""

    role: Role
    text: str
    pictures: tuple[Picture, ...] = ()
    places: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise InvalidRequest(f"A message's role is one of {', '.join(ROLES)}.")
        if self.pictures and self.role != "user":
            raise InvalidRequest(f"Pictures belong to the user's messages, not to '{self.role}'.")
        _check_text("A message", self.text, MOST_CHARACTERS)

    @property
    def parts(self) -> list[str | Picture]:
        """Its text and pictures in their order."""
        places = self.places or (0,) * len(self.pictures)
        parts: list[str | Picture] = []
        begin = 0
        for picture, place in zip(self.pictures, places, strict=True):
            parts += [self.text[begin:place], picture]
            begin = place
        parts.append(self.text[begin:])
        return [part for part in parts if part]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the answer's tokens are drawn. Temperature 0 takes the likeliest one each time.

    The penalties make less likely what the answer has said already: once, and for each time.
    """

    temperature: float = 0.2
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0

    def __post_init__(self) -> None:
        for name in ("presence_penalty", "frequency_penalty"):
            _check_range(name, getattr(self, name), -MOST_PENALTY, MOST_PENALTY)
        _check_range("temperature", self.temperature, 0.0, MOST_TEMPERATURE)
        _check_range("top_p", self.top_p, 0.0, 1.0)
        _check_range("max_tokens", self.max_tokens, 1, MOST_TOKENS)
        if self.seed is not None:
            _check_range("seed", self.seed, -MOST_SEED - 1, MOST_SEED)
        if len(self.stop) > MOST_STOPS:
            raise InvalidRequest(f"{MOST_STOPS} stop strings at most, not {len(self.stop)}.")
        for stop in self.stop:
            _check_text("A stop string", stop, MOST_STOP_LENGTH)
            if not stop:
                raise InvalidRequest("A stop string is empty: leave it out.")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to be continued by one answer, for `owner`, whose caches it may use.

    Where it is longer than the model reads, `shorten` leaves out its oldest turns; else it is
    refused.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    model: str = DEFAULT_MODEL
    owner: str = "local"
    shorten: bool = False

    def __post_init__(self) -> None:
        if not self.messages:
            raise InvalidRequest("There is no message to answer: send one at least.")
        if len(self.messages) > MOST_MESSAGES:
            raise InvalidRequest(
                f"The conversation has {len(self.messages)} messages; {MOST_MESSAGES} at most "
                "are taken: begin a new one."
            )
        if len(self.pictures) > MOST_PICTURES:
            raise InvalidRequest(
                f"The conversation has {len(self.pictures)} pictures; {MOST_PICTURES} at most "
                "are taken: begin a new one."
            )
        if self.messages[-1].role != "user":
            raise InvalidRequest("The last message must be the user's: it is what gets answered.")
        if not (self.messages[-1].text.strip() or self.messages[-1].pictures):
            raise InvalidRequest("The message is empty: write something, or add a picture.")

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures of the conversation, in order."""
        return tuple(picture for message in self.messages for picture in message.pictures)


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took: tokens (visual ones included) and seconds.

    `unseen_messages`: the oldest ones, which the model was not given any more.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    time_to_first_token: float = 0.0
    tokens_per_second: float = 0.0
    unseen_messages: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """In the line; `place` 1 is next."""

    place: int


@dataclass(frozen=True, slots=True)
class Shortened:
    """The oldest `messages` are left out: the conversation is longer than the model reads."""

    messages: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The prompt is being read (prefill): `done` of `total` tokens, 0 of 0 where unknown."""

    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer, and what it has taken until now, where the engine knows."""

    text: str
    usage: Usage | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of an answer."""

    reason: FinishReason
    usage: Usage = Usage()


Event: TypeAlias = Waiting | Shortened | Reading | Delta | Finished
