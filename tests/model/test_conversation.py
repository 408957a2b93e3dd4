"""Prompts, character by character, against those of LLaVA's own code."""

import json
from pathlib import Path

import pytest

from model.conversation import Control, Image, Text, get_template
from model.errors import TemplateError
from model.templates import TEMPLATES

GOLDENS = json.loads((Path(__file__).parent / "goldens" / "templates.json").read_text())
CASES = [
    (name, case, prompt)
    for name, template in GOLDENS["templates"].items()
    for case, prompt in template["golden"].items()
    if prompt is not None
]


def message(role, text, images):
    parts = [{"type": "image"}] * images + [{"type": "text", "text": text}]
    return {"role": role, "content": parts if images else text}


@pytest.mark.parametrize(("name", "case", "prompt"), CASES, ids=[f"{n}-{c}" for n, c, _ in CASES])
def test_prompts_are_those_of_the_original(name, case, prompt):
    turns = [message(*turn) for turn in GOLDENS["cases"][case] if turn[1] is not None]
    assert get_template(name).render(turns) == prompt


USER = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_system_message_replaces_the_text_and_keeps_its_frame(name):
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
    ],
)
def test_an_empty_system_message_removes_it(name, prompt):
    assert get_template(name).render([{"role": "system", "content": ""}, *USER]) == prompt


def test_images_come_before_the_text_of_their_message_in_any_turn():
    turns = [
        message("user", "Two", 2), {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": [{"type": "text", "text": "And "}, {"type": "image"}, {"type": "text", "text": "this?"}]},
    ]  # fmt: skip
    assert get_template("v1").render([{"role": "system", "content": ""}, *turns]) == (
        "USER: <image>\n<image>\nTwo ASSISTANT: Yes.</s>USER: <image>\nAnd this? ASSISTANT:"
    )


def test_interleaved_templates_keep_images_where_they_stand():
    turns = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "From "},
                {"type": "image"},
                {"type": "text", "text": "to"},
            ],
        }
    ]
    assert "user\nFrom <image>\nto<|im_end|>" in get_template("qwen_1_5").render(turns)


def test_without_the_generation_prompt_the_last_turn_ends():
    turns = [*USER, {"role": "assistant", "content": "Hello."}]
    assert (
        get_template("v1")
        .render(turns, add_generation_prompt=False)
        .endswith("USER: Hi ASSISTANT: Hello.</s>")
    )
    assert get_template("v1").render(turns).endswith("Hello.</s>ASSISTANT:")


def test_an_empty_answer_is_one_still_to_come():
    turns = [*USER, {"role": "assistant", "content": ""}]
    assert get_template("v1").render(turns) == get_template("v1").render(USER)


def test_parts_tell_what_people_wrote_from_control_and_images():
    parts = get_template("v1").parts(
        [{"role": "system", "content": "S"}, message("user", "</s> <image>", 1)]
    )
    assert parts == [
        Text("S"), Control(" "), Control("USER: "), Image(0), Control("\n"), Text("</s> <image>"), Control(" "),
        Control("ASSISTANT:"),
    ]  # fmt: skip


def test_images_are_numbered_through_the_conversation():
    turns = [
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
        [{"role": "user", "content": 7}],
    ],
)
def test_what_can_not_be_written_is_refused(turns):
    with pytest.raises(TemplateError):
        get_template("v1").render(turns)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(TemplateError, match="llava_v1"):
        get_template("v9")


def test_stop_strings_are_the_ends_of_an_answer():
    for template in TEMPLATES.values():
        assert template.stop and all(template.stop)
        assert any(
            stop.strip() == template.assistant[1].strip() or stop == "\n" for stop in template.stop
        )
