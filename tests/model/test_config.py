"""Configurations against transformers' own reading of the same JSON."""

from typing import Any

import pytest
from transformers import (
    LlavaConfig as ReferenceConfig,
)
from transformers import (
    LlavaNextConfig,
    LlavaOnevisionConfig,
)

from model.config import LlavaConfig
from model.errors import CheckpointError

LLAVA_1_5 = {
    "model_type": "llava",
    "image_token_index": 32000,
    "text_config": {
        "max_position_embeddings": 4096,
        "model_type": "llama",
        "rms_norm_eps": 1e-05,
        "torch_dtype": "float16",
        "vocab_size": 32064,
    },
    "tie_word_embeddings": False,
    "vision_config": {
        "hidden_size": 1024,
        "image_size": 336,
        "intermediate_size": 4096,
        "model_type": "clip_vision_model",
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
        "patch_size": 14,
        "projection_dim": 768,
        "vocab_size": 32000,
    },
}
ORIGINAL = {
    "model_type": "llava",
    "mm_vision_tower": "openai/clip-vit-large-patch14",
    "hidden_size": 4096,
    "max_position_embeddings": 2048,
    "vocab_size": 32003,
}


def with_text(**text: Any) -> dict[str, Any]:
    return {"model_type": "llava", "text_config": text}


ABBREVIATED: list[dict[str, Any]] = [
    {"model_type": "llava"},
    LLAVA_1_5,
    with_text(model_type="llama", hidden_size=64, num_attention_heads=8),
    with_text(num_key_value_heads=8, rope_theta=500000.0, attention_bias=True, mlp_bias=True),
    with_text(head_dim=32, eos_token_id=[2, 7]),
    with_text(rope_parameters={"rope_theta": 1e6, "rope_type": "default"}),
    with_text(rope_scaling={"type": "linear", "factor": 2.0}, rope_theta=5e5),
    with_text(
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 5e5,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
        }
    ),
    with_text(model_type="mistral"),
    with_text(model_type="mistral", sliding_window=None, num_key_value_heads=32),
    with_text(model_type="mistral", rope_theta=1000000.0, max_position_embeddings=32768),
    with_text(model_type="qwen2"),
    with_text(model_type="qwen2", tie_word_embeddings=True, rope_theta=1000000.0),
    with_text(model_type="qwen2", num_key_value_heads=None, eos_token_id=7),
    {"model_type": "llava", "tie_word_embeddings": True},
    {"model_type": "llava", "vision_config": {"model_type": "clip_vision_model"}},
    {"model_type": "llava", "vision_feature_layer": [-2, -5, 3], "image_token_index": 5},
    {
        "model_type": "llava",
        "vision_feature_select_strategy": "full",
        "multimodal_projector_bias": False,
        "projector_hidden_act": "relu",
    },
]


TILED: list[dict[str, Any]] = [
    {"model_type": "llava_next"},
    {"model_type": "llava_next", "image_grid_pinpoints": [[672, 336], [336, 336]]},
    {"model_type": "llava_next", "text_config": {"model_type": "mistral", "vocab_size": 32064}},
    {"model_type": "llava_next", "vision_config": {"image_size": 168}}
    | {"image_grid_pinpoints": [[168, 336]]},
    {"model_type": "llava_onevision"},
    {"model_type": "llava_onevision", "vision_aspect_ratio": "anyres_max_4"},
    {"model_type": "llava_onevision"}
    | {"text_config": {"num_attention_heads": 14, "num_key_value_heads": 2, "hidden_size": 896}},
    {"model_type": "llava_onevision", "vision_config": {"image_size": 384, "patch_size": 14}},
    {"model_type": "llava_onevision", "text_config": {"model_type": "llama"}},
]
SIGLIP = {"model_type": "siglip_vision_model"}


@pytest.mark.parametrize("given", TILED, ids=str)
def test_families_with_tiles_are_filled_as_transformers_fills_them(given: dict[str, Any]) -> None:
    kinds = {"llava_next": LlavaNextConfig, "llava_onevision": LlavaOnevisionConfig}
    reference = kinds[given["model_type"]](**given)
    for ours in (LlavaConfig.from_dict(given), LlavaConfig.from_dict(reference.to_dict())):
        assert_same(ours, reference)
        assert ours.tiling is not None
        assert list(map(list, ours.tiling.pinpoints)) == reference.image_grid_pinpoints
        aspect = getattr(reference, "vision_aspect_ratio", "anyres_max_None")
        assert f"anyres_max_{ours.tiling.most_tiles}" == aspect


def test_interleave_has_another_tower_without_a_class_token() -> None:
    given = {
        "model_type": "llava",
        "vision_config": SIGLIP | {"image_size": 384, "patch_size": 14},
        "vision_feature_select_strategy": "full",
        "vision_feature_layer": -1,
    }
    ours = LlavaConfig.from_dict(given)
    assert_same(ours, ReferenceConfig(**given))
    assert ours.visual_tokens == 729


@pytest.mark.parametrize("given", ABBREVIATED, ids=str)
def test_an_abbreviated_config_is_filled_as_transformers_fills_it(given: dict[str, Any]) -> None:
    reference = ReferenceConfig(**given)
    for ours in (LlavaConfig.from_dict(given), LlavaConfig.from_dict(reference.to_dict())):
        assert_same(ours, reference)


def assert_same(ours: LlavaConfig, reference: Any) -> None:
    names = set(type(ours.vision).__dataclass_fields__) - {"patches"}
    for name in names:
        assert getattr(ours.vision, name) == getattr(reference.vision_config, name), name
    text = reference.text_config
    for name, value in ours.text.items():
        if name not in {"rope_theta", "rope_scaling", "tie_word_embeddings", "eos_token_id"}:
            assert value == getattr(text, name, value), name
    assert ours.text["head_dim"] * text.num_attention_heads == (
        getattr(text, "head_dim", text.hidden_size // text.num_attention_heads)
        * text.num_attention_heads
    )
    rope = dict(text.rope_parameters)
    assert ours.text["rope_theta"] == rope.pop("rope_theta")
    scaling = ours.text["rope_scaling"] or {"rope_type": "default"}
    assert scaling == {name: value for name, value in rope.items() if name != "type"}
    eos = text.eos_token_id
    assert ours.eos_token_ids == tuple(
        eos if isinstance(eos, list) else [] if eos is None else [eos]
    )
    assert ours.text["tie_word_embeddings"] == (
        reference.tie_word_embeddings or text.tie_word_embeddings
    )
    layers = reference.vision_feature_layer
    assert ours.vision_feature_layers == tuple(layers if isinstance(layers, list) else [layers])
    assert ours.vision_feature_select_strategy == reference.vision_feature_select_strategy
    assert ours.image_token_index == reference.image_token_index
    assert ours.projector.bias == reference.multimodal_projector_bias
    assert ours.projector.hidden_act == reference.projector_hidden_act
    assert ours.projector.input_size == len(ours.vision_feature_layers) * ours.vision.hidden_size


def test_a_picture_of_llava_1_5_is_576_tokens_of_a_context_of_4096() -> None:
    config = LlavaConfig.from_dict(LLAVA_1_5)
    assert (config.visual_tokens, config.context_length) == (576, 4096)
    full = LlavaConfig.from_dict(LLAVA_1_5 | {"vision_feature_select_strategy": "full"})
    assert full.visual_tokens == 577


def test_the_first_llava_is_read_from_its_original_form() -> None:
    config = LlavaConfig.from_dict(ORIGINAL)
    assert config.projector.kind == "linear"
    assert config.vision.image_size == 224
    assert config.text["vocab_size"] == 32003
    assert config.image_token_index == -200
    assert config.vision_feature_layers == (-2,)
    later = {"mm_projector_type": "mlp2x_gelu", "mm_vision_select_feature": "cls_patch"}
    config = LlavaConfig.from_dict(ORIGINAL | later | {"model_type": "llava_mistral"})
    assert config.projector.kind == "mlp"
    assert config.vision_feature_select_strategy == "full"
    assert config.text["model_type"] == "mistral"


ORIGINAL_ONEVISION = {
    "architectures": ["LlavaQwenForCausalLM"],
    "mm_vision_tower": "google/siglip-so400m-patch14-384",
    "mm_projector_type": "mlp2x_gelu",
    "mm_patch_merge_type": "spatial_unpad",
    "image_aspect_ratio": "anyres_max_9",
    "image_grid_pinpoints": "(1x1),...,(6x6)",
}


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({}, True),
        ({"mm_spatial_pool_mode": "bilinear", "mm_newline_position": "one_token"}, True),
        ({"mm_spatial_pool_stride": None, "add_faster_video": False}, True),
        ({"mm_spatial_pool_mode": "average"}, False),
        ({"mm_spatial_pool_stride": 4}, False),
        ({"mm_newline_position": "grid"}, False),
        ({"add_faster_video": True}, False),
        ({"mm_patch_merge_type": "flat"}, False),
        ({"image_aspect_ratio": "anyres"}, False),
    ],
)
def test_an_original_onevision_takes_clips_if_it_pools_as_this_program_does(
    said: dict[str, Any], taken: bool
) -> None:
    tiling = LlavaConfig.from_dict(ORIGINAL_ONEVISION | said).tiling
    assert tiling is not None
    assert tiling.clips == taken


def test_mlx_quantisation_is_kept_and_any_other_refused() -> None:
    given = {"group_size": 64, "bits": 4}
    config = LlavaConfig.from_dict(LLAVA_1_5 | {"quantization": given})
    assert config.quantization == given
    with pytest.raises(CheckpointError, match="bitsandbytes"):
        LlavaConfig.from_dict(LLAVA_1_5 | {"quantization_config": {"quant_method": "bitsandbytes"}})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "llava_next_video"}, "llava_next_video"),
    ({}, "model_type is missing"),
    ({"model_type": ["llava"]}, "model_type"),
    ({"model_type": "llava", "text_config": "a"}, "text_config"),
    ({"model_type": "llava", "text_config": []}, "text_config"),
    ({"model_type": "llava", "vision_config": 3}, "vision_config"),
    ({"model_type": "llava", "vision_config": {"hidden_size": 0}}, "hidden_size"),
    ({"model_type": "llava", "vision_config": {"num_hidden_layers": 10**9}}, "num_hidden_layers"),
    ({"model_type": "llava", "vision_config": {"num_attention_heads": 7}}, "7 heads"),
    ({"model_type": "llava", "vision_config": {"image_size": 8, "patch_size": 14}}, "8 pixels"),
    ({"model_type": "llava", "vision_config": {"num_channels": 4}}, "num_channels"),
    ({"model_type": "llava", "vision_config": {"hidden_act": "x" * 999}}, "hidden_act"),
    ({"model_type": "llava", "vision_feature_layer": 25}, "vision_feature_layer"),
    ({"model_type": "llava", "vision_feature_layer": -26}, "vision_feature_layer"),
    ({"model_type": "llava", "vision_config": {"model_type": "dinov2"}}, "dinov2"),
    (TILED[0] | {"image_grid_pinpoints": [[336, 500]]}, "image_grid_pinpoints"),
    (TILED[0] | {"image_grid_pinpoints": [[336, 336 * 17]]}, "image_grid_pinpoints"),
    (TILED[0] | {"image_grid_pinpoints": [[336]]}, "image_grid_pinpoints"),
    (TILED[0] | {"image_grid_pinpoints": []}, "image_grid_pinpoints"),
    (TILED[0] | {"image_grid_pinpoints": "1x1"}, "image_grid_pinpoints"),
    (TILED[0] | {"vision_feature_select_strategy": "full"}, "strategy"),
    (TILED[4] | {"vision_feature_select_strategy": "default"}, "strategy"),
    (TILED[4] | {"vision_aspect_ratio": "square"}, "vision_aspect_ratio"),
    ({"model_type": "llava", "vision_feature_layer": []}, "vision_feature_layer"),
    ({"model_type": "llava", "vision_feature_layer": [None]}, "vision_feature_layer"),
    ({"model_type": "llava", "vision_feature_select_strategy": "all"}, "strategy"),
    ({"model_type": "llava", "multimodal_projector_bias": "no"}, "bias"),
    ({"model_type": "llava", "image_token_index": -201}, "image_token_index"),
    ({"model_type": "llava", "image_token_index": 1.5}, "image_token_index"),
    (with_text(model_type="gpt2"), "gpt2"),
    (with_text(hidden_act="gelu"), "hidden_act"),
    (with_text(hidden_size=True), "hidden_size"),
    (with_text(hidden_size="4096"), "hidden_size"),
    (with_text(vocab_size=None), "vocab_size is missing"),
    (with_text(num_attention_heads=31), "31 attention heads"),
    (with_text(num_key_value_heads=5), "5 of them"),
    (with_text(head_dim=3), "width 3"),
    (with_text(model_type="qwen2", head_dim=64), "width 64"),
    (with_text(model_type="qwen2", use_sliding_window=True), "use_sliding_window"),
    (with_text(rms_norm_eps=float("nan")), "rms_norm_eps"),
    (with_text(rms_norm_eps=-1), "rms_norm_eps"),
    (with_text(rope_theta=float("inf")), "rope_theta"),
    (with_text(rope_theta=-1), "rope_theta"),
    (with_text(rope_scaling={"type": "yarn", "factor": 2}), "yarn"),
    (with_text(rope_scaling={"type": "linear"}), "factor"),
    (with_text(rope_scaling=7), "rope_scaling"),
    (with_text(eos_token_id="2"), "eos_token_id"),
    (with_text(tie_word_embeddings="yes"), "tie_word_embeddings"),
    (ORIGINAL | {"mm_patch_merge_type": "maxpool2x2"}, "maxpool2x2"),
    (ORIGINAL | {"image_aspect_ratio": "crop_split"}, "crop_split"),
    (ORIGINAL | {"model_type": "llava_mpt"}, "llava_mpt"),
    (
        ORIGINAL | {"image_aspect_ratio": "anyres", "image_grid_pinpoints": "[(1,"},
        "image_grid_pinpoints",
    ),
    (ORIGINAL | {"mm_vision_tower": "google/siglip2-giant"}, "siglip2"),
    (ORIGINAL | {"mm_projector_type": "pooler"}, "pooler"),
]


@pytest.mark.parametrize(("given", "named"), REFUSED, ids=str)
def test_what_can_not_be_run_is_refused_by_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(CheckpointError, match=named) as refusal:
        LlavaConfig.from_dict(given)
    assert len(str(refusal.value)) < 300
