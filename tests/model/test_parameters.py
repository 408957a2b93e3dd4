"""A network is filled only with tensors that fit it, in the type the machine is good at."""

from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten

from model.config import LlavaConfig
from model.errors import CheckpointError
from model.network import LlavaNetwork
from model.parameters import load_network
from model.weights import read_json, read_weights, stored_tensors
from tests.checkpoints import write_checkpoint
from tests.random_weights import Weights

HEAD = "language_model.lm_head.weight"
NORM = "language_model.model.norm.weight"
DOWN = "language_model.model.layers.1.mlp.down_proj.weight"


def network_of(folder: Path, **settings: object) -> LlavaNetwork:
    written = read_json(folder, "config.json")
    assert written is not None
    config = LlavaConfig.from_dict(written)
    return load_network(config, stored_tensors(folder), **settings)  # type: ignore[arg-type]


def parameters(network: LlavaNetwork) -> dict[str, mx.array]:
    return dict(tree_flatten(network.parameters()))


def test_every_parameter_comes_from_the_checkpoint(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    filled, stored = parameters(network_of(folder)), read_weights(folder)
    assert filled.keys() == stored.keys()
    assert all(mx.array_equal(filled[name], stored[name]) for name in stored)


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_a_cpu_computes_in_float32_whatever_is_stored(stored: str, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, dtype=stored)
    assert {array.dtype for array in parameters(network_of(folder)).values()} == {mx.float32}


def test_a_type_can_be_chosen(tmp_path: Path) -> None:
    network = network_of(write_checkpoint(tmp_path), dtype=mx.bfloat16)
    assert {array.dtype for array in parameters(network).values()} == {mx.bfloat16}
    visual = network.encode_pictures(mx.zeros((1, 42, 42, 3)))
    assert visual.dtype == mx.bfloat16


def drop(weights: Weights) -> None:
    del weights[DOWN]


def drop_a_layer(weights: Weights) -> None:
    for name in [name for name in weights if ".layers.1." in name and "language" in name]:
        del weights[name]


def add(weights: Weights) -> None:
    weights["image_newline"] = np.zeros(48, np.float32)


def add_an_expert(weights: Weights) -> None:
    weights["language_model.model.layers.1.mlp.experts.0"] = np.zeros(48, np.float32)


def transpose(weights: Weights) -> None:
    weights[DOWN] = weights[DOWN].T.copy()


def flatten(weights: Weights) -> None:
    weights[DOWN] = weights[DOWN].ravel()


def shrink_the_positions(weights: Weights) -> None:
    name = "vision_tower.embeddings.position_embedding.weight"
    weights[name] = weights[name][:-1]


def not_a_number(weights: Weights) -> None:
    weights[DOWN][3, 4] = np.nan


def infinite(weights: Weights) -> None:
    weights[NORM][3] = -np.inf


def scales_for_a_norm(weights: Weights) -> None:
    weights["language_model.model.norm.scales"] = np.zeros(1, np.float32)


def scales_for_a_plain_layer(weights: Weights) -> None:
    weights[DOWN.replace("weight", "scales")] = np.zeros((48, 1), np.float32)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (drop, rf"lacks a tensor .*{DOWN}"),
        (drop_a_layer, r"lacks 9 tensors .*\.\.\."),
        (add, "holds a tensor .*image_newline"),
        (add_an_expert, "holds a tensor .*experts"),
        (transpose, rf"{DOWN} has the shape \(96, 48\), .* \(48, 96\)"),
        (flatten, r"the shape \(4608,\)"),
        (shrink_the_positions, r"the shape \(9, 32\), .* \(10, 32\)"),
        (not_a_number, f"{DOWN} holds values that are not numbers"),
        (infinite, f"{NORM} holds values"),
        (scales_for_a_norm, "holds a tensor .*scales"),
        (scales_for_a_plain_layer, "down_proj is quantised in a way"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    edit: Callable[[Weights], None], named: str, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path, edit=edit)
    with pytest.raises(CheckpointError, match=named):
        network_of(folder)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int8"])
def test_weights_that_are_no_floating_point_numbers_are_refused(dtype: str, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, dtype=dtype)
    with pytest.raises(CheckpointError, match="expected BF16 or F16 or F32"):
        network_of(folder)


def test_huge_sizes_are_refused_without_being_allocated(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    config = read_json(folder, "config.json")
    assert config is not None
    config["text_config"] |= {"hidden_size": 2**23, "intermediate_size": 2**24}
    config["text_config"] |= {"vocab_size": 2**24}
    with pytest.raises(CheckpointError, match="calls for"):
        load_network(LlavaConfig.from_dict(config), stored_tensors(folder))


def test_a_tied_head_is_left_out_though_it_is_stored(tmp_path: Path) -> None:
    def store_the_head(weights: Weights) -> None:
        weights[HEAD] = weights["language_model.model.embed_tokens.weight"]

    text = {"tie_word_embeddings": True}
    folder = write_checkpoint(tmp_path, text=text, edit=store_the_head)
    assert HEAD not in parameters(network_of(folder))
