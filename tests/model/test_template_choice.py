"""Each known checkpoint gets the prompt that it was trained with."""

import pytest

from model.errors import TemplateError
from model.template_choice import choose_template

LLAMA = {"text_config": {"model_type": "llama", "vocab_size": 32064}}


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("llava-hf/llava-1.5-7b-hf", "v1"),
        ("liuhaotian/llava-v1.5-13b", "v1"),
        ("llava-hf/llava-v1.6-vicuna-7b-hf", "v1"),
        ("llava-hf/llava-v1.6-mistral-7b-hf", "mistral_instruct"),
        ("llava-hf/bakLlava-v1-hf", "mistral_instruct"),
        ("llava-hf/llava-v1.6-34b-hf", "chatml_direct"),
        ("llava-hf/llama3-llava-next-8b-hf", "llava_llama_3"),
        ("llava-hf/llava-interleave-qwen-0.5b-hf", "qwen_1_5"),
        ("llava-hf/llava-onevision-qwen2-7b-ov-hf", "qwen_1_5"),
        ("liuhaotian/LLaVA-7b-delta-v0", "llava_v0"),
        ("liuhaotian/llava-llama-2-13b-chat-lightning-preview", "llava_llama_2"),
        ("pocket", "v1"),
        ("my-own-folder", "v1"),
    ],
)
def test_by_name(name, template):
    assert choose_template(LLAMA, {}, name).name == template


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ({"model_type": "qwen2", "vocab_size": 152000}, "qwen_1_5"),
        ({"model_type": "mistral"}, "mistral_instruct"),
        ({"model_type": "llama", "vocab_size": 128320}, "llava_llama_3"),
        ({"model_type": "llama", "vocab_size": 64064}, "chatml_direct"),
        ({}, "v1"),
    ],
)
def test_by_language_model_when_the_name_says_nothing(text, template):
    assert choose_template({"text_config": text}, {}, "x").name == template


def test_the_users_choice_goes_first():
    assert choose_template(LLAMA, {}, "llava-1.5-7b-hf", "llama_2").name == "llama_2"
    with pytest.raises(TemplateError):
        choose_template(LLAMA, {}, "x", "nonsense")


def test_llavas_own_version_field_counts():
    assert choose_template({**LLAMA, "version": "llava_v0"}, {}, "llava-1.5").name == "llava_v0"
