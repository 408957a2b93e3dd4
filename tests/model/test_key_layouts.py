"""Every layout's names lead to the network's own."""

import pytest

from model.key_layouts import our_name
from tests.random_weights import LAYOUTS, renamed

NAMES = [
    "vision_tower.embeddings.class_embedding",
    "vision_tower.encoder.layers.0.self_attn.q_proj.weight",
    "vision_tower.embeddings.patch_embedding.bias",
    "vision_tower.pre_layrnorm.bias",
    "multi_modal_projector.linear_1.weight",
    "multi_modal_projector.linear_2.bias",
    "multi_modal_projector.linear.weight",
    "language_model.model.embed_tokens.weight",
    "language_model.model.layers.11.mlp.up_proj.weight",
    "language_model.model.norm.weight",
    "language_model.lm_head.weight",
    "image_newline",
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_layout_is_found(layout: str, name: str) -> None:
    assert our_name(renamed(name, layout)) == name


@pytest.mark.parametrize(
    "name",
    [
        "vision_tower.vision_model.embeddings.position_ids",
        "vision_tower.vision_model.post_layernorm.weight",
        "model.vision_tower.post_layernorm.bias",
        "language_model.model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "vision_tower.vision_model.head.probe",
        "model.vision_tower.head.attention.in_proj_weight",
    ],
)
def test_buffers_and_what_no_llava_reads_of_a_tower_are_left_out(name: str) -> None:
    assert our_name(name) is None


@pytest.mark.parametrize("name", ["image_newlines", "model.image", "vision_tower.headless.q"])
def test_unknown_names_are_kept_so_that_they_can_be_refused(name: str) -> None:
    assert our_name(name) is not None
