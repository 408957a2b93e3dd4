"""Quantised checkpoints, as `convert` and mlx-community write them, against transformers.

transformers reads no MLX quantisation, so it is given what the packed weights stand for.
"""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from shutil import copytree
from typing import Any

import mlx.core as mx
import pytest

import model
from model.convert import convert
from tests.checkpoints import write_checkpoint
from tests.parity.reference import Reference
from tests.parity.test_families import FAMILIES, SEEDS, compare, prompts

WIDTHS = {"hidden_size": 64, "intermediate_size": 128}  # which groups of 32 divide


def unpacked(folder: Path, out: Path) -> Path:
    """The same checkpoint with plain weights."""
    copytree(folder, out)
    config = json.loads((out / "config.json").read_text())
    how = config.pop("quantization")
    config.pop("quantization_config")
    config["vision_config"]["vision_use_head"] = False  # no LLaVA reads SigLIP's: it isn't kept
    (out / "config.json").write_text(json.dumps(config))
    loaded: Any = mx.load(str(out / "model.safetensors"))
    plain = {name: one for name, one in loaded.items() if not name.endswith(("scales", "biases"))}
    for name in [name.removesuffix(".scales") for name in loaded if name.endswith(".scales")]:
        weight, scales, biases = (loaded[f"{name}.{x}"] for x in ("weight", "scales", "biases"))
        own = how.get(name, how)
        size, bits = own["group_size"], own["bits"]
        plain[f"{name}.weight"] = mx.dequantize(weight, scales, biases, size, bits)
    for name, array in plain.items():  # MLX keeps a convolution's channels last
        plain[name] = array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
    arrays = {name: mx.contiguous(array) for name, array in plain.items()}
    mx.save_safetensors(str(out / "model.safetensors"), arrays, {"format": "pt"})
    return out


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_greedy_tokens_equal_transformers_on_the_unpacked_weights(
    family: str, seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    random = Random(f"quantised {family} {seed}")
    case = FAMILIES[family](random)
    case |= {part: case[part] | WIDTHS for part in ("text", "vision")}
    source = write_checkpoint(tmp_path / "source", **case)
    packed = tmp_path / "packed"
    bits, whole_vision = random.choice([2, 3, 4, 6, 8]), random.random() < 0.5
    convert(source, packed, bits=bits, group_size=32, keep_vision=whole_vision)
    reference = Reference(unpacked(packed, tmp_path / "plain"))
    largest = compare(model.load(packed), reference, prompts(random))
    record_property("difference", float(largest))
