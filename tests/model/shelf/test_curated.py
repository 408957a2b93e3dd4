"""The list of models: its sizes are those of the network, its names lead where they say."""

from dataclasses import replace
from typing import Any

import mlx.core as mx
import pytest
from mlx import nn
from mlx.utils import tree_flatten

from app.engine.catalogue import find
from model.config import LlavaConfig
from model.network import LlavaNetwork
from model.shelf.curated import ALIASES, CLIP, CURATED, Curated, Language, Tower
from tests.checkpoints import VISION

PUBLISHED = {  # parameters, as the hub counts them
    "llava-1.5-7b": 7_063_427_072,
    "llava-1.6-mistral-7b": 7_566_743_552,
    "llava-1.5-13b": 13_351_494_656,
}


def find_model(alias: str) -> Curated:
    return next(model for model in CURATED if model.alias == alias)


def test_names_and_repositories_are_single_and_lead_to_each_other() -> None:
    assert len(ALIASES) == len({*ALIASES.values()}) == len(CURATED)
    for alias, repository in ALIASES.items():
        assert find(alias) == (repository, (alias, repository))
        assert find(repository)[1] == (repository, alias)


@pytest.mark.parametrize("alias", PUBLISHED)
def test_the_parameters_are_those_published(alias: str) -> None:
    assert find_model(alias).parameters == PUBLISHED[alias]


@pytest.mark.parametrize(
    "language",
    [
        Language("llama", 48, 2, 4, 4, 96, 384),
        Language("mistral", 48, 3, 4, 2, 80, 400),
        Language("qwen2", 48, 2, 4, 2, 96, 384, bias=True),
    ],
)
def test_the_parameters_are_the_networks(language: Language) -> None:
    plain = replace(find_model("llava-1.5-7b"), language=language)
    made = LlavaNetwork(LlavaConfig.from_dict(with_small_tower(plain._config())))
    small, everything = count(made.vision_tower), count(made)
    tower = Tower(VISION, small, CLIP.layer, CLIP.strategy)
    assert replace(plain, tower=tower).parameters == everything


def count(module: nn.Module) -> int:
    arrays: dict[str, mx.array] = dict(tree_flatten(module.parameters()))
    return sum(array.size for array in arrays.values())


def with_small_tower(config: dict[str, Any]) -> dict[str, Any]:
    return config | {"vision_config": VISION}


def test_what_can_be_run_says_so_and_the_rest_says_why() -> None:
    assert find_model("llava-1.5-7b").refusal == ""
    assert "some_llava" in replace(find_model("llava-1.5-7b"), family="some_llava").refusal


def test_importing_the_names_costs_nothing() -> None:
    import subprocess
    import sys

    heavy = ("mlx", "transformers", "huggingface_hub", "gradio")
    program = f"import sys, app.engine.catalogue; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
