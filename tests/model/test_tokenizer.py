"""Ids against LLaVA's own, and text that tries to be control, on real tokenizers of each kind."""

import contextlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from transformers import AutoTokenizer

from model.conversation import Control, Image, Part, Text, get_template
from model.errors import CheckpointError, PromptError
from model.tokenizer import Tokenizer
from model.training.vocabulary import Encoder
from tests.tokenizer_files import KINDS, write_tokenizer

OUTSIDE = 5000  # an image id that no vocabulary has, as the original layout's -200


class Config:
    """What a tokenizer reads of a LlavaConfig."""

    def __init__(self, image_token_index: int, eos_token_ids: tuple[int, ...] = ()) -> None:
        self.image_token_index = image_token_index
        self.eos_token_ids = eos_token_ids


def read(folder: Path, image_token_index: int, eos: tuple[int, ...] = ()) -> Tokenizer:
    config: Any = Config(image_token_index, eos)
    return Tokenizer(folder, config)


@pytest.fixture(
    scope="module",
    params=[(kind, image) for kind in KINDS for image in (True, False)],
    ids=lambda param: f"{param[0]}-{'hf' if param[1] else 'original'}",
)
def folder(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each kind with an `<image>` token (llava-hf), and without (the original layout)."""
    kind, image = request.param
    path = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(path, kind, image=image)
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    image = read(folder, OUTSIDE)._added.get("<image>", OUTSIDE)
    return read(folder, image)


def hub_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer._hub(text)["input_ids"]
    return ids


def llavas_ids(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """`tokenizer_image_token` of llava/mm_utils.py, in other words."""
    pieces = [hub_ids(tokenizer, piece) for piece in prompt.split("<image>")]
    bos = tokenizer._hub.bos_token_id
    begins = bos is not None and pieces[0][:1] == [bos]
    ids = pieces[0]
    for piece in pieces[1:]:
        ids = [*ids, tokenizer.image_token_index, *piece[begins:]]
    return ids


WORDS = ["What", "is", "red?", " star", "\n", "Hello there.", "USER:", "ASSISTANT: x", "größe"]
WORDS += ["猫", "  ", "a", "🙂", "1+1=2", "\t", "[INST]", "###", "e\u0301", "{0}"]


def conversation(rng: random.Random) -> Iterator[dict[str, Any]]:
    if rng.random() < 0.3:
        yield {"role": "system", "content": rng.choice(["Be brief.", "S\n\nT"])}
    for place in range(rng.randint(1, 4)):
        text = " ".join(rng.choices(WORDS, k=rng.randint(1, 6))) + rng.choice(["", " ", "?"])
        images = [{"type": "image"}] * rng.choice((0, 0, 1, 2))
        yield {"role": "user", "content": [*images, {"type": "text", "text": text}]}
        yield {
            "role": "assistant",
            "content": rng.choice([f"Answer {place}.", "Ja, größe 猫 ", ""]),
        }


FORMS = ["v1", "v1_mmtag", "llava_v0", "mistral_instruct", "llama_2", "chatml_direct", "qwen_1_5"]


@pytest.mark.parametrize("name", FORMS)
def test_ids_of_ordinary_text_are_llavas_own(tokenizer: Tokenizer, name: str) -> None:
    rng = random.Random(name)
    template = get_template(name)
    for _ in range(40):
        messages = list(conversation(rng))
        ids = llavas_ids(tokenizer, template.render(messages))
        assert tokenizer.encode_parts(template.parts(messages)) == ids


def test_the_original_way_cuts_at_the_marks(tokenizer: Tokenizer) -> None:
    prompt = "USER: <image>\nHi <image> there</s> ASSISTANT:"
    assert tokenizer.tokenizer_image_token(prompt) == llavas_ids(tokenizer, prompt)
    assert tokenizer.tokenizer_image_token("<image>") == llavas_ids(tokenizer, "<image>")


def test_a_rendered_prompt_is_read_as_transformers_reads_it(folder: Path) -> None:
    prompt = "USER: <image>\nHi <image> there.</s>USER: x</s> ASSISTANT:"
    added = read(folder, OUTSIDE)._added
    if "<image>" not in added or not (folder / "tokenizer.json").exists():
        return
    expected = AutoTokenizer.from_pretrained(str(folder))(prompt)["input_ids"]
    assert read(folder, added["<image>"]).encode_rendered(prompt) == expected
    moved = [OUTSIDE if token == added["<image>"] else token for token in expected]
    assert read(folder, OUTSIDE).encode_rendered(prompt) == moved


def test_a_rendered_prompt_of_the_original_layout_is_read_in_llavas_way(folder: Path) -> None:
    prompt = "USER: <image>\nHi <image> there. ASSISTANT:"
    tokenizer = read(folder, -200)
    assert tokenizer.encode_rendered(prompt) == llavas_ids(tokenizer, prompt)
    assert tokenizer.encode_rendered(prompt).count(-200) == 2


def test_sentencepiece_files_give_sentencepieces_own_ids(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "sentencepiece", image=False)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    tokenizer = read(tmp_path, -200)
    for text in ("USER: ", "\nWhat is it? ASSISTANT:", "größe 猫  two", "a"):
        assert tokenizer.tokenizer_image_token(text) == [1, *reference.encode(text)]


@pytest.mark.parametrize(
    ("said", "piece"),
    [
        ({}, "▁USER"),
        ({"legacy": None, "add_bos_token": None}, "▁USER"),
        ({"legacy": False}, "USER"),
        ({"add_bos_token": False}, "▁USER"),
    ],
)
def test_sentencepiece_files_are_read_as_transformers_4_read_them(
    tmp_path: Path, said: dict[str, Any], piece: str
) -> None:
    write_tokenizer(tmp_path, "sentencepiece", image=False)
    settings = {"tokenizer_class": "LlamaTokenizer", "eos_token": "</s>", "bos_token": "<s>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | said))
    tokenizer = read(tmp_path, -200)
    parts: list[Part] = [Text("x"), Control("</s>"), Control("USER: ")]
    pieces = tokenizer._hub.convert_ids_to_tokens(tokenizer.encode_parts(parts))
    assert (pieces[0] == "<s>") is (said.get("add_bos_token") is not False)
    turn = pieces[pieces.index("</s>") + 1 : pieces.index(":")]
    assert turn == [piece]


def test_the_bundled_models_prompts_are_those_it_was_trained_on(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "words", image=True)
    backend = Backend.from_file(str(tmp_path / "tokenizer.json"))
    backend.add_special_tokens(["<pad>"])
    encoder, template = Encoder(backend), get_template("v1")
    assert encoder.image is not None
    tokenizer = read(tmp_path, encoder.image)
    picture: dict[str, Any] = {
        "role": "user",
        "content": [{"type": "image"}, {"type": "text", "text": "What?"}],
    }
    answer = {"role": "assistant", "content": "A red star."}
    ids = tokenizer.encode_parts(template.parts([picture, answer, picture]))
    assert ids == [
        *(encoder.bos, *encoder(f"{template.system} USER:"), *encoder(""), encoder.image),
        *(*encoder("\nWhat? ASSISTANT:"), *encoder("A red star."), encoder.eos),
        *(*encoder("USER: "), encoder.image, *encoder("\nWhat? ASSISTANT:")),
    ]


HOSTILE = ["<image>", "</s>", "<s>", "<unk>", "<|im_end|>", "<|im_start|>system\n", "<|endoftext|>"]
HOSTILE += ["<tool>", "<0x0A>", "▁", "<ima", "ge>", "<pad>", "\u200b", "\uff1cimage\uff1e", "\x00"]
hostile_text = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"])))
).map("".join)


@settings(max_examples=50, deadline=None)
@given(hostile_text, st.sampled_from(FORMS), st.integers(0, 2))
def test_text_yields_no_control_and_no_image(
    tokenizer: Tokenizer, text: str, name: str, images: int
) -> None:
    def reserved(said: str) -> list[int]:
        content = [{"type": "image"}] * images + [{"type": "text", "text": said}]
        messages: list[dict[str, Any]] = [{"role": "system", "content": said}]
        messages.append({"role": "user", "content": content})
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": content}]
        parts = get_template(name).parts(messages)
        return [i for i in tokenizer.encode_parts(parts) if i in tokenizer._reserved]

    assert reserved(f"x{text}") == reserved("x")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_looks_like_control_comes_back_as_it_was_written(
    tokenizer: Tokenizer, text: str
) -> None:
    ids = tokenizer.encode_parts([Text(f"say {text} now")])
    assert tokenizer.decode(ids).replace("▁", " ") == f"say {text} now".replace("▁", " ")


def test_a_control_token_that_is_a_word_of_the_vocabulary_too_is_cut(tmp_path: Path) -> None:
    """Merges that spell `<s>` would give its id although nothing is looked up as special."""
    write_tokenizer(tmp_path, "words", image=True)
    written = json.loads((tmp_path / "tokenizer.json").read_text())
    vocabulary = written["model"]["vocab"]
    for piece in ("<", "s", ">", "<s"):
        vocabulary.setdefault(piece, len(vocabulary) + 10)
    written["model"]["merges"] += [["<", "s"], ["<s", ">"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(written))
    tokenizer = read(tmp_path, OUTSIDE)
    assert 1 in tokenizer._start.encode("x<s>", add_special_tokens=False).ids
    for text in ("x<s>", "<s>" * 3000):
        assert 1 not in tokenizer.encode_parts([Text(text)])[1:]


def test_half_a_character_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(PromptError, match="half a character"):
        tokenizer.encode_parts([Text("a\ud83d")])


def test_control_and_images_have_ids_of_their_own(tokenizer: Tokenizer) -> None:
    end = next(t for t in ("</s>", "<|im_end|>") if t in tokenizer._added)
    ids = tokenizer.encode_parts([Image(0), Text("x"), Control(end)])
    assert ids.count(tokenizer.image_token_index) == 1
    assert ids[-1] == tokenizer._added[end] and ids[-1] in tokenizer.eos_ids


def test_a_template_that_writes_the_beginning_of_text_itself_gets_one(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "legacy", image=False)
    tokenizer = read(tmp_path, OUTSIDE)
    parts: list[Part] = [Control("<s>"), Control("USER: "), Text("Hi"), Control("<s>")]
    ids = tokenizer.encode_parts(parts)
    assert ids == [*tokenizer.encode_parts(parts[1:3]), 1] and ids.count(1) == 2


def test_the_ends_of_an_answer_are_the_checkpoints_and_the_tokenizers(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "first", image=True)
    tokenizer = read(tmp_path, OUTSIDE, eos=(7, 9))
    assert tokenizer.eos_ids == {2, 7, 9}
    assert tokenizer.vocab_size == len(AutoTokenizer.from_pretrained(str(tmp_path)))


@pytest.mark.parametrize("damaged", [None, "", "{}", '{"version": "1.0", "model": 3}'])
def test_a_tokenizer_that_is_no_tokenizer_is_refused(tmp_path: Path, damaged: str | None) -> None:
    if damaged is not None:
        (tmp_path / "tokenizer.json").write_text(damaged)
    with pytest.raises(CheckpointError, match="tokenizer"):
        read(tmp_path, OUTSIDE)


def test_code_that_comes_with_a_tokenizer_never_runs(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "first", image=True)
    trace = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(trace)!r}, 'w').close()\nclass T: pass\n")
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "T", "auto_map": {"AutoTokenizer": ["evil.T", "evil.T"]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    with contextlib.suppress(CheckpointError):
        read(tmp_path, OUTSIDE)
    assert not trace.exists()
