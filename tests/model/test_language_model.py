"""mlx-lm's decoders, built without its surprises."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models.cache import KVCache

from model import text_config
from model.language_model import build_language_model

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
