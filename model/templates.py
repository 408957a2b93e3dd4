"""The conversation templates of LLaVA's own code, by their names there, as data.

Rows come in families that share a frame. Sources: `llava/conversation.py` of haotian-liu/LLaVA and
LLaVA-VL/LLaVA-NeXT; `llava_llama_3` is Llama 3's form, which that code takes from its tokenizer.
"""

from model.conversation import Frame, Template

_POLITE = "The assistant gives helpful, detailed, and polite answers to the {}'s questions."
_HUMAN = "A chat between a curious human and an artificial intelligence assistant. " + _POLITE.format("human")
_USER = "A chat between a curious user and an artificial intelligence assistant. " + _POLITE.format("user")
_SEES = (
    "able to understand the visual content that the user provides, "
    "and assist the user with a variety of tasks using natural language."
)
_TAGGED = "The visual content will be provided with the following format: <Image>visual content</Image>."
_MMTAG = f"A chat between a curious user and an artificial intelligence assistant. The assistant is {_SEES}{_TAGGED}"
_VISION = f"You are a helpful language and vision assistant. You are {_SEES}"
_SIMPLE = "Answer the questions about the visual content that the user provides."
_LLAMA_2 = (
    "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible, while being "
    "safe.  Your answers should not include any harmful, unethical, racist, sexist, toxic, dangerous, or illegal "
    "content. Please ensure that your responses are socially unbiased and positive in nature.\n\n"
    "If a question does not make any sense, or is not factually coherent, explain why instead of answering "
    "something not correct. If you don't know the answer to a question, please don't share false information."
)


def _single(name: str, system: str, *, image_turn: bool = False) -> Template:
    """LLaVA v0: `###Human: .. ###Assistant: ..`."""
    return Template(
        name, system, ("Human: ", "###"), ("Assistant: ", "###"), ("Human:", "Assistant:"), ("###",),
        system_frame=("", "###"), image_turn=image_turn,
    )  # fmt: skip


def _two(name: str, system: str, *, image_turn: bool = False) -> Template:
    """Vicuna v1: `USER: .. ASSISTANT: ..</s>`. It may run on into the next `USER:` on its own."""
    return Template(
        name, system, ("USER: ", " "), ("ASSISTANT: ", "</s>"), ("USER:", "ASSISTANT:"), ("</s>", "USER:"),
        system_frame=("", " "), image_turn=image_turn,
    )  # fmt: skip


def _llama_2(name: str, system: str, start: str = "<s>", *, image_turn: bool = False) -> Template:
    """Llama 2 and Mistral: `[INST] .. [/INST] .. </s>`, the system prompt in the first turn."""
    return Template(
        name, system, ("[INST] ", " [/INST]"), (" ", " </s>"), ("", ""), ("</s>",),
        system_frame=("<<SYS>>\n", "\n<</SYS>>\n\n"), system_in_user=True, again=start, image_turn=image_turn,
    )  # fmt: skip


def _chatml(name: str, system: str, after: str = "<|im_end|>", *, interleaved: bool = False) -> Template:
    """ChatML: `<|im_start|>user\\n..<|im_end|>`, with or without a line break between turns."""
    user, assistant = "<|im_start|>user\n", "<|im_start|>assistant\n"
    return Template(
        name, system, (user, after), (assistant, after), (user, assistant), ("<|im_end|>",),
        system_frame=("<|im_start|>system\n", after), interleaved=interleaved,
    )  # fmt: skip


def _tagged(name: str, system: str, roles: Frame, end: str, opening: Frame | None) -> Template:
    """Zephyr and Gemma: a tag before, an end after."""
    return Template(name, system, (roles[0], end), (roles[1], end), roles, (end.strip(),), system_frame=opening)


def _plain(name: str) -> Template:
    """Stage 1: a picture and its caption, one a line."""
    return Template(name, "", ("", "\n"), ("", "\n"), ("", ""), ("\n",))


def _llama_3(name: str, system: str) -> Template:
    head, end = "<|start_header_id|>{}<|end_header_id|>\n\n", "<|eot_id|>"
    user, assistant = head.format("user"), head.format("assistant")
    return Template(
        name, system, (user, end), (assistant, end), (user, assistant), (end,), system_frame=(head.format("system"), end)
    )


_NEWLINE = "<|im_end|>\n"
_QWEN = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
_ORCA = (
    "You are MistralOrca, a large language model trained by Alignment Lab AI. "
    "Write out your reasoning step-by-step to be sure you get the right answers!"
)
_MPT = "A conversation between a user and an LLM-based AI assistant. The assistant gives helpful and honest answers."
_GEMMA: Frame = ("<start_of_turn>user\n", "<start_of_turn>model\n")
_ZEPHYR: Frame = ("<|user|>\n", "<|assistant|>\n")

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
        _chatml("mpt", _MPT),
        _chatml("chatml_direct", "Answer the questions."),
        _chatml("mistral_direct", "Answer the questions."),
        _chatml("mistral_orca", _ORCA),
        _chatml("qwen_1_5", "You are a helpful assistant.", _NEWLINE, interleaved=True),
        _chatml("qwen_2", "You are a helpful assistant.", _NEWLINE, interleaved=True),
        _chatml("qwen_2_5", _QWEN, _NEWLINE, interleaved=True),
        _tagged("mistral_zephyr", "You are a helpful AI assistant.", _ZEPHYR, "</s>", ("<|system|>\n", "</s>")),
        _tagged("gemma_instruct", "", _GEMMA, "<end_of_turn>\n", None),
        _plain("plain"),
        _plain("v0_plain"),
    )
}
