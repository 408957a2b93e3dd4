"""Writes a conversation in the form that a LLaVA was trained on.

A template is data (`model/templates.py`); `Template.parts` is the one formatter. It tells control
text from what people wrote, so that tokenising can keep the two apart. Knows nothing of token ids.
Source: `llava/conversation.py` of haotian-liu/LLaVA and LLaVA-VL/LLaVA-NeXT.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from model.errors import TemplateError

IMAGE_MARK = "<image>"
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Control:
    """The template's own text: role names, separators, special tokens."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """The place of the conversation's picture number `index`, from 0."""

    index: int


@dataclass(frozen=True, slots=True)
class Text:
    """What a person or the model wrote: never control, whatever it says."""

    text: str


Part: TypeAlias = Control | Image | Text
Frame: TypeAlias = tuple[str, str]  # what stands before and after


@dataclass(frozen=True, slots=True)
class Template:
    """One way to write conversations.

    `bare` is how an empty message of the user and of the assistant is written; the assistant's
    also asks for the answer. `again` stands before every user message but the first.
    """

    name: str
    system: str
    user: Frame
    assistant: Frame
    bare: tuple[str, str]
    stop: tuple[str, ...]
    system_frame: Frame | None = ("", "")  # None: this form has no place for a system prompt
    system_in_user: bool = False  # within the first user message, as Llama 2 has it
    again: str = ""
    image: Frame = ("", "\n")
    interleaved: bool = False  # images stay where they stand in a message
    trimmed: bool = False  # each message loses the white space around it, as Llama 3 has it
    image_turn: bool = False  # the first message's image gets a turn of its own ("mmtag")

    def render(
        self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True
    ) -> str:
        """The prompt as one string, an `<image>` for each picture.

        Messages are in OpenAI's shape: `{"role": .., "content": text or parts}`, the parts being
        `{"type": "image"}` and `{"type": "text", "text": ..}`. Raises TemplateError.
        """
        return join(self.parts(messages, add_generation_prompt=add_generation_prompt))

    def parts(
        self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True
    ) -> list[Part]:
        """The prompt as control, text and image parts, which `render` joins."""
        system, turns = read_messages(messages)
        opening = self._opening(system)
        if self.system_in_user and turns:
            self._check_first(turns[0])
        parts = [] if self.system_in_user else opening
        asked = False  # whether a user's message has been written
        for place, (role, body) in enumerate(self._laid_out(turns)):
            lead = opening if self.system_in_user and place == 0 else []
            parts += self._message(role, [*lead, *body], again=asked)
            asked = asked or role == "user"
        if add_generation_prompt and not _awaits_answer(turns):
            parts.append(Control(self.bare[1]))
        return [part for part in parts if isinstance(part, Image) or part.text]

    def _message(self, role: str, body: list[Part], *, again: bool) -> list[Part]:
        if not body:
            return [Control(self.bare[role == "assistant"])]
        before, after = self.user if role == "user" else self.assistant
        if role == "user" and again:
            before = self.again + before
        return [Control(before), *body, Control(after)]

    def _laid_out(self, turns: Sequence["Turn"]) -> Iterator[tuple[str, list[Part]]]:
        """The messages as LLaVA writes them, in order: images framed, and moved where it does."""
        for place, (role, content) in enumerate(turns):
            text = "".join(part.text for part in content if isinstance(part, Text))
            images: Content = [part for part in content if isinstance(part, Image)]
            if place == 0 and len(images) == 1 and not self.interleaved:
                text = text.strip()  # LLaVA does so, with a first message's image
                if self.image_turn:
                    yield "user", [Control("<Image>"), *images, Control("</Image>")]
                    yield "assistant", [Control("Received.")]
                    images = []
            elif self.trimmed:
                text = text.rstrip() if images else text.strip()
            yield role, self._framed(content if self.interleaved else [*images, Text(text)])

    def _framed(self, content: "Content") -> list[Part]:
        """Images in their frame; empty texts left out: LLaVA takes such a message as open."""
        before, after = (Control(text) for text in self.image)
        framed: list[Part] = []
        for part in content:
            if isinstance(part, Image):
                framed += [before, part, after]
            elif part.text:
                framed.append(part)
        return framed

    def _opening(self, system: str | None) -> list[Part]:
        """The system prompt in its frame; nothing where there is none, or an empty one is given."""
        if system is not None and self.trimmed:
            system = system.strip()
        text = Control(self.system) if system is None else Text(system)
        if not text.text:
            return []
        if self.system_frame is None:
            raise TemplateError(
                f"The template {self.name} has no place for a system prompt: leave it empty."
            )
        return [Control(self.system_frame[0]), text, Control(self.system_frame[1])]

    def _check_first(self, first: "Turn") -> None:
        role, content = first
        if role != "user" or not _written(content):
            raise TemplateError(
                f"With the template {self.name}, a conversation begins with a message of the user "
                "that isn't empty."
            )


def join(parts: Iterable[Part]) -> str:
    """A prompt's parts as one string, `<image>` for each picture."""
    return "".join(IMAGE_MARK if isinstance(part, Image) else part.text for part in parts)


Content: TypeAlias = list[Text | Image]
Turn: TypeAlias = tuple[str, Content]


def read_messages(messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, list[Turn]]:
    """A leading system message's text (None without one), and the other messages.

    Images are numbered through the conversation. Raises TemplateError for what isn't in
    OpenAI's shape, or has images where only the user's messages have them.
    """
    numbers = count()
    turns: list[Turn] = []
    for place, message in enumerate(messages):
        role, written = _fields(message)
        if role not in ROLES or (role == "system" and place):
            raise TemplateError(
                f"Message {place + 1} has the role {str(role)[:20]!r}; expected user or assistant, "
                "or a system message first."
            )
        content = _content(written, numbers)
        if role != "user" and any(isinstance(part, Image) for part in content):
            raise TemplateError(f"Images belong to the user's messages, not to the {role}'s.")
        turns.append((role, content))
    if not turns or turns[0][0] != "system":
        return None, turns
    return "".join(part.text for part in turns[0][1] if isinstance(part, Text)), turns[1:]


def _fields(message: Any) -> tuple[Any, Any]:
    if not isinstance(message, Mapping):
        raise TemplateError(
            f"A message has a role and a content; this is a {type(message).__name__}."
        )
    return message.get("role"), message.get("content")


def _content(content: Any, numbers: Iterator[int]) -> Content:
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)]
    if isinstance(content, Sequence):
        return [_part(part, numbers) for part in content]
    raise TemplateError(
        f"A message's content is a text or a list of parts, not {type(content).__name__}."
    )


def _part(part: Any, numbers: Iterator[int]) -> Text | Image:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in ("image", "image_url"):
        return Image(next(numbers))
    if kind == "text" and isinstance(part.get("text"), str):
        return Text(part["text"])
    raise TemplateError("A part of a message is an image, or a text with its `text`.")


def _written(content: Content) -> bool:
    return any(isinstance(part, Image) or part.text for part in content)


def _awaits_answer(turns: Sequence[Turn]) -> bool:
    """Whether the last message is an answer still to come."""
    return bool(turns) and turns[-1][0] == "assistant" and not _written(turns[-1][1])


def get_template(name: str) -> Template:
    """The template of that name (`llava/conversation.py`'s names). Raises TemplateError."""
    from model.templates import TEMPLATES  # it is built of this module's classes

    if name not in TEMPLATES:
        known = ", ".join(TEMPLATES)
        raise TemplateError(f"There is no template {name[:60]!r}; there are {known}.")
    return TEMPLATES[name]
