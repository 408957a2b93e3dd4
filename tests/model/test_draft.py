"""A draft model's guesses: never another answer, several tokens a step where it guesses well."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import model
from model.draft import LONGEST, SHORTEST, Draft, DraftModel
from model.draft_checkpoint import load_draft
from model.errors import CheckpointError
from model.generation import Decoder, Prefill, Row, generate
from model.kv_cache import new_cache
from model.llava import Llava
from model.sampling import GREEDY, Sampler, allowed_tokens, draw_one
from tests.checkpoints import write_checkpoint, write_json

SMALL = {
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
SAMPLERS = [GREEDY, Sampler(0.7, seed=5), Sampler(1.2, 0.8, seed=6)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="module")
def llava(folder: Path) -> Llava:
    return model.load(folder)


@pytest.fixture(scope="module")
def small(llava: Llava, tmp_path_factory: pytest.TempPathFactory) -> DraftModel:
    """It says something else nearly always."""
    text = SMALL | {"num_key_value_heads": 1}
    return load_draft(
        write_checkpoint(tmp_path_factory.mktemp("small"), text=text), llava.tokenizer
    )


@pytest.fixture(scope="module")
def same(llava: Llava, folder: Path) -> DraftModel:
    """The large model's own language model: it is always right."""
    return load_draft(folder, llava.tokenizer)


def allowed(llava: Llava) -> mx.array:
    known = llava.tokenizer.vocab_size
    return allowed_tokens(llava.config.text["vocab_size"], known, llava.config.image_token_index)


class Bench:
    """One answer by a decoder with a draft."""

    def __init__(
        self, llava: Llava, draft: DraftModel, ids: Sequence[int], sampler: Sampler
    ) -> None:
        self.allowed = allowed(llava)
        network = llava.network
        prefill = Prefill(
            network, network.embed(mx.array(list(ids))), new_cache(network.language_model)
        )
        while prefill.logits is None:
            prefill.step()
        first = draw_one(prefill.logits, sampler, 0, self.allowed)
        self.row = Row(prefill.cache, first, 1, sampler)
        self.row.draft = Draft(draft, [*ids, first], 1, sampler, self.allowed)
        self.decoder = Decoder(network, self.allowed)
        self.decoder.add(self.row)
        self.said = [first]
        self.steps: list[int] = []

    def write(self, tokens: int) -> list[int]:
        while len(self.said) < tokens:
            new = [token for row, token in self.decoder.step() if row is self.row]
            self.steps.append(len(new))
            self.said += new
        return self.said[:tokens]


def alone(llava: Llava, ids: Sequence[int], sampler: Sampler, tokens: int) -> list[int]:
    written = generate(llava.network, ids, [], allowed(llava), sampler=sampler, most=tokens)
    return list(written)


IDS = [1, *range(260, 300), *range(270, 290)]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("which", ["small", "same"])
def test_the_answer_is_that_without_a_draft(
    llava: Llava, which: str, sampler: Sampler, request: pytest.FixtureRequest
) -> None:
    bench = Bench(llava, request.getfixturevalue(which), IDS, sampler)
    assert bench.write(60) == alone(llava, IDS, sampler, 60)
    assert bench.row.cache[0].offset <= len(IDS) + len(bench.said)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_draft_that_is_always_right_brings_more_and_more_tokens_a_step(
    llava: Llava, same: DraftModel, sampler: Sampler
) -> None:
    """With a sampler too: it draws with the same noise."""
    bench = Bench(llava, same, IDS, sampler)
    bench.write(60)
    assert bench.steps[0] == 0  # the row had just joined
    assert bench.steps[1:4] == [2 * SHORTEST + 1, LONGEST + 1, LONGEST + 1]


def test_one_that_is_wrong_rests(llava: Llava, small: DraftModel, monkeypatch: Any) -> None:
    guesses: list[int] = []
    guess = Draft.guess

    def counted(draft: Draft, coming: mx.array) -> mx.array | None:
        found = guess(draft, coming)
        guesses.append(found is not None)
        return found

    monkeypatch.setattr(Draft, "guess", counted)
    Bench(llava, small, IDS, GREEDY).write(100)
    assert 2 < sum(guesses) < len(guesses) // 3


def test_a_conversation_longer_than_a_chunk_is_read_a_piece_a_step(
    llava: Llava, same: DraftModel
) -> None:
    ids = [1, *(260 + number % 60 for number in range(330))]
    bench = Bench(llava, same, ids, GREEDY)
    assert bench.write(30) == alone(llava, ids, GREEDY, 30)
    assert bench.steps[:2] == [0, 1]
    assert max(bench.steps) == LONGEST + 1


@pytest.mark.parametrize("which", ["small", "same"])
def test_after_right_and_wrong_guesses_it_goes_on_as_if_it_read_all_anew(
    llava: Llava, which: str, request: pytest.FixtureRequest
) -> None:
    draft = request.getfixturevalue(which)
    bench = Bench(llava, draft, IDS, GREEDY)
    bench.write(20)
    before = bench.row.draft
    assert before is not None
    assert len(IDS) <= before.read <= len(before.tokens)
    fresh = new_cache(draft.language_model)
    draft.language_model.model(mx.array([before.tokens[: before.read]]), fresh)
    for kept, read in zip(before.cache, fresh, strict=True):
        for mine, other in zip(kept.keys_and_values(), read.keys_and_values(), strict=True):
            assert mx.allclose(mine, other, rtol=1e-4, atol=1e-4)


def test_draws_of_both_follow_the_large_models_distribution(
    llava: Llava, small: DraftModel
) -> None:
    """Over many seeds the second token, which is guessed, comes as often as without a draft."""
    seen: dict[bool, list[int]] = {True: [], False: []}
    for seed in range(150):
        sampler = Sampler(0.9, 0.9, seed=seed)
        seen[True].append(Bench(llava, small, IDS, sampler).write(4)[3])
        seen[False].append(alone(llava, IDS, sampler, 4)[3])
    assert seen[True] == seen[False]
    assert len(np.unique(seen[True])) > 5


def test_a_table_of_another_size_is_fitted(llava: Llava, same: DraftModel) -> None:
    size = llava.config.text["vocab_size"]
    for width in (size - 40, size + 40):
        draft = Draft(same, [1], 1, GREEDY, allowed_tokens(width, width))
        fitted = draft._fitted(mx.ones((1, size)))
        assert fitted.shape == (1, width)
        assert mx.isfinite(fitted).sum().item() == min(size, width)


def test_another_vocabulary_is_refused(llava: Llava, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, text=SMALL)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["Ω"] = tokenizer["model"]["vocab"].pop("Z")
    write_json(folder, "tokenizer.json", tokenizer)
    with pytest.raises(CheckpointError, match="another vocabulary"):
        load_draft(folder, llava.tokenizer)


def test_what_is_no_checkpoint_is_refused(llava: Llava, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_draft(tmp_path, llava.tokenizer)


def test_a_language_model_alone_is_taken(llava: Llava, folder: Path, tmp_path: Path) -> None:
    """As published: no vision tower, and the language model's own configuration and names."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    write_json(tmp_path, "config.json", config["text_config"])
    stored: Any = mx.load(str(folder / "model.safetensors"))
    prefix = "language_model."
    words = {name.removeprefix(prefix): a for name, a in stored.items() if name.startswith(prefix)}
    mx.save_safetensors(str(tmp_path / "model.safetensors"), words)
    draft = load_draft(tmp_path, llava.tokenizer)
    bench = Bench(llava, draft, IDS, GREEDY)
    bench.write(20)
    assert max(bench.steps) == LONGEST + 1
