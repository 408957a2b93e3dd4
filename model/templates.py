"""The conversation templates of LLaVA's own code, by their names there, as data.

Rows come in families that share a frame. Sources: `llava/conversation.py` of haotian-liu/LLaVA and
LLaVA-VL/LLaVA-NeXT; `llava_llama_3` is Llama 3's form, which that code takes from its tokenizer;
`llama_3`, without a system prompt, is `llama3_chat` of InternLM/xtuner (`xtuner/utils`).
"""

from dataclasses import replace

from model.conversation import Template

OWN = "chat_template"  # the name by which a checkpoint's own is chosen

_POLITE = "The assistant gives helpful, detailed, and polite answers to the {0}'s questions."
_CHAT = "A chat between a curious {0} and an artificial intelligence assistant. "
_HUMAN = (_CHAT + _POLITE).format("human")
_USER = (_CHAT + _POLITE).format("user")
_SEES = (
    "able to understand the visual content that the user provides, "
    "and assist the user with a variety of tasks using natural language."
)
_TAGGED = (
    "The visual content will be provided with the following format: <Image>visual content</Image>."
)
_MMTAG = f"{_CHAT.format('user')}The assistant is {_SEES}{_TAGGED}"
_VISION = f"You are a helpful language and vision assistant. You are {_SEES}"
_SIMPLE = "Answer the questions about the visual content that the user provides."
_LLAMA_2 = (
    "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible, "
    "while being safe.  Your answers should not include any harmful, unethical, racist, sexist, "
    "toxic, dangerous, or illegal content. Please ensure that your responses are socially unbiased "
    "and positive in nature.\n\n"
    "If a question does not make any sense, or is not factually coherent, explain why instead of "
    "answering something not correct. If you don't know the answer to a question, please don't "
    "share false information."
)
_ORCA = (
    "You are MistralOrca, a large language model trained by Alignment Lab AI. "
    "Write out your reasoning step-by-step to be sure you get the right answers!"
)
_MPT = (
    "A conversation between a user and an LLM-based AI assistant. "
    "The assistant gives helpful and honest answers."
)
_HELPFUL = "You are a helpful assistant."
_QWEN = f"You are Qwen, created by Alibaba Cloud. {_HELPFUL}"


def _single(name: str, system: str, *, image_turn: bool = False) -> Template:
    """LLaVA v0: `###Human: .. ###Assistant: ..`."""
    end = "###"
    return Template(
        name,
        system,
        user=("Human: ", end),
        assistant=("Assistant: ", end),
        bare=("Human:", "Assistant:"),
        stop=(end,),
        system_frame=("", end),
        image_turn=image_turn,
    )


def _two(name: str, system: str, *, image_turn: bool = False) -> Template:
    """Vicuna v1: `USER: .. ASSISTANT: ..</s>`. It may run on into the next `USER:` on its own."""
    return Template(
        name,
        system,
        user=("USER: ", " "),
        assistant=("ASSISTANT: ", "</s>"),
        bare=("USER:", "ASSISTANT:"),
        stop=("</s>", "USER:"),
        system_frame=("", " "),
        image_turn=image_turn,
    )


def _llama_2(name: str, system: str, start: str = "<s>", *, image_turn: bool = False) -> Template:
    """Llama 2 and Mistral: `[INST] .. [/INST] .. </s>`, the system prompt in the first turn."""
    return Template(
        name,
        system,
        user=("[INST] ", " [/INST]"),
        assistant=(" ", " </s>"),
        bare=("", ""),
        stop=("</s>",),
        system_frame=("<<SYS>>\n", "\n<</SYS>>\n\n"),
        system_in_user=True,
        again=start,
        image_turn=image_turn,
    )


def _tags(name: str, system: str, tag: str, end: str) -> Template:
    """A tag for each role before a message, an end after it. MPT's ChatML and Zephyr are so."""
    user, assistant = tag.format("user"), tag.format("assistant")
    return Template(
        name,
        system,
        user=(user, end),
        assistant=(assistant, end),
        bare=(user, assistant),
        stop=(end.strip(),),
        system_frame=(tag.format("system"), end),
    )


def _chatml(name: str, system: str) -> Template:
    return _tags(name, system, "<|im_start|>{}\n", "<|im_end|>")


def _qwen(name: str, system: str) -> Template:
    """ChatML with a line break after each turn, learnt on interleaved text and images."""
    form = _tags(name, system, "<|im_start|>{}\n", "<|im_end|>\n")
    return replace(form, interleaved=True)


def _llama_3(name: str, system: str) -> Template:
    form = _tags(name, system, "<|start_header_id|>{}<|end_header_id|>\n\n", "<|eot_id|>")
    return replace(form, trimmed=True)


def _gemma(name: str) -> Template:
    """It has no place for a system prompt, and calls the assistant `model`."""
    form = _tags(name, "", "<start_of_turn>{}\n", "<end_of_turn>\n")
    model = "<start_of_turn>model\n"
    return replace(
        form,
        assistant=(model, form.assistant[1]),
        bare=(form.bare[0], model),
        system_frame=None,
    )


def _plain(name: str) -> Template:
    """Stage 1: a picture and its caption, one a line."""
    line = ("", "\n")
    return Template(name, "", user=line, assistant=line, bare=("", ""), stop=("\n",))


TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        _two("v1", _USER),
        _two("vicuna_v1", _USER),
        _two("llava_v1", _HUMAN),
        _two("v1_mmtag", _MMTAG, image_turn=True),
        _two("llava_v1_mmtag", _MMTAG, image_turn=True),
        _single("llava_v0", _HUMAN),
        _single("v0_mmtag", _MMTAG, image_turn=True),
        _single("llava_v0_mmtag", _MMTAG, image_turn=True),
        _llama_2("llama_2", _LLAMA_2),
        _llama_2("llava_llama_2", _VISION),
        _llama_2("llava_llama_2_simple", _SIMPLE),
        _llama_2("llava_llama_2_mmtag", _SIMPLE + _TAGGED, image_turn=True),
        _llama_2("mistral_instruct", "", start=""),
        _llama_2("llava_mistral_instruct", "", start=""),
        _llama_3("llava_llama_3", _VISION),
        _llama_3("llama_3", ""),
        _chatml("mpt", _MPT),
        _chatml("chatml_direct", "Answer the questions."),
        _chatml("mistral_direct", "Answer the questions."),
        _chatml("mistral_orca", _ORCA),
        _tags("mistral_zephyr", "You are a helpful AI assistant.", "<|{}|>\n", "</s>"),
        _qwen("qwen_1_5", _HELPFUL),
        _qwen("qwen_2", _HELPFUL),
        _qwen("qwen_2_5", _QWEN),
        _gemma("gemma_instruct"),
        _plain("plain"),
        _plain("v0_plain"),
    )
}
