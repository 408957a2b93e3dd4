"""`config.json` as it stands on the hub: abbreviated, of many years, with leftovers."""

from typing import Any

import pytest
from transformers import (
    LlavaConfig as PlainConfig,
)
from transformers import (
    LlavaNextConfig,
    LlavaOnevisionConfig,
    VipLlavaConfig,
)

from model.config import LlavaConfig
from tests.model.test_config import LLAVA_1_5

KINDS: dict[str, Any] = {
    "llava": PlainConfig,
    "llava_next": LlavaNextConfig,
    "llava_onevision": LlavaOnevisionConfig,
    "vipllava": VipLlavaConfig,
}
CLIP = LLAVA_1_5["vision_config"]
SIGLIP = {
    "hidden_size": 1152,
    "image_size": 384,
    "intermediate_size": 4304,
    "model_type": "siglip_vision_model",
    "num_attention_heads": 16,
    "num_hidden_layers": 26,
    "patch_size": 14,
    "vision_use_head": False,
}
PINPOINTS = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
WIDE: dict[str, Any] = {"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40}
WIDE |= {"num_attention_heads": 40, "num_key_value_heads": 40}
QWEN: dict[str, Any] = {
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "model_type": "qwen2",
    "rope_theta": 1e6,
}


def hub(family: str, text: dict[str, Any], **top: Any) -> dict[str, Any]:
    tower = {"vision_config": CLIP, "vision_feature_layer": -2}
    leftovers = {"ignore_index": -100, "projector_hidden_act": "gelu", "torch_dtype": "float16"}
    return {"model_type": family, "text_config": text} | tower | leftovers | top


def clip(family: str, text: dict[str, Any], **top: Any) -> dict[str, Any]:
    common = {"max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "vocab_size": 32064}
    return hub(family, {"model_type": "llama"} | common | text, **top)


def tiled(text: dict[str, Any], **top: Any) -> dict[str, Any]:
    newline = {"image_grid_pinpoints": PINPOINTS, "use_image_newline_parameter": True}
    return clip("llava_next", text, **newline, **top)


def siglip(family: str, text: dict[str, Any], **top: Any) -> dict[str, Any]:
    tower = {"vision_config": SIGLIP, "vision_feature_layer": -1, "image_token_index": 151646}
    full = {"vision_feature_select_strategy": "full"}
    return hub(family, QWEN | text, **tower | full | top)


MISTRAL: dict[str, Any] = {
    "model_type": "mistral",
    "intermediate_size": 14336,
    "max_position_embeddings": 32768,
}
LLAMA_3: dict[str, Any] = {"intermediate_size": 14336, "num_key_value_heads": 8, "rope_theta": 5e5}
LLAMA_3 |= {"vocab_size": 128320, "max_position_embeddings": 8192}
YI: dict[str, Any] = {"hidden_size": 7168, "intermediate_size": 20480, "num_hidden_layers": 60}
YI |= {"num_attention_heads": 56, "num_key_value_heads": 8, "rope_theta": 5e6}
HALF: dict[str, Any] = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 24}
HALF |= {"num_attention_heads": 16, "num_key_value_heads": 16, "vocab_size": 152000}
SMALL: dict[str, Any] = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24}
SMALL |= {"num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 152000}
# What is on the hub, and of it: hidden size, layers, heads for keys, intermediate size, theta,
# epsilon, sliding window, tied embeddings, ends of an answer.
CONFIGS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "llava-1.5-7b": (clip("llava", {}), (4096, 32, 32, 11008, 1e4, 1e-5, None, False, (2,))),
    "llava-1.5-13b": (clip("llava", WIDE), (5120, 40, 40, 13824, 1e4, 1e-5, None, False, (2,))),
    "bakllava": (
        clip("llava", MISTRAL | {"sliding_window": 4096}),
        (4096, 32, 8, 14336, 1e4, 1e-5, 4096, False, (2,)),
    ),
    "bakllava, window unsaid": (
        clip("llava", MISTRAL),
        (4096, 32, 8, 14336, 1e4, 1e-5, 4096, False, (2,)),
    ),
    "xtuner": (
        clip("llava", LLAMA_3 | {"eos_token_id": 128001}, image_token_index=128257),
        (4096, 32, 8, 14336, 5e5, 1e-5, None, False, (128001,)),
    ),
    "vip-7b": (
        clip("vipllava", {}, vision_feature_layer=[-2, -5, -8, -11, 6]),
        (4096, 32, 32, 11008, 1e4, 1e-5, None, False, (2,)),
    ),
    "vip-7b, old revision": (
        clip("vipllava", {}, vision_feature_layers=[-2, -5, -8, -11, 6]),
        (4096, 32, 32, 11008, 1e4, 1e-5, None, False, (2,)),
    ),
    "vip-13b": (
        clip("vipllava", WIDE, vision_feature_layers=[-2, -5, -8, -11, 6]),
        (5120, 40, 40, 13824, 1e4, 1e-5, None, False, (2,)),
    ),
    "llava-1.6-vicuna-7b": (
        tiled({"pad_token_id": 0}),
        (4096, 32, 32, 11008, 1e4, 1e-5, None, False, (2,)),
    ),
    "llava-1.6-mistral-7b": (
        tiled(MISTRAL | {"rope_theta": 1e6, "sliding_window": None, "num_key_value_heads": 8}),
        (4096, 32, 8, 14336, 1e6, 1e-5, None, False, (2,)),
    ),
    "llava-1.6-34b": (
        tiled(YI | {"vocab_size": 64064, "eos_token_id": 7}, image_token_index=64000),
        (7168, 60, 8, 20480, 5e6, 1e-5, None, False, (7,)),
    ),
    "llama3-llava-next-8b": (
        tiled(LLAMA_3 | {"eos_token_id": 128009}, image_token_index=128256),
        (4096, 32, 8, 14336, 5e5, 1e-5, None, False, (128009,)),
    ),
    "llava-interleave-0.5b": (
        siglip("llava", HALF | {"tie_word_embeddings": True, "sliding_window": 32768}),
        (1024, 24, 16, 2816, 1e6, 1e-6, None, True, (151645,)),
    ),
    "llava-interleave-7b": (
        siglip("llava", {"intermediate_size": 11008, "vocab_size": 152000}),
        (4096, 32, 32, 11008, 1e6, 1e-6, None, False, (151645,)),
    ),
    "llava-onevision-0.5b": (
        siglip("llava_onevision", SMALL, tie_word_embeddings=True, video_token_index=151647),
        (896, 24, 2, 4864, 1e6, 1e-6, None, True, (151645,)),
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_of_the_hub_is_read_and_filled(name: str) -> None:
    given, expected = CONFIGS[name]
    ours = LlavaConfig.from_dict(given)
    text = ours.text
    sizes = ("hidden_size", "num_hidden_layers", "num_key_value_heads", "intermediate_size")
    found = (*(text[size] for size in sizes), text["rope_theta"], text["rms_norm_eps"])
    found += (text.get("sliding_window"), text["tie_word_embeddings"], ours.eos_token_ids)
    assert found == expected
    assert ours.image_token_index == given.get("image_token_index", 32000)
    assert ours.vision.hidden_act == (
        "quick_gelu" if ours.vision.class_tokens else "gelu_pytorch_tanh"
    )
    layers = 5 if ours.model_type == "vipllava" else 1
    assert ours.projector.input_size == layers * ours.vision.hidden_size


@pytest.mark.parametrize("name", CONFIGS)
def test_transformers_newer_files_of_the_same_models_are_read_alike(name: str) -> None:
    given, _ = CONFIGS[name]
    newer = KINDS[given["model_type"]](**given).to_dict()
    assert "rope_parameters" in newer["text_config"]  # else it isn't the newer form
    assert LlavaConfig.from_dict(newer) == LlavaConfig.from_dict(given)
