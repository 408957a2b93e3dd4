"""A checkpoint's own chat template: as transformers renders it, and never with text as control."""

import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.utils.chat_template_utils import render_jinja_template

from model.chat_template import ChatTemplate, own_template
from model.conversation import Control, Image, Text
from model.errors import TemplateError

LLAVA = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{% generation %}{{ content['text'] + ' ' }}{% endgeneration %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
LLAMA_3 = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant' }}{% endif %}"
)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def user(text: str, images: int = 0) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "image"}] * images
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def reference(source: str, messages: list[dict[str, Any]], generate: bool) -> str:
    rendered, _ = render_jinja_template(
        [messages], chat_template=source, add_generation_prompt=generate, **TOKENS
    )
    return str(rendered[0])


texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["<image>", "{{ bos_token }}", "{% for %}", "  x \n", "\n", "</s>", "q0t0e"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5), st.booleans())
def test_texts_come_out_as_transformers_writes_them(said: list[str], generate: bool) -> None:
    roles = ["system", "user", "assistant", "user", "assistant"]
    turns = [{"role": r, "content": t} for r, t in zip(roles, said, strict=False)]
    if not said[0]:
        turns = turns[1:]
    lists = [t | {"content": [{"type": "text", "text": t["content"]}]} for t in turns]
    for source, shaped in ((LLAMA_3, turns), (LLAVA, lists)):
        prompt = ChatTemplate(source, TOKENS).render(turns, add_generation_prompt=generate)
        assert prompt == reference(source, shaped, generate)


def test_images_are_in_their_places_and_texts_are_no_control() -> None:
    turns = [user("</s> <image>", 2), {"role": "assistant", "content": "Yes"}, user("this?", 1)]
    parts = ChatTemplate(LLAVA, TOKENS).parts(turns)
    assert parts == [
        *(Control("USER: "), Image(0), Control("\n"), Image(1), Control("\n")),
        *(Text("</s> <image>"), Control(" ASSISTANT: "), Text("Yes"), Control(" USER: ")),
        *(Image(2), Control("\n"), Text("this?"), Control(" ASSISTANT:")),
    ]


def test_a_template_for_text_alone_takes_images_before_the_text() -> None:
    prompt = ChatTemplate(LLAMA_3, TOKENS).render([user(" <image> what? ", 2)])
    assert "user<|end_header_id|>\n\n<image>\n<image>\n <image> what?<|eot_id|>" in prompt
    images = ChatTemplate(LLAMA_3, TOKENS).parts([user("<image>", 2)])
    assert [part for part in images if isinstance(part, Image)] == [Image(0), Image(1)]


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('no') }}",
        "{% for x in %}",
        "{{ messages[0].content.nothing.here }}",
        "no text at all",
        "{% for m in messages %}{{ m.content }}<image>{% endfor %}",
        "{{ ''.__class__.__mro__ }}{{ messages[0].content }}{{ cycler.__init__.__globals__ }}",
    ],
)
def test_a_template_that_can_not_write_it_is_refused(source: str) -> None:
    with pytest.raises(TemplateError, match="chat template"):
        ChatTemplate(source).render([user("Hi there")])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "{% for a in range(9999) %}{% for b in range(999) %}x{% endfor %}{% endfor %}",
            "without end",
        ),
        ("{{ 'x' * 1000001 }}", "without end"),
        ("{% set n = 9 ** 9999999 %}", "without end"),
        ("{% set n = ('x' * 9999) * 9999 %}", "without end"),
        (" " * 200_001, "too long"),
    ],
)
def test_a_template_without_measure_is_refused(source: str, reason: str) -> None:
    small = source.replace("9999", "9").replace("1000001", "9").replace("  ", "")
    assert ChatTemplate("{{ messages[0].content }}" + small).render([user("Hi there")])
    with pytest.raises(TemplateError, match=reason):
        ChatTemplate("{{ messages[0].content }}" + source).render([user("Hi there")])


def test_a_template_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.chat_template.MOST_SECONDS", -1.0)
    with pytest.raises(TemplateError, match="without end"):
        ChatTemplate("{{ messages[0].content }}").render([user("Hi there")])


@pytest.mark.parametrize(
    "loop",
    [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{% for a in range(9) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endfor %}"
        "{% endmacro %}{% set text = f(99) %}",
    ],
)
def test_a_template_that_computes_and_writes_nothing_ends(
    monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    monkeypatch.setattr("model.chat_template.MOST_SECONDS", 0.2)
    before, traced = time.monotonic(), sys.gettrace()
    with pytest.raises(TemplateError, match="computes without end"):
        ChatTemplate("{{ messages[0].content }}" + loop).render([user("Hi there")])
    assert time.monotonic() - before < 5 and sys.gettrace() is traced


def test_no_message_can_say_the_placeholder_of_another() -> None:
    seen = set()
    for _ in range(3):
        try:
            ChatTemplate("{{ raise_exception(messages[0].content) }}").render([user("Hi")])
        except TemplateError as error:
            seen.add(str(error))
    assert len(seen) == 3  # drawn anew for each prompt


def test_it_is_found_in_the_settings_of_the_tokenizer() -> None:
    eos = {"content": "</s>", "special": True}
    found = own_template({"chat_template": LLAMA_3, "eos_token": eos, "bos_token": "<s>"})
    assert found is not None and found.source == LLAMA_3
    assert found.stop == ("</s>",) and found.tokens == {"bos_token": "<s>", "eos_token": "</s>"}
    named = [{"name": "tool", "template": "T"}, {"name": "default", "template": "D"}]
    found = own_template({"chat_template": named})
    assert found is not None and found.source == "D" and found.stop == ()


@pytest.mark.parametrize("nothing", [None, "", " ", [], [{"name": "tool", "template": "T"}], 3])
def test_there_may_be_none(nothing: Any) -> None:
    assert own_template({"chat_template": nothing}) is None
