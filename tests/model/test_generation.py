"""Prefill and decoding: every way to an answer gives the tokens of a plain loop without caches."""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import pytest

from model.config import LlavaConfig
from model.generation import Decoder, Prefill, Row, generate
from model.kv_cache import new_cache
from model.network import LlavaNetwork
from model.prompt_lookup import PromptLookup
from model.sampling import GREEDY, Sampler, allowed_tokens, draw_one

VOCABULARY, IMAGE, PATCHES = 96, 90, 9
TEXT = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": VOCABULARY,
    "max_position_embeddings": 512,
}  # fmt: skip
VISION = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 12, "patch_size": 4,
}  # fmt: skip
DECODERS: dict[str, dict[str, Any]] = {
    "llama": {},
    "grouped heads, tied": {"num_key_value_heads": 2, "tie_word_embeddings": True},
    "qwen2": {"model_type": "qwen2"},
    "sliding window": {"model_type": "mistral", "sliding_window": 8, "num_key_value_heads": 2},
    "scaled positions": {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
}
ALLOWED = allowed_tokens(VOCABULARY, VOCABULARY - 2, IMAGE)


def build(text: dict[str, Any]) -> LlavaNetwork:
    """A random network whose answers depend on all of their prompt."""
    given = {"model_type": "llava", "image_token_index": IMAGE, "vision_config": VISION}
    config = LlavaConfig.from_dict(given | {"text_config": TEXT | text})
    mx.random.seed(1)
    network = LlavaNetwork(config)
    network.load_weights(
        [(name, mx.random.normal(array.shape) * 0.3) for name, array in _flat(network)]
    )
    mx.eval(network.parameters())
    return network


def _flat(network: LlavaNetwork) -> list[tuple[str, mx.array]]:
    from mlx.utils import tree_flatten

    return tree_flatten(network.parameters())  # type: ignore[return-value]


@pytest.fixture(scope="module", params=DECODERS.values(), ids=list(DECODERS))
def network(request: pytest.FixtureRequest) -> LlavaNetwork:
    return build(request.param)


@pytest.fixture(scope="module")
def llama() -> LlavaNetwork:
    return build({})


def picture(seed: int) -> mx.array:
    """Visual tokens `[P, D]` as a projector might make them."""
    return mx.random.normal((PATCHES, 32), key=mx.random.key(seed))


def prompt(seed: int, length: int, pictures: int = 0) -> list[int]:
    """`length` text tokens with runs of the image id amid them."""
    words: Any = mx.random.randint(0, 80, (length,), key=mx.random.key(seed)).tolist()
    for number in range(pictures):
        words[3 + number : 3 + number] = [IMAGE] * PATCHES
    return list(words)


def cold(
    network: LlavaNetwork,
    ids: Sequence[int],
    visual: Sequence[mx.array] = (),
    count: int = 12,
    sampler: Sampler = GREEDY,
) -> list[int]:
    """The reference: the whole sequence through the network for each token, no cache."""
    said: list[int] = []
    for place in range(count):
        embeddings = network.embed(mx.array([*ids, *said]), visual)
        logits = network(mx.zeros((1, 1), mx.int32), input_embeddings=embeddings[None])[:, -1]
        said.append(draw_one(logits, sampler, place, ALLOWED))
    return said


def start(
    network: LlavaNetwork,
    ids: Sequence[int],
    visual: Sequence[mx.array] = (),
    sampler: Sampler = GREEDY,
    chunk: int = 256,
) -> Row:
    """Read a prompt and draw its first token."""
    embeddings = network.embed(mx.array(list(ids)), visual)
    prefill = Prefill(network, embeddings, new_cache(network.language_model), chunk)
    while prefill.logits is None:
        prefill.step()
    first = draw_one(prefill.logits, sampler, 0, ALLOWED)
    return Row(prefill.cache, first, 1, sampler)


def test_the_reference_depends_on_the_picture(network: LlavaNetwork) -> None:
    ids = prompt(1, 12, pictures=1)
    assert cold(network, ids, [picture(1)]) != cold(network, ids, [picture(2)])


@pytest.mark.parametrize("length", [1, 2, 30])
def test_generate_gives_the_tokens_of_the_reference(network: LlavaNetwork, length: int) -> None:
    ids = prompt(length, length)
    assert list(generate(network, ids, [], ALLOWED, most=12)) == cold(network, ids)


def test_two_pictures_are_read_in_their_places(network: LlavaNetwork) -> None:
    ids, visual = prompt(2, 10, pictures=2), [picture(1), picture(2)]
    assert list(generate(network, ids, visual, ALLOWED, most=12)) == cold(network, ids, visual)


def test_a_prompt_may_end_with_a_picture(llama: LlavaNetwork) -> None:
    ids, visual = [1, 2, *[IMAGE] * PATCHES], [picture(3)]
    assert list(generate(llama, ids, visual, ALLOWED, most=12)) == cold(llama, ids, visual)


def test_generate_ends_before_a_stop_token(llama: LlavaNetwork) -> None:
    ids = prompt(3, 9)
    wanted = cold(llama, ids)
    stop = wanted[4]
    answer = list(generate(llama, ids, [], ALLOWED, stop=[stop], most=12))
    assert answer == wanted[: wanted.index(stop)]
    assert list(generate(llama, ids, [], ALLOWED, stop=[wanted[0]], most=12)) == []


@pytest.mark.parametrize("chunk", [1, 3, 7, 21, 22])
def test_chunks_of_any_size_read_the_same(network: LlavaNetwork, chunk: int) -> None:
    ids, visual = prompt(4, 13, pictures=1), [picture(4)]
    row = start(network, ids, visual, chunk=chunk)
    decoder = Decoder(network, ALLOWED)
    decoder.add(row)
    said = [row.last] + [token for _ in range(12) for _, token in decoder.step()]
    assert said[:12] == cold(network, ids, visual)


def test_a_prefill_that_is_given_up_has_read_whole_chunks(llama: LlavaNetwork) -> None:
    ids = prompt(5, 20)
    prefill = Prefill(llama, llama.embed(mx.array(list(ids))), new_cache(llama.language_model), 8)
    prefill.step()
    assert (prefill.done, prefill.total, prefill.logits) == (8, 20, None)
    assert [layer.offset for layer in prefill.cache] == [8, 8]


def test_a_cache_goes_on_where_another_prefill_ended(network: LlavaNetwork) -> None:
    ids = prompt(6, 20)
    first = Prefill(network, network.embed(mx.array(ids[:11])), new_cache(network.language_model))
    first.step()
    second = Prefill(network, network.embed(mx.array(ids[11:])), first.cache)
    second.step()
    assert second.logits is not None
    token = draw_one(second.logits, GREEDY, 0, ALLOWED)
    assert token == cold(network, ids, count=1)[0]


def test_rows_that_come_and_go_each_write_as_if_alone(network: LlavaNetwork) -> None:
    cases = {
        "short": (prompt(7, 4), [], GREEDY),
        "picture": (prompt(8, 12, pictures=1), [picture(8)], GREEDY),
        "drawn": (prompt(9, 40), [], Sampler(1.0, 0.9, seed=11)),
        "two pictures": (prompt(10, 9, pictures=2), [picture(9), picture(10)], Sampler(1.0)),
    }
    joins = {0: ["short"], 3: ["picture", "drawn"], 6: ["two pictures"]}
    leaves = {9: ["short"], 12: ["drawn", "picture"]}
    decoder = Decoder(network, ALLOWED)
    rows: dict[str, Row] = {}
    said: dict[str, list[int]] = {}
    for step in range(20):
        for name in joins.get(step, ()):
            ids, visual, sampler = cases[name]
            rows[name] = start(network, ids, visual, sampler)
            said[name] = [rows[name].last]
            decoder.add(rows[name])
        decoder.remove([rows[name] for name in leaves.get(step, ())])
        for row, token in decoder.step():
            said[next(name for name in rows if rows[name] is row)].append(token)
    for name, (ids, visual, sampler) in cases.items():
        assert len(said[name]) > 6
        assert said[name] == cold(network, ids, visual, len(said[name]), sampler), name


@pytest.mark.parametrize("beside", [0, 1, 2])
def test_a_row_that_left_goes_on_from_its_cache(network: LlavaNetwork, beside: int) -> None:
    ids, visual = prompt(11, 12, pictures=1), [picture(11)]
    decoder = Decoder(network, ALLOWED)
    row = start(network, ids, visual)
    for other in range(beside):
        decoder.add(start(network, prompt(20 + other, 5 + 9 * other)))
    decoder.add(row)
    said = [row.last]
    for _ in range(5):
        said += [token for who, token in decoder.step() if who is row]
    decoder.remove([row])
    assert len(decoder.rows) == beside
    assert row.last == said[-1]
    assert {layer.offset for layer in row.cache} == {len(ids) + len(said)}
    rest = Prefill(network, network.embed(mx.array([7])), row.cache)
    rest.step()
    assert rest.logits is not None
    wanted = cold(network, [*ids, *said, 7], visual, 1)
    assert draw_one(rest.logits, GREEDY, 0, ALLOWED) == wanted[0]


def test_a_row_that_comes_back_draws_on_where_it_was(llama: LlavaNetwork) -> None:
    ids, sampler = prompt(12, 6), Sampler(1.0, seed=5)
    wanted = cold(llama, ids, count=10, sampler=sampler)
    row = start(llama, [*ids, *wanted[:3]])
    row = Row(row.cache, wanted[3], 4, sampler)
    decoder = Decoder(llama, ALLOWED)
    decoder.add(row)
    said = [token for _ in range(7) for _, token in decoder.step()]
    assert said == wanted[4:]


def test_the_same_seed_answers_the_same_beside_another_of_that_seed(llama: LlavaNetwork) -> None:
    sampler = Sampler(1.0, seed=4)
    decoder = Decoder(llama, ALLOWED)
    rows = [start(llama, prompt(13, 7), sampler=sampler) for _ in range(2)]
    said = {id(row): [row.last] for row in rows}
    decoder.add(rows[0])
    decoder.step()
    decoder.add(rows[1])
    for _ in range(8):
        for row, token in decoder.step():
            said[id(row)].append(token)
    first, second = said.values()
    assert first[:8] == second[:8] == cold(llama, prompt(13, 7), count=8, sampler=sampler)


@pytest.mark.parametrize("beside", [0, 1])
def test_nothing_is_computed_for_a_token_beyond_the_last(
    llama: LlavaNetwork, beside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = prompt(17, 6)
    rows = [start(llama, one) for one in (ids, prompt(18, 9))[: 1 + beside]]
    decoder = Decoder(llama, ALLOWED)
    for row in rows:
        row.most = 5
        decoder.add(row)
    expected, whole, steps = cold(llama, ids, count=5), LlavaNetwork.__call__, 0

    def counted(*given: Any, **named: Any) -> mx.array:
        nonlocal steps
        steps += 1
        return whole(*given, **named)

    monkeypatch.setattr(LlavaNetwork, "__call__", counted)
    said = [rows[0].last]
    while len(said) < 5:
        said += [token for row, token in decoder.step() if row is rows[0]]
    assert said == expected
    assert steps == 4  # the first token came from reading
    decoder.remove(rows)
    assert {layer.offset for layer in rows[0].cache} == {len(ids) + 4}


def test_ids_beyond_the_vocabulary_and_the_image_are_never_written(llama: LlavaNetwork) -> None:
    wild = Sampler(2.0, seed=1)
    written = set(generate(llama, prompt(14, 5), [], ALLOWED, sampler=wild, most=300))
    assert written.isdisjoint({IMAGE, VOCABULARY - 1, VOCABULARY - 2})
    assert len(written) > 30


def test_the_last_of_several_leaves_with_all_it_wrote(llama: LlavaNetwork) -> None:
    ids = prompt(15, 9)
    decoder = Decoder(llama, ALLOWED)
    other, row = start(llama, prompt(16, 4)), start(llama, ids)
    decoder.add(other)
    decoder.add(row)
    for _ in range(3):
        decoder.step()
    decoder.remove([other])
    for _ in range(3):
        decoder.step()
    decoder.remove([row])
    assert {layer.offset for layer in row.cache} == {len(ids) + row.written}
    assert decoder.rows == []


WRONG = (6, 9, 16, 20, 23, 31)  # places where the oracle errs


class Oracle(PromptLookup):
    """Guesses what will come, but for a few tokens: all of `_check` is tried."""

    def __init__(self, wanted: Sequence[int]) -> None:
        super().__init__([])
        self.coming = [token + (place in WRONG) for place, token in enumerate(wanted)]
        self.said = 1
        self.checked: list[tuple[int, int]] = []

    def add(self, token: int) -> None:
        self.said += 1

    def guess(self) -> list[int]:
        return self.coming[self.said : self.said + 4]

    def learn(self, guessed: int, right: int) -> None:
        self.checked.append((guessed, right))


def written(decoder: Decoder, row: Row, count: int) -> tuple[list[int], int]:
    """What a row alone says until it has `count` tokens or more, and in how many steps."""
    said, steps = [row.last], 0
    while len(said) < count:
        said += [token for _, token in decoder.step()]
        steps += 1
    return said, steps


@pytest.mark.parametrize("sampler", [GREEDY, Sampler(1.0, seed=8), Sampler(0.8, 0.7, seed=9)])
def test_guessed_tokens_are_those_of_single_steps(network: LlavaNetwork, sampler: Sampler) -> None:
    ids, visual = prompt(17, 11, pictures=1), [picture(17)]
    wanted = cold(network, ids, visual, 40, sampler)
    row = start(network, ids, visual, sampler)
    lookup = row.lookup = Oracle(wanted)
    decoder = Decoder(network, ALLOWED)
    decoder.add(row)
    said, steps = written(decoder, row, 36)
    assert said[:36] == wanted[:36]
    assert steps < 24
    assert {right for _, right in lookup.checked} >= {0, 1, 2, 3}
    decoder.remove([row])
    assert {layer.offset for layer in row.cache} == {len(ids) + len(said)}
    assert row.written == len(said)


def test_a_row_that_guesses_is_joined_and_left_by_others(network: LlavaNetwork) -> None:
    ids = prompt(18, 9)
    wanted = cold(network, ids, count=40)
    row, other = start(network, ids), start(network, prompt(19, 14))
    row.lookup = Oracle(wanted)
    decoder = Decoder(network, ALLOWED)
    decoder.add(row)
    said = [row.last]
    for step in range(18):
        if step == 5:
            decoder.add(other)
        if step == 9:
            decoder.remove([other])
        said += [token for who, token in decoder.step() if who is row]
    assert len(said) > 20
    assert said == wanted[: len(said)]


def test_text_that_is_copied_takes_fewer_steps(llama: LlavaNetwork) -> None:
    ids = prompt(20, 8)
    wanted = cold(llama, ids, count=40)
    row = start(llama, ids)
    # The answer stands in the prompt already, as far as the lookup knows.
    row.lookup = PromptLookup([*ids, *wanted, *ids, row.last])
    decoder = Decoder(llama, ALLOWED)
    decoder.add(row)
    said, steps = written(decoder, row, 38)
    assert said[:38] == wanted[:38]
    assert steps < 20
