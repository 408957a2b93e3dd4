"""Which template answers for a checkpoint: the one that it was trained with.

In order: what the user chose; what LLaVA's own fields or the checkpoint's name say; the type of its
language model; its own chat template. llava-hf's chat templates differ from what the weights were
trained on (no `</s>` between turns), so they come last.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model.chat_template import AnyTemplate, own_template
from model.conversation import get_template
from model.errors import TemplateError
from model.templates import OWN, TEMPLATES

# The first pattern found in the lower-case name decides, where the language model is of that type
# (llava/eval/run_llava.py, but with the wording of training and benchmarks for "v1").
_NAMES = (
    ("llama", r"34b|\byi\b", "chatml_direct"),
    ("llama", r"xtuner|llava-llama-?3-8b", "llama_3"),  # and what others made of XTuner's
    ("llama", r"llama-?3", "llava_llama_3"),
    ("qwen2", r"qwen-?2[._]5", "qwen_2_5"),
    ("qwen2", r"qwen|interleave|onevision", "qwen_1_5"),
    ("mpt", r"mpt", "mpt"),
    ("mistral", r"zephyr", "mistral_zephyr"),
    ("mistral", r"orca", "mistral_orca"),
    ("mistral", r"bakllava", "v1"),  # `--version v1` in its scripts/finetune.sh
    ("mistral", r"mistral", "mistral_instruct"),
    ("llama", r"llama-?2", "llava_llama_2"),
    ("llama", r"\bv0|-v0\b", "llava_v0"),
    ("llama", r"v1|1\.5|1\.6|vicuna|pocket", "v1"),
)
_BY_TYPE = {
    "llama": "v1",
    "mistral": "mistral_instruct",
    "mixtral": "mistral_instruct",
    "qwen2": "qwen_1_5",
    "mpt": "mpt",
    "gemma": "gemma_instruct",
}
_YI_VOCABULARY, _LLAMA_3_VOCABULARY = range(64_000, 64_200), range(128_000, 129_000)
_IMAGE_TAGS = (
    "<im_start>",
    "<im_end>\n",
)  # `mm_use_im_start_end`, of the first LLaVA's checkpoints


def choose_template(
    config: Mapping[str, Any],
    tokenizer_config: Mapping[str, Any],
    name_hint: str,
    chosen: str | None = None,
) -> AnyTemplate:
    """The template for a checkpoint of that `config.json`; `chosen` overrules.

    `chosen` is one of LLaVA's names, or `chat_template` for the checkpoint's own, which is looked
    for in `tokenizer_config`. Raises TemplateError when there is none of the chosen name.
    """
    own = own_template(tokenizer_config)
    if chosen == OWN:
        if own is None:
            raise TemplateError("The checkpoint has no chat template of its own.")
        return own
    name = chosen or template_name(config, tokenizer_config, name_hint)
    if name is None and own is not None:
        return own
    template = get_template(name or "v1")
    if config.get("mm_use_im_start_end") is True:
        return replace(template, image=_IMAGE_TAGS)
    return template


def template_name(
    config: Mapping[str, Any], tokenizer_config: Mapping[str, Any], name_hint: str
) -> str | None:
    """LLaVA's name of the template it was trained with, as far as that is known."""
    names = (name_hint, config.get("_name_or_path"), tokenizer_config.get("name_or_path"))
    return _by_field(config) or _by_name(config, names) or _by_type(config)


def _by_field(config: Mapping[str, Any]) -> str | None:
    """LLaVA's training argument `version`, where it was kept."""
    version = config.get("version")
    return version if isinstance(version, str) and version in TEMPLATES else None


def _by_name(config: Mapping[str, Any], names: tuple[Any, ...]) -> str | None:
    kind, _ = _language_model(config)
    for name in names:
        for needed, pattern, template in _NAMES:
            if kind in (needed, "") and isinstance(name, str) and re.search(pattern, name.lower()):
                return template
    return None


def _by_type(config: Mapping[str, Any]) -> str | None:
    kind, vocabulary = _language_model(config)
    if kind == "llama" and vocabulary in _LLAMA_3_VOCABULARY:
        return "llava_llama_3"
    if kind == "llama" and vocabulary in _YI_VOCABULARY:
        return "chatml_direct"
    return _BY_TYPE.get(kind or "llama")


def _language_model(config: Mapping[str, Any]) -> tuple[str, Any]:
    """Type ("" where nothing is said) and vocabulary size; the original layout has both on top."""
    text = config.get("text_config")
    if not isinstance(text, Mapping):
        text = config
    kind = str(text.get("model_type") or "").removeprefix("llava_")
    kind = {"llava": "llama", "qwen": "qwen2"}.get(kind, kind)
    return kind, text.get("vocab_size")
