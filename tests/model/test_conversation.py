"""Prompts, character by character, against those of LLaVA's own code."""

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest

from model.conversation import Control, Image, Text, get_template
from model.errors import TemplateError
from model.templates import TEMPLATES

Message = dict[str, Any]
HERE = Path(__file__).parent
GOLDENS = json.loads((HERE / "goldens" / "templates.json").read_text())
MORE = json.loads((HERE / "goldens" / "template_cases.json").read_text(encoding="utf-8"))
CASES = [
    (name, case, prompt)
    for name, template in GOLDENS["templates"].items()
    for case, prompt in template["golden"].items()
    if prompt is not None
]
LLAMA_3 = json.loads((HERE / "goldens" / "llama_3.json").read_text(encoding="utf-8"))
MORE_CASES = [
    (name, golden["cases"][case] | {"name": case}, prompt)
    for golden in (MORE, LLAMA_3)
    for name, prompts in golden["prompts"].items()
    for case, prompt in prompts.items()
]


def message(role: str, text: str | None, images: int) -> Message:
    parts = [{"type": "image"}] * images + [{"type": "text", "text": text}]
    return {"role": role, "content": parts if images else text}


@pytest.mark.parametrize(("name", "case", "prompt"), CASES, ids=[f"{n}-{c}" for n, c, _ in CASES])
def test_prompts_are_those_of_the_original(name: str, case: str, prompt: str) -> None:
    turns = [message(*turn) for turn in GOLDENS["cases"][case]]
    assert get_template(name).render(turns) == prompt


@pytest.mark.parametrize(
    ("name", "asked", "prompt"), MORE_CASES, ids=[f"{n}-{c['name']}" for n, c, _ in MORE_CASES]
)
def test_prompts_of_harder_cases_are_those_of_the_original(
    name: str, asked: dict[str, Any], prompt: str
) -> None:
    turns = [message(*turn) for turn in asked["messages"]]
    if asked["system"] is not None and not (name == "gemma_instruct" and asked["system"]):
        turns.insert(0, {"role": "system", "content": asked["system"]})
    template = get_template(name)
    if asked["system"] == "" and template.system_frame:
        prompt = prompt.removeprefix(template.system_frame[1])  # ours removes the frame as well
    rendered = template.render(turns, add_generation_prompt=asked["add_generation_prompt"])
    assert rendered == prompt


USER: list[Message] = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_system_message_replaces_the_text_and_keeps_its_frame(name: str) -> None:
    template = get_template(name)
    turns = [{"role": "system", "content": "Be {brief}."}, *USER]
    if template.system_frame is None:
        with pytest.raises(TemplateError):
            template.render(turns)
    elif template.system:
        assert template.render(turns) == template.render(USER).replace(
            template.system, "Be {brief}."
        )
    else:
        assert "Be {brief}." in template.render(turns)


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("v1", "USER: Hi ASSISTANT:"),
        ("llava_v0", "Human: Hi###Assistant:"),
        ("llama_2", "[INST] Hi [/INST]"),
        ("mpt", "<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n"),
        ("qwen_1_5", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
        ("gemma_instruct", "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n"),
        ("plain", "Hi\n"),
    ],
)
@pytest.mark.parametrize("empty", ["", [], None, [{"type": "text", "text": ""}]])
def test_an_empty_system_message_removes_the_text_and_its_frame(
    name: str, prompt: str, empty: Any
) -> None:
    assert get_template(name).render([{"role": "system", "content": empty}, *USER]) == prompt


def test_images_come_before_the_text_of_their_message_in_any_turn() -> None:
    turns: list[Message] = [
        message("user", "Two", 2),
        {"role": "assistant", "content": "Yes."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "And "},
                {"type": "image"},
                {"type": "text", "text": "this?"},
            ],
        },
    ]
    assert get_template("v1").render([{"role": "system", "content": ""}, *turns]) == (
        "USER: <image>\n<image>\nTwo ASSISTANT: Yes.</s>USER: <image>\nAnd this? ASSISTANT:"
    )


@pytest.mark.parametrize("name", ["qwen_1_5", "qwen_2", "qwen_2_5"])
def test_interleaved_templates_keep_text_and_images_where_they_stand(name: str) -> None:
    image, text = {"type": "image"}, {"type": "text", "text": " From "}
    content = [text, image, {"type": "text", "text": "to "}, image, image]
    prompt = get_template(name).render([{"role": "user", "content": content}])
    assert "user\n From <image>\nto <image>\n<image>\n<|im_end|>\n" in prompt


def test_the_texts_of_a_message_join_and_its_images_go_before_them_elsewhere() -> None:
    image, text = {"type": "image"}, {"type": "text", "text": "a "}
    turns = [*USER, {"role": "assistant", "content": [text, text]}]
    turns.append({"role": "user", "content": [text, image, text, {"type": "image_url"}]})
    prompt = get_template("v1").render(turns)
    assert prompt.endswith("ASSISTANT: a a </s>USER: <image>\n<image>\na a  ASSISTANT:")


def test_llamas_form_begins_with_a_question() -> None:
    for first in ([{"role": "assistant", "content": "Hi"}], [{"role": "user", "content": ""}]):
        with pytest.raises(TemplateError, match="begins with"):
            get_template("llama_2").render([*first, *USER])


# As Meta publishes it; LLaVA-NeXT's code has the tokenizer's template write `llava_llama_3`.
OF_LLAMA_3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
SYSTEM_3 = (
    "You are a helpful language and vision assistant. You are able to understand the visual "
    "content that the user provides, and assist the user with a variety of tasks using natural "
    "language."
)


@pytest.mark.parametrize("system", [None, " Be brief.\n"])
@pytest.mark.parametrize("asked", [True, False])
def test_llama_3_is_written_as_its_own_chat_template_does(system: str | None, asked: bool) -> None:
    said = [
        ("user", 1, " What is it? \n"),
        ("assistant", 0, "\nA cat. "),
        ("user", 0, "  And\n\nwhere?"),
        ("assistant", 0, "On a mat."),
        ("user", 2, " Compare them.  "),
    ]
    ours: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    theirs = [{"role": "system", "content": SYSTEM_3 if system is None else system}]
    for place, (role, images, text) in enumerate(said):
        content = [*[{"type": "image"}] * images, {"type": "text", "text": text}]
        ours.append({"role": role, "content": content})
        # LLaVA itself strips the text beside the first message's image.
        text = text.strip() if place == 0 else text
        theirs.append({"role": role, "content": "<image>\n" * images + text})
    expected = jinja2.Template(OF_LLAMA_3).render(
        messages=theirs, bos_token="", add_generation_prompt=asked
    )
    template = get_template("llava_llama_3")
    assert template.render(ours, add_generation_prompt=asked) == expected


def test_without_the_generation_prompt_the_last_turn_ends() -> None:
    turns = [*USER, {"role": "assistant", "content": "Hello."}]
    assert (
        get_template("v1")
        .render(turns, add_generation_prompt=False)
        .endswith("USER: Hi ASSISTANT: Hello.</s>")
    )
    assert get_template("v1").render(turns).endswith("Hello.</s>ASSISTANT:")


def test_an_empty_answer_is_one_still_to_come() -> None:
    turns = [*USER, {"role": "assistant", "content": ""}]
    assert get_template("v1").render(turns) == get_template("v1").render(USER)


def test_parts_tell_what_people_wrote_from_control_and_images() -> None:
    parts = get_template("v1").parts(
        [{"role": "system", "content": "S"}, message("user", "</s> <image>", 1)]
    )
    assert parts == [
        Text("S"),
        Control(" "),
        Control("USER: "),
        Image(0),
        Control("\n"),
        Text("</s> <image>"),
        Control(" "),
        Control("ASSISTANT:"),
    ]


def test_images_are_numbered_through_the_conversation() -> None:
    turns: list[Message] = [
        message("user", "a", 2),
        {"role": "assistant", "content": "b"},
        message("user", "c", 1),
    ]
    for name in ("v1", "v1_mmtag", "qwen_1_5", "llava_llama_2_mmtag"):
        assert [p.index for p in get_template(name).parts(turns) if isinstance(p, Image)] == [
            0,
            1,
            2,
        ]


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "robot", "content": "x"}],
        [*USER, {"role": "system", "content": "late"}],
        [{"role": "assistant", "content": [{"type": "image"}]}],
        [{"role": "system", "content": [{"type": "image"}]}],
        [{"role": "user", "content": [{"type": "video"}]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": [{"type": "text", "text": None}]}],
        [{"role": "user", "content": ["Hi"]}],
        [{"role": "user", "content": 7}],
        [{"content": "Hi"}],
        [{"role": ["user"], "content": "Hi"}],
        ["Hi"],
    ],
)
def test_what_can_not_be_written_is_refused(turns: Any) -> None:
    with pytest.raises(TemplateError):
        get_template("v1").render(turns)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TemplateError, match="llava_v1"):
        get_template("v9")


def test_stop_strings_are_the_ends_of_an_answer() -> None:
    for template in TEMPLATES.values():
        assert template.stop and all(template.stop)
        assert any(
            stop.strip() == template.assistant[1].strip() or stop == "\n" for stop in template.stop
        )
