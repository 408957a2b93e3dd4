"""A checkpoint's own chat template, for checkpoints that none of LLaVA's templates fits.

It runs in transformers' sandbox and never sees what people wrote: texts go in as placeholders that
nobody can guess, and are put back as text parts. Its output and its time are bounded.
"""

import math
import operator
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from transformers.utils.chat_template_utils import _compile_jinja_template

from model.conversation import (
    IMAGE_MARK,
    Content,
    Control,
    Image,
    Part,
    Template,
    Text,
    join,
    read_messages,
)
from model.errors import TemplateError

MOST_SOURCE = 200_000  # characters
MOST_CONTROL = 1_000_000  # characters that a template may write
MOST_SECONDS = 5.0
VARIABLES = ("bos_token", "eos_token", "pad_token", "unk_token", "image_token")


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """`Template`'s interface for a Jinja chat template; `tokens` are the special ones it writes."""

    source: str
    tokens: Mapping[str, str] = field(default_factory=dict)
    name: str = "chat_template"
    system: str = ""

    @property
    def stop(self) -> tuple[str, ...]:
        """The strings that end an answer."""
        return tuple(text for text in [self.tokens.get("eos_token")] if text)

    def render(
        self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True
    ) -> str:
        """The prompt as one string, an `<image>` for each picture. Raises TemplateError."""
        return join(self.parts(messages, add_generation_prompt=add_generation_prompt))

    def parts(
        self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = True
    ) -> list[Part]:
        """The prompt as control, text and image parts, which `render` joins."""
        system, turns = read_messages(messages)
        if system:
            turns = [("system", [Text(system)]), *turns]
        quoted = _Quoted(structured="image" in self.source)
        shaped = [{"role": role, "content": quoted.content(content)} for role, content in turns]
        written = self._run(shaped, add_generation_prompt)
        return quoted.parts(written)

    def _run(self, messages: list[dict[str, Any]], add_generation_prompt: bool) -> str:
        if len(self.source) > MOST_SOURCE:
            raise TemplateError("The checkpoint's chat template is far too long.")
        given = {"messages": messages, "add_generation_prompt": add_generation_prompt}
        written, size = [], 0
        try:
            compiled = _compiled(self.source)
            with _ended_after(MOST_SECONDS):
                for piece in compiled.generate(**self.tokens, **given, tools=None, documents=None):
                    written.append(piece)
                    size += len(piece)
                    if size > MOST_CONTROL:
                        raise TemplateError("it writes without end")
        except Exception as error:  # the template is a program: it raises what it likes
            raise TemplateError(
                f"The checkpoint's chat template can't write this conversation: {str(error)[:200]}."
            ) from error
        return "".join(written)


def _compiled(source: str) -> Any:
    """The template in transformers' sandbox, whose products and powers are kept small."""
    sandbox = _compile_jinja_template("").environment.overlay()
    sandbox.intercepted_binops = frozenset({"*", "**"})
    small = {"*": _small(operator.mul), "**": _small(operator.pow)}
    sandbox.binop_table = sandbox.default_binop_table | small
    return sandbox.from_string(source)


def _small(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`operation`, refused for large values: it is one step, in which no clock is looked at."""

    def calculated(left: Any, right: Any) -> Any:
        sizes = [abs(n) if isinstance(n, int | float) else len(n) for n in (left, right)]
        texts = any(not isinstance(n, int | float) for n in (left, right))
        if max(sizes) > MOST_CONTROL or (texts and math.prod(sizes) > MOST_CONTROL):
            raise TemplateError("it computes without end")
        return operation(left, right)

    return calculated


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """Raise TemplateError in what this thread runs within, at its first line past the time."""
    ends = time.monotonic() + seconds

    def look(*_: object) -> Any:
        if time.monotonic() > ends:
            raise TemplateError("it computes without end")
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)


Shaped: TypeAlias = str | list[dict[str, str]]


class _Quoted:
    """Texts and images of one conversation, and the placeholders that stand for them.

    `structured`: the template takes a message as a list of parts, and writes `<image>` itself.
    """

    def __init__(self, *, structured: bool) -> None:
        self._structured = structured
        self._secret = f"q{secrets.token_hex(16)}"
        self._texts: list[str] = []
        self._images = 0

    def content(self, content: Content) -> Shaped:
        """A message as the template sees it."""
        self._images += sum(isinstance(part, Image) for part in content)
        if self._structured:
            return [
                {"type": "image"}
                if isinstance(part, Image)
                else {"type": "text", "text": self._text(part.text)}
                for part in content
            ]
        images = [f"{self._secret}i\n" for part in content if isinstance(part, Image)]
        texts = [self._text(part.text) for part in content if isinstance(part, Text)]
        return "".join([*images, *texts])

    def parts(self, written: str) -> list[Part]:
        """What the template wrote, with texts and images in their places.

        Raises TemplateError where one is missing, or there are more images than were given.
        """
        mark = re.escape(IMAGE_MARK) if self._structured else f"{self._secret}i"
        parts: list[Part] = []
        seen: set[int] = set()
        images = end = 0
        for match in re.finditer(rf"{self._secret}t(\d+)e|{mark}", written):
            parts.append(Control(written[end : match.start()]))
            end = match.end()
            if match[1] is None:
                parts.append(Image(images))
                images += 1
            else:
                parts.append(Text(self._texts[int(match[1])]))
                seen.add(int(match[1]))
        parts.append(Control(written[end:]))
        if images != self._images or len(seen) != len(self._texts):
            raise TemplateError(
                f"The checkpoint's chat template wrote {images} of {self._images} images and "
                f"{len(seen)} of {len(self._texts)} texts: it isn't made for such a conversation."
            )
        return [part for part in parts if isinstance(part, Image) or part.text]

    def _text(self, text: str) -> str:
        """A placeholder in the text's own white space, so that a template that trims, trims it."""
        inner = text.strip()
        if not inner:
            return text
        before = len(text) - len(text.lstrip())
        self._texts.append(inner)
        placeholder = f"{self._secret}t{len(self._texts) - 1}e"
        return f"{text[:before]}{placeholder}{text[before + len(inner) :]}"


def own_template(tokenizer_config: Mapping[str, Any]) -> ChatTemplate | None:
    """The chat template that comes with a checkpoint, None where there is none."""
    source = tokenizer_config.get("chat_template")
    if isinstance(source, list):  # several, by name
        named = {t.get("name"): t.get("template") for t in source if isinstance(t, Mapping)}
        source = named.get("default")
    if not isinstance(source, str) or not source.strip():
        return None
    tokens = {name: _content(tokenizer_config.get(name)) for name in VARIABLES}
    return ChatTemplate(source, {name: text for name, text in tokens.items() if text})


def _content(token: Any) -> str:
    """A special token's text: written as it is, or in an object with flags."""
    text = token.get("content") if isinstance(token, Mapping) else token
    return text if isinstance(text, str) else ""


AnyTemplate: TypeAlias = Template | ChatTemplate
