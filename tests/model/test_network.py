"""The network's own seams: pictures to visual tokens, ids and pictures to embeddings."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from model.config import LlavaConfig
from model.errors import PromptError
from model.network import LlavaNetwork

IMAGE = 90
CONFIG: dict[str, Any] = {
    "model_type": "llava",
    "image_token_index": IMAGE,
    "vision_config": {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 28,
        "patch_size": 14,
    },
    "text_config": {
        "hidden_size": 24,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 100,
    },
}


def network(**top: Any) -> LlavaNetwork:
    mx.random.seed(0)
    return LlavaNetwork(LlavaConfig.from_dict(CONFIG | top))


def visual(count: int, seed: int = 0) -> list[mx.array]:
    return [mx.random.normal((4, 24), key=mx.random.key(seed + n)) for n in range(count)]


def test_each_image_id_is_replaced_by_the_next_visual_token() -> None:
    net, (first, second) = network(), visual(2)
    ids = [1, *[IMAGE] * 4, 7, *[IMAGE] * 4]
    embeddings = net.embed(mx.array(ids), [first, second])
    table = net.language_model.model.embed_tokens.weight
    expected = mx.concatenate([table[1:2], first, table[7:8], second])
    assert np.array_equal(np.array(embeddings), np.array(expected))


def test_pictures_side_by_side_are_not_taken_for_one() -> None:
    first, second = visual(2)
    embeddings = network().embed(mx.array([IMAGE] * 8), [first, second])
    assert np.array_equal(np.array(embeddings), np.array(mx.concatenate([first, second])))


def test_text_alone_is_embedded_as_it_is() -> None:
    net = network()
    table = net.language_model.model.embed_tokens.weight
    assert np.array_equal(np.array(net.embed(mx.array([3, 99, 0]))), np.array(table[[3, 99, 0]]))
    assert net.embed(mx.array([], mx.int32)).shape == (0, 24)


@pytest.mark.parametrize(("places", "pictures"), [(4, 0), (0, 1), (3, 1), (5, 1), (4, 2)])
def test_places_and_visual_tokens_must_be_as_many(places: int, pictures: int) -> None:
    with pytest.raises(PromptError, match=rf"{places} places .* yield {pictures * 4}"):
        network().embed(mx.array([1] + [IMAGE] * places), visual(pictures))


@pytest.mark.parametrize("outside", [100, 2**31 - 1, -1, -200])
def test_an_id_outside_the_vocabulary_is_refused_since_mlx_checks_no_bounds(outside: int) -> None:
    with pytest.raises(PromptError, match="outside the vocabulary of 100"):
        network().embed(mx.array([1, outside, 2]))


@pytest.mark.parametrize("image_token", [-200, 100, 5000])
def test_the_image_id_itself_may_lie_outside(image_token: int) -> None:
    net = network(image_token_index=image_token)
    [picture] = visual(1)
    embeddings = net.embed(mx.array([1, *[image_token] * 4]), [picture])
    assert np.array_equal(np.array(embeddings[1:]), np.array(picture))


def test_pictures_are_encoded_alike_alone_and_in_a_batch() -> None:
    net, pixels = network(), mx.random.normal((3, 28, 28, 3), key=mx.random.key(1))
    together = net.encode_pictures(pixels)
    alone = mx.concatenate([net.encode_pictures(pixels[n : n + 1]) for n in range(3)])
    assert together.shape == (3, 4, 24)
    assert np.abs(np.array(together - alone)).max() < 1e-5


def test_the_tower_runs_no_deeper_than_it_is_read() -> None:
    net = network(vision_feature_layer=-2)
    del net.vision_tower.encoder.layers[2].mlp
    assert net.encode_pictures(mx.zeros((1, 28, 28, 3))).shape == (1, 4, 24)


def test_features_of_several_layers_are_joined_with_the_class_token_of_each() -> None:
    net = network(vision_feature_layer=[-2, 1], vision_feature_select_strategy="full")
    assert net.multi_modal_projector.linear_1.weight.shape == (24, 64)
    assert net.encode_pictures(mx.zeros((1, 28, 28, 3))).shape == (1, 5, 24)


def test_patches_are_projected_as_a_strided_convolution_would() -> None:
    embeddings = network().vision_tower.embeddings
    pixels = mx.random.normal((2, 31, 28, 3), key=mx.random.key(2))
    filters = embeddings.patch_embedding.weight
    expected = mx.conv2d(pixels, filters, stride=14).reshape(2, 4, 32)
    assert np.abs(np.array(embeddings(pixels)[:, 1:] - expected)).max() > 0  # positions are added
    positions = embeddings.position_embedding.weight[1:]
    assert np.abs(np.array(embeddings(pixels)[:, 1:] - expected - positions)).max() < 1e-5


def test_ids_and_their_embeddings_give_the_same_logits() -> None:
    net, ids = network(), mx.array([[4, 8, 15, 16, 23, 42]])
    embeddings = net.embed(ids[0])[None]
    logits = net(ids)
    assert logits.shape == (1, 6, 100)
    assert np.array_equal(np.array(net(ids, input_embeddings=embeddings)), np.array(logits))
