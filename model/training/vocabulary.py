"""The bundled model's tokenizer: a Llama-like BPE with byte fallback, learnt from the grammar.

Every word of the grammar becomes one token; any other text falls into pieces and bytes, so
nothing that a user writes is unknown.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from random import Random

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)

from model.conversation import get_template
from model.training.dialogue.speaker import Speaker
from model.training.dialogue.weights import WEIGHTS
from model.training.scene import sample_scene
from model.training.talk_phrases import SYSTEM_PROMPTS

UNK, BOS, EOS, IMAGE, PAD = "<unk>", "<s>", "</s>", "<image>", "<pad>"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SIZE = 1536


def corpus(turns: int = 60_000) -> Iterator[str]:
    """Sentences of the grammar, often enough for each word to become a token."""
    yield from (get_template("v1").system, *SYSTEM_PROMPTS) * 300
    yield from ("USER: ", "ASSISTANT: ") * 2000
    rng = Random(0)
    for _ in range(turns // 12):
        speaker = Speaker(rng, WEIGHTS)
        for index in range(12):
            turn = speaker.turn([sample_scene(rng)] if index in (0, 8) else [])
            yield turn.question
            yield "\n" + turn.question  # as it stands after a picture: its first word has no space
            yield turn.answer


def build() -> Tokenizer:
    """Learn the merges with words cut from punctuation, then join both in one tokenizer."""
    learner = Tokenizer(models.BPE(unk_token=UNK, byte_fallback=True))
    learner.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(prepend_scheme="always"),
        pre_tokenizers.Split(Regex(r"[^▁A-Za-z]"), "isolated"),
    ])  # fmt: skip
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE - 2,
        special_tokens=[UNK, BOS, EOS, *BYTES],
        min_frequency=2,
        show_progress=False,
    )
    learner.train_from_iterator(corpus(), trainer)
    learnt = json.loads(learner.to_str())["model"]
    merges = [tuple(merge) for merge in learnt["merges"]]
    tokenizer = Tokenizer(
        models.BPE(
            vocab=learnt["vocab"], merges=merges, unk_token=UNK, byte_fallback=True, fuse_unk=True
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0),
    ])  # fmt: skip
    tokenizer.add_special_tokens(
        [AddedToken(t, normalized=False, special=True) for t in (UNK, BOS, EOS, IMAGE, PAD)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A",
        pair=f"{BOS} $A {BOS} $B",
        special_tokens=[(BOS, tokenizer.token_to_id(BOS))],
    )
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """The tokenizer's files as transformers reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 2048, "padding_side": "left",
        "unk_token": UNK, "bos_token": BOS, "eos_token": EOS, "pad_token": PAD,
        "extra_special_tokens": {"image_token": IMAGE}, "image_token": IMAGE,
        "clean_up_tokenization_spaces": False, "add_bos_token": True,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


class Encoder:
    """Text to ids, a word at a time (exact: pieces never cross a space), remembered."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.get_vocab()
        self.bos, self.eos, self.image, self.pad = (vocabulary[t] for t in (BOS, EOS, IMAGE, PAD))
        self.size = tokenizer.get_vocab_size()
        self._word = lru_cache(200_000)(
            lambda word: tokenizer.encode("▁" + word, add_special_tokens=False).ids
        )

    def __call__(self, text: str) -> list[int]:
        return [token for word in text.split(" ") for token in self._word(word)]
