"""The most memory that loading a checkpoint takes, measured on a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import NEXT, ONEVISION, write_checkpoint

MOST = 1.15  # times the model's size in memory
LARGE = {
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "vocab_size": 2048,
}
PROGRAM = """
import re, resource, sys
import mlx.core as mx
import model

def peak():
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Not ru_maxrss: on Linux a process inherits that from who started it.
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])

tiny, large = sys.argv[1:]
model.load(tiny)  # all that has to be imported
before, weights = peak(), mx.get_active_memory()
llava = model.load(large)
print(peak() - before, mx.get_active_memory() - weights)
"""


FAMILIES: dict[str, dict[str, Any]] = {
    "1.5, float32": {"dtype": "float32"},
    "1.5, bfloat16": {},
    "NeXT": NEXT,
    "OneVision": ONEVISION,
    "ViP": {"top": {"model_type": "vipllava", "vision_feature_layer": [-2, 1, -1]}},
    "original": {"layout": "llava"},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_loading_takes_little_more_than_the_model(tmp_path: Path, family: str) -> None:
    given = {"dtype": "bfloat16"} | FAMILIES[family]
    tiny = write_checkpoint(tmp_path / "tiny", **given)
    text = given.get("text", {}) | LARGE
    large = write_checkpoint(tmp_path / "large", **given | {"text": text, "shards": 3})
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tiny), str(large)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    peak, size = map(int, done.stdout.split())
    assert size > 150e6  # else it says nothing
    assert peak <= MOST * size, f"{peak / size:.2f} times the model's {size / 1e6:.0f} MB"
