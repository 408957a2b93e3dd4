"""The vocabulary of the random model: real pieces for what is asked, made-up words for answers.

An answer of a random model is read again on the next turn. Here each of its tokens is a whole word
that the tokenizer cuts out again, as it is with the answers of a trained model. Llama's kind of
tokenizer; the same pieces in the same order of merging go into GGUF files too.
"""

import json
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from benchmarks.work import SYSTEM, chat_text

SIZE = 32_000  # pieces, without those that stand for pictures and padding
SPECIAL = ("<unk>", "<s>", "</s>")
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LEARNT = 700  # pieces, bytes included, for the prompts' own words
IMAGE_TOKEN = SIZE  # as in llava-1.5-7b-hf
PAD_TOKEN = SIZE + 1

# Capitals that no prompt contains, so that its merges and those of made-up words don't meet.
_SYLLABLES = [letter + digit for letter in "BCFGHJKLMOPQVXZ" for digit in "0123456789"]

Merge = tuple[str, str]


def write(folder: Path) -> list[int]:
    """Write the tokenizer; the ids of the words that answers are made of."""
    pieces, merges = _learn()
    words: list[int] = []
    for merge in _made_up():
        if len(pieces) == SIZE:
            break
        if merge[0].startswith("▁") and len(merge[0]) > 1:
            words.append(len(pieces))
        merges.append(merge)
        pieces.append(merge[0] + merge[1])
    _save(folder, pieces, merges)
    return words


def _learn() -> tuple[list[str], list[Merge]]:
    """Pieces and merges for the prompts' words, and all letters of made-up ones."""
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))  # noqa: S106
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    letters = sorted({letter for syllable in _SYLLABLES for letter in syllable} | {"\n"})
    trainer = BpeTrainer(
        vocab_size=LEARNT,
        special_tokens=[*SPECIAL, *BYTES],
        initial_alphabet=letters,
        show_progress=False,
    )
    texts = [SYSTEM, "USER: ASSISTANT:", *(chat_text(number) for number in range(20))]
    learner.train_from_iterator(texts, trainer)
    learnt = json.loads(learner.to_str())["model"]
    pieces = sorted(learnt["vocab"], key=learnt["vocab"].__getitem__)
    return pieces, [tuple(merge) for merge in learnt["merges"]]


def _made_up() -> Iterator[Merge]:
    """Merges, each of pieces that are there before it."""
    for syllable in _SYLLABLES:
        yield syllable[0], syllable[1]
    for syllable in _SYLLABLES:
        yield "▁", syllable
    for first, second in product(_SYLLABLES, repeat=2):
        yield f"▁{first}", second
    triples = product(_SYLLABLES, repeat=3)
    yield from ((f"▁{one}{two}", three) for one, two, three in islice(triples, SIZE))


def _save(folder: Path, pieces: list[str], merges: list[Merge]) -> None:
    ids = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.BPE(ids, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)  # noqa: S106
    )
    steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    text = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*text, decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    names = (*SPECIAL, "<image>", "<pad>")
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in names])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "LlamaTokenizer",
        "legacy": True,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "padding_side": "left",
        "extra_special_tokens": {"image_token": "<image>"},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1))
