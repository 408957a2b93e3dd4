"""mlx-lm's decoders, built without its surprises."""

from contextlib import nullcontext
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models.cache import KVCache

from model import attention, text_config
from model.devices import in_bulk
from model.language_model import build_language_model, read

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 60,
}
IDS = mx.array([[3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 3]])


def language_model(**text: Any) -> Any:
    mx.random.seed(0)
    return build_language_model(text_config.fill(SMALL | text))


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2"])
def test_parameters_have_the_names_of_the_checkpoints(kind: str) -> None:
    names = dict(tree_flatten(language_model(model_type=kind).parameters()))
    assert {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"} <= names.keys()
    assert ("model.layers.1.self_attn.q_proj.bias" in names) == (kind == "qwen2")
    assert not any("rope" in name for name in names)


def test_a_tied_model_has_no_head_of_its_own() -> None:
    model = language_model(tie_word_embeddings=True)
    assert "lm_head" not in model
    assert model(IDS).shape == (1, 12, 60)


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2"])
def test_step_by_step_with_a_cache_gives_the_same_logits(kind: str) -> None:
    model = language_model(model_type=kind, sliding_window=4)
    cache = [KVCache() for _ in model.layers]
    steps = [model(IDS[:, :5], cache=cache)]
    steps += [model(IDS[:, n : n + 1], cache=cache) for n in range(5, 12)]
    difference = np.array(mx.concatenate(steps, axis=1) - model(IDS))
    assert np.abs(difference).max() < 1e-5


def test_mistral_sees_no_further_back_than_its_window() -> None:
    far = mx.concatenate([mx.array([[1]]), IDS[:, 1:]], axis=1)
    for window, sees in ((3, False), (12, True), (None, True)):
        model = language_model(model_type="mistral", sliding_window=window, num_hidden_layers=1)
        changed = np.abs(np.array(model(IDS)[:, -1] - model(far)[:, -1])).max()
        assert (changed > 1e-4) == sees


def test_llama_ignores_a_window_as_in_transformers() -> None:
    assert np.array_equal(
        np.array(language_model(sliding_window=2)(IDS)), np.array(language_model()(IDS))
    )


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2"])
@pytest.mark.parametrize("how", [nullcontext, in_bulk])
def test_reading_gives_the_last_hidden_state_and_the_keys_and_values_of_all(
    kind: str, how: Any
) -> None:
    model = language_model(model_type=kind, sliding_window=4)
    embeddings = model.model.embed_tokens(IDS)
    ours, plain = ([KVCache() for _ in model.layers] for _ in range(2))
    with how():
        pieces = [read(model, embeddings[:, a:b], ours) for a, b in ((0, 7), (7, 11), (11, 12))]
    whole = model.model(IDS, plain)
    for piece, place in zip(pieces, (6, 10, 11), strict=True):
        assert np.abs(np.array(piece - whole[:, place])).max() < 1e-5
    for one, other in zip(ours, plain, strict=True):
        for mine, its in zip(one.keys_and_values(), other.keys_and_values(), strict=True):
            assert np.abs(np.array(mine - its)).max() < 1e-5


def test_reading_computes_the_last_layer_for_the_last_position_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = language_model()
    computed: list[Any] = []
    monkeypatch.setattr(attention, "_FEW", 0)
    monkeypatch.setattr(attention, "_memory", _noting(attention._memory, computed))
    with in_bulk():
        mx.eval(read(model, model.model.embed_tokens(IDS), [KVCache() for _ in model.layers]))
    once = [shape for shape in computed if len(shape) == 5]  # scores [B, H / G, G, T, L]
    assert once == [(1, 2, 2, 12, 12)] * (len(model.layers) - 1)


def _noting(memory: Any, shapes: list[Any]) -> Any:
    def noted(x: mx.array) -> Any:
        shapes.append(x.shape)
        return memory(x)

    return noted
