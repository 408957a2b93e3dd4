"""Each known checkpoint gets the prompt that it was trained with."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.chat_template import own_template
from model.checkpoint import _tokenizer_config, load
from model.conversation import Template
from model.errors import TemplateError
from model.shelf.curated import CURATED, Curated
from model.template_choice import choose_template
from tests.checkpoints import write_checkpoint


def config(kind: str, vocabulary: int = 32064) -> dict[str, Any]:
    return {"model_type": "llava", "text_config": {"model_type": kind, "vocab_size": vocabulary}}


LLAMA = config("llama")


@pytest.mark.parametrize(
    ("name", "kind", "template"),
    [
        ("llava-hf/llava-1.5-7b-hf", "llama", "v1"),
        ("liuhaotian/llava-v1.5-13b", "llama", "v1"),
        ("llava-hf/llava-v1.6-vicuna-7b-hf", "llama", "v1"),
        ("llava-hf/llava-v1.6-mistral-7b-hf", "mistral", "mistral_instruct"),
        ("llava-hf/bakLlava-v1-hf", "mistral", "mistral_instruct"),
        ("llava-hf/llava-v1.6-34b-hf", "llama", "chatml_direct"),
        ("llava-hf/llama3-llava-next-8b-hf", "llama", "llava_llama_3"),
        ("llava-hf/llava-interleave-qwen-0.5b-hf", "qwen2", "qwen_1_5"),
        ("llava-hf/llava-onevision-qwen2-7b-ov-hf", "qwen2", "qwen_1_5"),
        ("lmms-lab/llava-qwen2.5-7b", "qwen2", "qwen_2_5"),
        ("liuhaotian/LLaVA-7b-delta-v0", "llama", "llava_v0"),
        ("liuhaotian/llava-llama-2-13b-chat-lightning-preview", "llama", "llava_llama_2"),
        ("someone/tiny-llava-v1-qwen", "qwen2", "qwen_1_5"),
        ("my-llava-1.5", "qwen2", "qwen_1_5"),
        ("pocket", "llama", "v1"),
        ("my-own-folder", "llama", "v1"),
        ("playing-with-llava", "llama", "v1"),
    ],
)
def test_by_name_where_the_language_model_is_of_that_type(
    name: str, kind: str, template: str
) -> None:
    assert choose_template(config(kind), {}, name).name == template
    assert choose_template(config(kind) | {"_name_or_path": name}, {}, "x").name == template


OFFERED = {
    "llava-interleave-0.5b": "qwen_1_5",
    "llava-onevision-0.5b": "qwen_1_5",
    "llava-1.5-7b": "v1",
    "llava-1.5-13b": "v1",
    "bakllava": "mistral_instruct",
    "llava-llama-3-8b": "llama_3",
    "vip-llava-7b": "v1",
    "vip-llava-13b": "v1",
    "llava-1.6-vicuna-7b": "v1",
    "llava-1.6-mistral-7b": "mistral_instruct",
    "llava-next-llama-3-8b": "llava_llama_3",
    "llava-1.6-vicuna-13b": "v1",
    "llava-interleave-7b": "qwen_1_5",
    "llava-onevision-7b": "qwen_1_5",
    "llava-1.6-34b": "chatml_direct",
}


@pytest.mark.parametrize("offered", CURATED, ids=lambda offered: offered.alias)
def test_each_model_of_the_shelf_gets_its_own_by_name_and_by_sizes(offered: Curated) -> None:
    expected = OFFERED[offered.alias]
    language = offered.language
    given = config(language.kind, language.vocabulary)
    assert choose_template(given, {"chat_template": "X"}, offered.repository).name == expected
    by_sizes = choose_template(given, {"chat_template": "X"}, "a-folder").name
    assert by_sizes == {"llama_3": "llava_llama_3"}.get(expected, expected)


@pytest.mark.parametrize(
    ("name", "kind", "template"),
    [
        ("liuhaotian/LLaVA-13b-delta-v0", "llava", "llava_v0"),
        ("liuhaotian/LLaVA-Lightning-MPT-7B-preview", "llava_mpt", "mpt"),
        ("liuhaotian/llava-v1-0719-336px-lora-merge-vicuna-13b-v1.3", "llava", "v1"),
        ("liuhaotian/llava-v1.5-7b", "llava", "v1"),
        ("liuhaotian/llava-v1.5-13b", "llava_llama", "v1"),
        ("liuhaotian/llava-v1.6-vicuna-7b", "llava_llama", "v1"),
        ("liuhaotian/llava-v1.6-vicuna-13b", "llava", "v1"),
        ("liuhaotian/llava-v1.6-mistral-7b", "llava_mistral", "mistral_instruct"),
        ("liuhaotian/llava-v1.6-34b", "llava", "chatml_direct"),
        ("lmms-lab/llama3-llava-next-8b", "llava_llama", "llava_llama_3"),
        ("lmms-lab/llava-next-72b", "llava_qwen", "qwen_1_5"),
        ("lmms-lab/llava-next-110b", "llava_qwen", "qwen_1_5"),
        ("lmms-lab/llava-next-interleave-qwen-0.5b", "llava_qwen", "qwen_1_5"),
        ("lmms-lab/llava-onevision-qwen2-0.5b-ov", "llava_qwen", "qwen_1_5"),
        ("mucai/vip-llava-7b", "llava", "v1"),
    ],
)
def test_originals_by_name_and_type_on_top(name: str, kind: str, template: str) -> None:
    assert choose_template({"model_type": kind}, {"chat_template": "X"}, name).name == template


@pytest.mark.parametrize(
    ("given", "template"),
    [
        (config("qwen2", 152000), "qwen_1_5"),
        (config("mistral"), "mistral_instruct"),
        (config("llama", 128320), "llava_llama_3"),
        (config("llama", 64064), "chatml_direct"),
        ({"model_type": "llava_mistral", "vocab_size": 32000}, "mistral_instruct"),
        ({"model_type": "llava_qwen"}, "qwen_1_5"),
        ({"model_type": "llava_llama"}, "v1"),
        ({"model_type": "llava", "vocab_size": 32000}, "v1"),
        ({"text_config": {}}, "v1"),
        ({}, "v1"),
    ],
)
def test_by_language_model_when_the_name_says_nothing(given: dict[str, Any], template: str) -> None:
    assert choose_template(given, {"chat_template": "X"}, "x").name == template


def test_the_checkpoints_own_where_none_of_ours_fits() -> None:
    assert choose_template(config("strange"), {"chat_template": "X"}, "x").name == "chat_template"
    assert choose_template(config("strange"), {}, "x").name == "v1"


def test_the_users_choice_goes_first() -> None:
    own = {"chat_template": "X"}
    assert choose_template(LLAMA, own, "llava-1.5-7b-hf", "llama_2").name == "llama_2"
    assert choose_template(LLAMA, own, "llava-1.5-7b-hf", "chat_template").name == "chat_template"
    for nothing in ("nonsense", "chat_template"):
        with pytest.raises(TemplateError):
            choose_template(LLAMA, {}, "x", nothing)


def test_llavas_own_version_field_counts() -> None:
    for version, template in (("llava_v0", "llava_v0"), ("of yesterday", "v1"), (3, "v1")):
        assert choose_template(LLAMA | {"version": version}, {}, "llava-1.5").name == template


def test_pictures_of_the_first_llavas_are_framed_where_they_were_in_training() -> None:
    template = choose_template({**LLAMA, "mm_use_im_start_end": True}, {}, "x")
    assert isinstance(template, Template)
    content = [{"type": "image"}, {"type": "text", "text": "Hi"}]
    prompt = template.render([{"role": "user", "content": content}])
    assert prompt.endswith("USER: <im_start><image><im_end>\nHi ASSISTANT:")


@pytest.mark.parametrize("file", ["chat_template.jinja", "chat_template.json"])
def test_a_checkpoints_own_template_is_read_but_llavas_answers(tmp_path: Path, file: str) -> None:
    folder = write_checkpoint(tmp_path / "x")
    own = "{{ 'own' }}"
    written = json.dumps({"chat_template": own}) if file.endswith("json") else own
    (folder / file).write_text(written)
    found = own_template(_tokenizer_config(folder))
    assert found is not None and found.source == own
    assert load(folder).template.name == "v1"
