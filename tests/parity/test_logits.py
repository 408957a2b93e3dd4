"""Logits and greedy answers against transformers, on random checkpoints of many configurations."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import model
from tests.checkpoints import write_checkpoint
from tests.parity.pictures import PROMPTS, greedy
from tests.parity.reference import Reference

TOLERANCE = 1e-4
TOKENS = 8
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5e5,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
PAD = {"image_processor_type": "LlavaImageProcessor", "do_pad": True}
VIP = {
    "model_type": "vipllava",
    "architectures": ["VipLlavaForConditionalGeneration"],
    "vision_feature_layer": [-2, -5, -8, -11, 6],
}
DEEP = {"num_hidden_layers": 12}

CASES: dict[str, dict[str, Any]] = {
    "LLaVA-1.5": {},
    # the language model
    "grouped key-value heads": {"text": {"num_key_value_heads": 2}},
    "one key-value head": {"text": {"num_key_value_heads": 1}},
    "heads wider than the hidden size": {"text": {"head_dim": 20}},
    "biases": {"text": {"attention_bias": True, "mlp_bias": True}},
    "tied embeddings": {"text": {"tie_word_embeddings": True}},
    "embeddings tied at the top": {"top": {"tie_word_embeddings": True}},
    "theta as transformers 4 writes it": {"text": {"rope_theta": 1000000.0}},
    "theta as transformers 5 writes it": {
        "text": {"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}}
    },
    "linear rope scaling": {"text": {"rope_scaling": {"type": "linear", "factor": 2.0}}},
    "Llama 3 rope": {"text": {"rope_parameters": LLAMA3}},
    "no eps, no theta": {"text": {"rms_norm_eps": None, "num_key_value_heads": None}},
    "Mistral": {"text": {"model_type": "mistral", "num_key_value_heads": 2, "rope_theta": 1e6}},
    "Mistral, sliding": {"text": {"model_type": "mistral", "sliding_window": 6}},
    "Mistral, not sliding": {"text": {"model_type": "mistral", "sliding_window": None}},
    "Qwen2": {"text": {"model_type": "qwen2", "rope_theta": 1e6, "rms_norm_eps": 1e-6}},
    "Qwen2, small": {
        "text": {"model_type": "qwen2", "num_key_value_heads": 1, "tie_word_embeddings": True}
    },
    # the tower and the projector
    "the last layer": {"top": {"vision_feature_layer": -1}},
    "a layer from the front": {"top": {"vision_feature_layer": 2}},
    "the tower's input": {"top": {"vision_feature_layer": -4}},
    "two layers": {"top": {"vision_feature_layer": [-2, -1]}},
    "layers out of order, with the class token": {
        "top": {"vision_feature_layer": [1, -1, -4], "vision_feature_select_strategy": "full"}
    },
    "the class token": {"top": {"vision_feature_select_strategy": "full"}},
    "no projector bias": {"top": {"multimodal_projector_bias": False}},
    "another projector activation": {"top": {"projector_hidden_act": "gelu_pytorch_tanh"}},
    "a tower with GELU": {"vision": {"hidden_act": "gelu", "layer_norm_eps": 1e-3}},
    "patches that leave a rest": {"vision": {"image_size": 45, "patch_size": 14}},
    "small patches": {"vision": {"image_size": 32, "patch_size": 4}},
    "patches of three pixels": {"vision": {"image_size": 18, "patch_size": 3}},
    "padding to a square": {"preprocessing": PAD},
    # ViP-LLaVA
    "ViP-LLaVA": {"top": VIP, "vision": DEEP},
    "ViP-LLaVA, one layer": {"top": VIP | {"vision_feature_layer": -2}},
    "ViP-LLaVA, another norm": {"top": VIP | {"projector_layernorm_eps": 0.1}, "vision": DEEP},
    "ViP-LLaVA, in the plural": {
        "top": VIP | {"vision_feature_layers": [-1, 0, 1, -2], "vision_feature_layer": None}
    },
    "ViP-LLaVA, as transformers 4 writes it": {
        "top": VIP,
        "vision": DEEP,
        "layout": "transformers-4",
    },
    # the files
    "as transformers 4 writes it": {"layout": "transformers-4"},
    "as transformers 4.52 writes it": {"layout": "transformers-4.52", "shards": 2},
    "by transformers 5's own names": {"layout": "transformers-5-own"},
    "sharded": {"layout": "transformers-4", "shards": 3},
    "float16": {"layout": "transformers-4", "dtype": "float16"},
    "bfloat16": {"dtype": "bfloat16", "shards": 2},
}


@pytest.mark.parametrize("case", CASES)
def test_logits_and_greedy_tokens_equal_transformers(case: str, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, **CASES[case])
    ours, reference = model.load(folder), Reference(folder)
    for prompt, images in PROMPTS:
        expected = reference.logits(prompt, images)
        logits = np.array(ours.logits(prompt, images))
        assert logits.dtype == np.float32
        assert logits.shape == expected.shape
        assert np.abs(logits - expected).max() <= TOLERANCE
        assert greedy(ours, prompt, images, TOKENS) == reference.greedy(prompt, images, TOKENS)


def test_a_prompt_of_thousands_of_tokens_keeps_to_the_tolerance(tmp_path: Path) -> None:
    """Where MLX's own rotary frequencies would be off by more."""
    text = {"max_position_embeddings": 8192, "head_dim": 64, "model_type": "mistral"}
    folder = write_checkpoint(tmp_path, text=text | {"sliding_window": 7})
    _, pictures = PROMPTS[2]
    prompt = "<image>" + "What is in the picture? " * 120 + "<image>"
    expected = Reference(folder).logits(prompt, pictures)
    logits = np.array(model.load(folder).logits(prompt, pictures))
    assert len(logits) > 2000
    assert np.abs(logits - expected).max() <= TOLERANCE


def test_the_picture_matters(tmp_path: Path) -> None:
    """Else all of the above would prove little."""
    ours = model.load(write_checkpoint(tmp_path))
    prompt, [picture] = PROMPTS[1]
    blank = picture.point(lambda _: 128)
    difference = np.array(ours.logits(prompt, [picture]) - ours.logits(prompt, [blank]))
    assert np.abs(difference[-1]).max() > 0.1
