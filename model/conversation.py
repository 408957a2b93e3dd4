"""Writes a conversation in the form that a LLaVA was trained on.

A template is data (`model/templates.py`); `Template.parts` is the one formatter. It tells control
text from what people wrote, so that tokenising can keep the two apart. Knows nothing of token ids.
Source: `llava/conversation.py` of haotian-liu/LLaVA and LLaVA-VL/LLaVA-NeXT.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from model.errors import TemplateError

IMAGE_MARK = "<image>"


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
Frame: TypeAlias = tuple[str, str]  # what stands before and after a message


@dataclass(frozen=True, slots=True)
class Template:
    """One way to write conversations.

    `bare` is how an empty message of the user and of the assistant is written; the assistant's
    also asks for the answer. `again` stands before every user turn but the first.
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
    interleaved: bool = False  # images stay where they stand in a message
    image_turn: bool = False  # the first message's images get a turn of their own ("mmtag")

    def render(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True) -> str:
        """The prompt as one string, an `<image>` for each picture.

        Messages are in OpenAI's shape: `{"role": .., "content": text or parts}`, the parts being
        `{"type": "image"}` and `{"type": "text", "text": ..}`. Raises TemplateError.
        """
        parts = self.parts(messages, add_generation_prompt=add_generation_prompt)
        return "".join(IMAGE_MARK if isinstance(part, Image) else part.text for part in parts)

    def parts(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True) -> list[Part]:
        """The prompt as control, text and image parts, which `render` joins."""
        system, turns = self._split(messages)
        opening = self._system(system)
        numbers = iter(range(sum(_images(content) for _, content in turns)))
        parts: list[Part] = [] if self.system_in_user else opening
        seen = False  # a user's turn, so far
        for place, (role, content) in enumerate(turns):
            lead = opening if self.system_in_user and place == 0 else []
            if role == "user" and seen:
                parts.append(Control(self.again))
            seen = seen or role == "user"
            if place == 0 and self.image_turn and _images(content):
                tags = [p for _ in range(_images(content)) for p in (Control("<Image>"), Image(next(numbers)), Control("</Image>"))]
                parts += [Control(self.user[0]), *lead, *tags, Control(self.user[1])]
                parts += [Control(self.assistant[0]), Control("Received."), Control(self.assistant[1]), Control(self.again)]
                content, lead = [Text("".join(p.text for p in content if isinstance(p, Text)).strip())], []
            parts += self._message(role, content, numbers, lead, first=place == 0)
        if add_generation_prompt and not (turns and turns[-1][0] == "assistant" and not _written(turns[-1][1])):
            parts.append(Control(self.bare[1]))
        return [part for part in parts if isinstance(part, Image) or part.text]

    def _message(
        self, role: str, content: "Content", numbers: Iterator[int], lead: list[Part], *, first: bool
    ) -> list[Part]:
        before, after = self.user if role == "user" else self.assistant
        if not _written(content):
            return [Control(self.bare[role == "assistant"])]
        body = content if self.interleaved else _images_first(content, strip=first and _images(content) > 0)
        written: list[Part] = []
        for part in body:
            written += [part] if isinstance(part, Text) else [Image(next(numbers)), Control("\n")]
        return [Control(before), *lead, *written, Control(after)]

    def _system(self, system: str | None) -> list[Part]:
        """The system prompt in its frame; nothing at all where it is empty."""
        if system is None:
            text: Part = Control(self.system)
        elif self.system_frame is None and system:
            raise TemplateError(f"The template {self.name} has no place for a system prompt: leave it empty.")
        else:
            text = Text(system)
        if not text.text or self.system_frame is None:
            return []
        return [Control(self.system_frame[0]), text, Control(self.system_frame[1])]

    def _split(self, messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, list[tuple[str, "Content"]]]:
        """A leading system message's text (None without one), and the other messages, checked."""
        system = None
        turns = []
        for place, message in enumerate(messages):
            role = message.get("role")
            content = _content(message)
            if role == "system" and place == 0:
                if _images(content):
                    raise TemplateError("A system message holds text only, not images.")
                system = "".join(part.text for part in content if isinstance(part, Text))
            elif role in ("user", "assistant"):
                if role == "assistant" and _images(content):
                    raise TemplateError("Images belong to the user's messages, not to the assistant's.")
                turns.append((role, content))
            else:
                raise TemplateError(
                    f"Message {place + 1} has the role {role!r}; expected user or assistant, or a system message first."
                )
        return system, turns


Content: TypeAlias = list[Text | Image]


def _content(message: Mapping[str, Any]) -> Content:
    content = message.get("content")
    if isinstance(content, str):
        return [Text(content)]
    if content is None:
        return []
    if not isinstance(content, Sequence):
        raise TemplateError(f"A message's content is text or a list of parts, not {type(content).__name__}.")
    return [_part(part) for part in content]


def _part(part: Any) -> Text | Image:
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    if kind == "image":
        return Image(-1)  # numbered when it is written
    if kind == "text" and isinstance(part.get("text"), str):
        return Text(part["text"])
    raise TemplateError(f"A part of a message is an image or a text; this one is of type {kind!r}.")


def _images(content: Content) -> int:
    return sum(isinstance(part, Image) for part in content)


def _written(content: Content) -> bool:
    """LLaVA writes a message without text as one that is still to come."""
    return any(isinstance(part, Image) or part.text for part in content)


def _images_first(content: Content, *, strip: bool) -> Content:
    """Images, then text: where LLaVA-1.5 was taught to expect them.

    LLaVA strips the text of a first message that comes with an image, and no other.
    """
    text = "".join(part.text for part in content if isinstance(part, Text))
    return [*(part for part in content if isinstance(part, Image)), Text(text.strip() if strip else text)]


def get_template(name: str) -> Template:
    """The template of that name (`llava/conversation.py`'s names). Raises TemplateError."""
    from model.templates import TEMPLATES  # it is built of this module's classes

    if name not in TEMPLATES:
        raise TemplateError(f"There is no template {name[:60]!r}; there are {', '.join(TEMPLATES)}.")
    return TEMPLATES[name]
