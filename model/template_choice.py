"""Which template answers for a checkpoint: the one that it was trained with.

In order: what the user chose; what the checkpoint's name or LLaVA's own fields say; the type of
its language model. `docs/decisions/` has why llava-hf's chat templates only serve for comparison.
"""

import re
from collections.abc import Mapping
from typing import Any

from model.conversation import Template, get_template
from model.templates import TEMPLATES

# The first pattern found in the lower-case name decides (reference: LLaVA's `run_llava.py`).
_NAMES = (
    (r"34b|yi", "chatml_direct"),
    (r"llama-?3", "llava_llama_3"),
    (r"qwen|interleave|onevision", "qwen_1_5"),
    (r"mpt", "mpt"),
    (r"mistral|bakllava", "mistral_instruct"),
    (r"llama-?2", "llava_llama_2"),
    (r"delta-v0|llava-v0|-v0\b", "llava_v0"),
    (r"v1|1\.5|1\.6|vicuna|pocket", "v1"),
)
_YI_VOCABULARY, _LLAMA_3_VOCABULARY = range(64_000, 64_100), range(128_000, 129_000)


def choose_template(
    config: Mapping[str, Any], tokenizer_config: Mapping[str, Any], name_hint: str, chosen: str | None = None
) -> Template:
    """The template for a checkpoint of that `config.json`; `chosen` overrules.

    Raises TemplateError when there is no template of the chosen name.
    """
    if chosen is not None:
        return get_template(chosen)
    version = config.get("version")
    if isinstance(version, str) and version in TEMPLATES:
        return get_template(version)
    for name in (name_hint, config.get("_name_or_path"), tokenizer_config.get("name_or_path")):
        for pattern, template in _NAMES:
            if isinstance(name, str) and re.search(pattern, name.lower()):
                return get_template(template)
    return get_template(_by_language_model(config))


def _by_language_model(config: Mapping[str, Any]) -> str:
    text = config.get("text_config")
    text = text if isinstance(text, Mapping) else config
    kind = str(text.get("model_type", "llama"))
    vocabulary = text.get("vocab_size", 0)
    if "qwen" in kind:
        return "qwen_1_5"
    if "mistral" in kind:
        return "mistral_instruct"
    if vocabulary in _LLAMA_3_VOCABULARY:
        return "llava_llama_3"
    return "chatml_direct" if vocabulary in _YI_VOCABULARY else "v1"
