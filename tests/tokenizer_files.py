"""Writes small real tokenizers of each kind that LLaVA's language models have.

Llama's BPE with Metaspace's `first` and `always` and with the older `legacy` normalizer, the
bundled model's (`words`: cut at every space), Qwen's byte-level BPE, and a `sentencepiece` file.
"""

import json
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend
from tokenizers.trainers import BpeTrainer

from model.conversation import get_template

KINDS = ("first", "always", "legacy", "words", "qwen", "sentencepiece")
LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
QWEN = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
SENTENCES = [
    get_template("v1").system,
    "USER: What is in the image? ASSISTANT: A red star and two blue circles.",
    "[INST] Describe it [/INST] Hello there. user assistant system Answer the questions.",
    "the quick brown fox\njumps over größe",
]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def write_tokenizer(folder: Path, kind: str, *, image: bool) -> None:
    """Write it; `image`: with an `<image>` token, and one added that isn't marked as special."""
    settings: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if kind == "sentencepiece":
        _write_sentencepiece(folder)
        (folder / "config.json").write_text('{"model_type": "llava"}')
        settings = {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True}
        settings |= LLAMA
        if image:
            settings["added_tokens_decoder"] = {
                "700": _written("<image>"),
                "701": _written("<tool>"),
            }
            settings["added_tokens_decoder"]["701"]["special"] = False
    else:
        backend = _qwen() if kind == "qwen" else _llama(kind)
        if image:
            backend.add_special_tokens([AddedToken("<image>", normalized=False)])
            backend.add_tokens([AddedToken("<tool>", normalized=False)])
        backend.save(str(folder / "tokenizer.json"))
        settings |= QWEN if kind == "qwen" else LLAMA
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _written(token: str) -> dict[str, Any]:
    flags = dict.fromkeys(("lstrip", "rstrip", "single_word", "normalized"), False)
    return {"content": token, "special": True, **flags}


def _llama(kind: str) -> Backend:
    learner = Backend(models.BPE(unk_token="<unk>", byte_fallback=True))
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = BpeTrainer(
        vocab_size=600, special_tokens=["<unk>", "<s>", "</s>", *BYTES], show_progress=False
    )
    learner.train_from_iterator(SENTENCES * 20, trainer)
    learnt = json.loads(learner.to_str())["model"]
    merges = [tuple(merge) for merge in learnt["merges"]]
    model = models.BPE(
        vocab=learnt["vocab"], merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True
    )
    tokenizer = Backend(model)
    if kind == "legacy":
        steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        tokenizer.normalizer = normalizers.Sequence(steps)
    elif kind == "words":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=kind, split=False)
    space = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*space, decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(
        [AddedToken(t, normalized=False) for t in ("<unk>", "<s>", "</s>")]
    )
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def _qwen() -> Backend:
    tokenizer = Backend(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES * 20, trainer)
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer


def _write_sentencepiece(folder: Path) -> None:
    with (folder / "tokenizer.model").open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(" ".join(SENTENCES).split("\n") * 20),
            model_writer=file,
            vocab_size=700,
            model_type="bpe",
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            hard_vocab_limit=False,
            minloglevel=2,
        )
