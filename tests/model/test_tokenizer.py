"""Ids against LLaVA's own, and text that tries to be control, on real tokenizers of each kind."""

import json
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from model.conversation import Control, Image, Text, get_template
from model.detokenizer import Detokenizer
from model.tokenizer import Tokenizer

CORPUS = [
    get_template("v1").system, "USER: What is in the image? ASSISTANT: A red star and two blue circles.",
    "[INST] Describe it [/INST] Hello there. user assistant system Answer the questions.", "the quick brown fox\njumps",
] * 20  # fmt: skip
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@dataclass
class Config:
    image_token_index: int
    eos_token_ids: tuple[int, ...] = ()


def llama(kind):
    """A Llama-like BPE: `always` and `first` are Metaspace's schemes, `legacy` its older normalizer."""
    tokenizer = Backend(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    prepared = Backend(models.BPE(unk_token="<unk>", byte_fallback=True))
    prepared.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    prepared.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", "<s>", "</s>", *BYTES]))
    state = json.loads(prepared.to_str())["model"]
    merges = [tuple(m) for m in state["merges"]]
    tokenizer.model = models.BPE(vocab=state["vocab"], merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    if kind == "legacy":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=kind, split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def qwen():
    tokenizer = Backend(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}


KINDS = {"first": lambda: llama("first"), "always": lambda: llama("always"), "legacy": lambda: llama("legacy"), "qwen": qwen}


def save(folder, tokenizer, config):
    tokenizer.save(str(folder / "tokenizer.json"))
    written = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(written))


@pytest.fixture(scope="module", params=[(k, m) for k in KINDS for m in (True, False)], ids=lambda p: f"{p[0]}-{'hf' if p[1] else 'original'}")
def tokenizer(request, tmp_path_factory):
    """Each kind with an `<image>` token and an unmarked added one (llava-hf), and without (original)."""
    folder = tmp_path_factory.mktemp("tokenizer")
    backend, config = KINDS[request.param[0]]()
    if request.param[1]:
        backend.add_special_tokens([AddedToken("<image>", normalized=False)])
        backend.add_tokens([AddedToken("<tool>", normalized=False)])
    save(folder, backend, config)
    image = backend.token_to_id("<image>") if request.param[1] else backend.get_vocab_size() + 5
    return Tokenizer(folder, Config(image))


TEMPLATE_OF = {"first": "v1", "always": "v1", "legacy": "v1", "qwen": "qwen_1_5"}
WORDS = ["What", "is", "red?", " star", "\n", "Hello there.", "USER:", "ASSISTANT: x", "größe", "猫", "  ", "a", "🙂", "1+1=2"]


def turns(rng):
    for place in range(rng.randint(1, 4)):
        images = rng.choice((0, 0, 1, 2))
        text = " ".join(rng.choices(WORDS, k=rng.randint(1, 6))).strip() or "x"
        yield {"role": "user", "content": [{"type": "image"}] * images + [{"type": "text", "text": text}]}
        yield {"role": "assistant", "content": f"Answer {place}."}


@pytest.mark.parametrize("name", ["v1", "llava_v0", "mistral_instruct", "llama_2", "chatml_direct", "qwen_1_5"])
def test_ids_of_ordinary_text_are_llavas_own(tokenizer, name):
    rng = random.Random(name)
    for _ in range(60):
        messages = list(turns(rng))
        template = get_template(name)
        assert tokenizer.encode_parts(template.parts(messages)) == tokenizer.tokenizer_image_token(template.render(messages))


HOSTILE = ["<image>", "</s>", "<s>", "<unk>", "<|im_end|>", "<|im_start|>system\n", "<|endoftext|>", "<tool>", "<0x0A>", "▁", "<ima", "ge>", "<pad>"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=6)), max_size=8).map("".join))
def test_text_yields_no_control_and_no_image(tokenizer, text):
    ids = tokenizer.encode_parts([Text(text)])
    assert tokenizer._reserved.isdisjoint(ids[len(tokenizer._opening) :])


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_looks_like_control_comes_back_as_it_was_written(tokenizer, text):
    ids = tokenizer.encode_parts([Text(f"say {text} now")])
    assert tokenizer.decode(ids).replace("▁", " ") == f"say {text} now".replace("▁", " ")


def test_control_and_images_have_ids_of_their_own(tokenizer):
    end = next(t for t in ("</s>", "<|im_end|>") if t in tokenizer._added)
    ids = tokenizer.encode_parts([Image(0), Text("x"), Control(end)])
    assert ids.count(tokenizer.image_token_index) == 1
    assert ids[-1] == tokenizer._added[end] and ids[-1] in tokenizer.eos_ids


def test_a_rendered_prompt_has_an_image_id_for_each_mark(tokenizer):
    ids = tokenizer.encode_rendered("USER: <image>\nHi <image> ASSISTANT:")
    assert ids.count(tokenizer.image_token_index) == 2


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.integers(0, 5))
def test_the_stream_of_text_equals_the_whole(tokenizer, text, spaces):
    ids = tokenizer.encode_parts([Text(" " * spaces + text)])[len(tokenizer._opening) :]
    stream = tokenizer.detokenizer()
    pieces = [stream.add(token) for token in ids]
    assert "".join(pieces) + stream.finish() == tokenizer.decode(ids)
    assert not any(piece.endswith("\ufffd") for piece in pieces)


def test_half_a_character_waits_for_its_other_half(tokenizer):
    ids = tokenizer.encode_parts([Text("a 🙂 b")])[len(tokenizer._opening) :]
    stream = tokenizer.detokenizer()
    assert all("\ufffd" not in stream.add(token) for token in ids)


def feed(text, stop, size=1):
    stream = Detokenizer(lambda ids: "".join(map(chr, ids)), stop)
    return "".join(stream.add(ord(c)) for c in text) + stream.finish(), stream.stopped


@pytest.mark.parametrize(
    ("text", "stop", "said", "stopped"),
    [
        ("Hello</s>USER", ["</s>"], "Hello", True),
        ("Hello</", ["</s>"], "Hello</", False),
        ("a###b", ["###"], "a", True),
        ("a##b#", ["###"], "a##b#", False),
        ("xaab", ["aab", "b"], "x", True),
        ("nothing", ["</s>", ""], "nothing", False),
    ],
)
def test_stop_strings_end_the_text_and_never_leak(text, stop, said, stopped):
    assert feed(text, stop) == (said, stopped)


def test_nothing_of_a_stop_string_is_shown_before_it_is_whole():
    stream = Detokenizer(lambda ids: "".join(map(chr, ids)), ["USER:"])
    shown = "".join(stream.add(ord(c)) for c in "ok USER")
    assert shown == "ok "
    assert stream.add(ord(":")) == "" and stream.stopped and stream.add(ord("x")) == ""
