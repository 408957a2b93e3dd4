"""Each known checkpoint gets the prompt that it was trained with."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.chat_template import own_template
from model.checkpoint import load, tokenizer_config
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
        ("bakllava-of-mine", "mistral", "v1"),
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


TRAINED_WITH = {
    "llava-hf/llava-interleave-qwen-0.5b-hf": "qwen_1_5",
    "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": "qwen_1_5",
    "llava-hf/llava-1.5-7b-hf": "v1",
    "llava-hf/llava-1.5-13b-hf": "v1",
    "llava-hf/bakLlava-v1-hf": "v1",
    "xtuner/llava-llama-3-8b-v1_1-transformers": "llama_3",
    "llava-hf/vip-llava-7b-hf": "v1",
    "llava-hf/vip-llava-13b-hf": "v1",
    "llava-hf/llava-v1.6-vicuna-7b-hf": "v1",
    "llava-hf/llava-v1.6-mistral-7b-hf": "mistral_instruct",
    "llava-hf/llama3-llava-next-8b-hf": "llava_llama_3",
    "llava-hf/llava-v1.6-vicuna-13b-hf": "v1",
    "llava-hf/llava-interleave-qwen-7b-hf": "qwen_1_5",
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": "qwen_1_5",
    "llava-hf/llava-v1.6-34b-hf": "chatml_direct",
}


@pytest.mark.parametrize("known", CURATED, ids=lambda known: known.alias)
def test_every_model_of_the_shelf_gets_the_prompt_it_was_trained_with(known: Curated) -> None:
    language = {"model_type": known.language.kind, "vocab_size": known.language.vocabulary}
    given = {"model_type": known.family, "text_config": language}
    hub = {"chat_template": "X", "tokenizer_class": "LlamaTokenizer"}
    assert choose_template(given, hub, known.repository).name == TRAINED_WITH[known.repository]


# Name, `model_type`, `vocab_size` and template of checkpoints in the original form.
ORIGINAL = [
    ("liuhaotian/LLaVA-7b-delta-v0", "llava", 32003, "llava_v0"),
    ("liuhaotian/LLaVA-13b-delta-v0-science_qa", "llava", 32003, "llava_v0"),
    ("liuhaotian/LLaVA-Lightning-7B-delta-v1-1", "llava", 32003, "v1"),
    ("liuhaotian/llava-v1-0719-336px-lora-merge-vicuna-13b-v1.3", "llava", 32000, "v1"),
    (
        "liuhaotian/llava-llama-2-13b-chat-lightning-preview",
        "llava",
        32000,
        "llava_llama_2",
    ),
    ("liuhaotian/LLaVA-Lightning-MPT-7B-preview", "llava_mpt", 50282, "mpt"),
    ("liuhaotian/llava-v1.5-7b", "llava", 32000, "v1"),
    ("liuhaotian/llava-v1.5-13b", "llava_llama", 32000, "v1"),
    ("liuhaotian/llava-v1.6-vicuna-7b", "llava", 32000, "v1"),
    ("liuhaotian/llava-v1.6-vicuna-13b", "llava", 32000, "v1"),
    ("liuhaotian/llava-v1.6-mistral-7b", "llava_mistral", 32000, "mistral_instruct"),
    ("liuhaotian/llava-v1.6-34b", "llava_llama", 64000, "chatml_direct"),
    ("lmms-lab/llama3-llava-next-8b", "llava_llama", 128256, "llava_llama_3"),
    ("lmms-lab/llava-next-72b", "llava_qwen", 152064, "qwen_1_5"),
    ("lmms-lab/llava-next-110b", "llava_qwen", 152064, "qwen_1_5"),
    ("lmms-lab/llava-next-interleave-qwen-0.5b", "llava_qwen", 151936, "qwen_1_5"),
    ("lmms-lab/llava-next-interleave-qwen-7b-dpo", "llava_qwen", 151936, "qwen_1_5"),
    ("lmms-lab/llava-onevision-qwen2-0.5b-ov", "llava_qwen", 151936, "qwen_1_5"),
    ("lmms-lab/llava-onevision-qwen2-7b-ov-chat", "llava_qwen", 152064, "qwen_1_5"),
    ("SkunkworksAI/BakLLaVA-1", "llava_mistral", 32000, "v1"),
    ("xtuner/llava-llama-3-8b-v1_1-hf", "llava_llama", 128256, "llama_3"),
]


@pytest.mark.parametrize(("name", "kind", "vocabulary", "template"), ORIGINAL)
def test_every_original_checkpoint_gets_the_prompt_it_was_trained_with(
    name: str, kind: str, vocabulary: int, template: str
) -> None:
    given = {"model_type": kind, "vocab_size": vocabulary, "mm_use_im_start_end": False}
    given["mm_vision_tower"] = "openai/clip-vit-large-patch14-336"
    assert choose_template(given, {"chat_template": "X"}, name).name == template


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
    found = own_template(tokenizer_config(folder))
    assert found is not None and found.source == own
    assert load(folder).template.name == "v1"
