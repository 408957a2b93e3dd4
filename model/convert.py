"""Quantises a checkpoint into a folder of its own, and measures what that changed.

The language model gets `bits`, vision tower and projector 8, as they are small and suffer most.
The result is a checkpoint like any other: llava-hf's tensor names and MLX's `quantization` in
`config.json`, with an entry for every layer that has bits of its own (the form of mlx-vlm).
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import mlx.core as mx

from model import quantization
from model.checkpoint import companions, read, tokenizer_config
from model.download import FILES
from model.errors import CheckpointError
from model.hub import find_checkpoint
from model.network import LlavaNetwork
from model.safetensors_file import read_header
from model.template_choice import template_name
from model.weights import StoredTensor, load_tensors, weight_files

BITS = (2, 3, 4, 6, 8)
VISION_BITS = 8
_SHARD = 4 * 2**30  # bytes
_TOWER = "vision_tower.vision_model."
_LAST_NORM = re.compile(r"vision_tower\.(.+\.)?post_layernorm\.(weight|bias)$")
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class Converted:
    """What came of it; `bits_per_weight` counts scales and biases in."""

    weights: int
    bytes: int

    @property
    def bits_per_weight(self) -> float:
        return 8 * self.bytes / self.weights


def convert(
    source: str | os.PathLike[str],
    out: Path,
    *,
    bits: int = 4,
    group_size: int = 64,
    keep_vision: bool = False,
) -> Converted:
    """Write `source`, a folder or repository, quantised to `out`, which must not exist yet.

    `group_size` weights share a scale and a bias. `keep_vision` leaves vision tower and projector
    as they are stored; the template of the prompt is written into `config.json`, in LLaVA's own
    field. Raises CheckpointError for what can't be read, run or quantised, and then
    leaves nothing behind.
    """
    if bits not in BITS or group_size not in quantization.GROUP_SIZES:
        raise ValueError(f"Weights are quantised to {BITS} bits in {quantization.GROUP_SIZES}.")
    if out.exists():
        raise CheckpointError(f"{out} is there already: name a folder that isn't.")
    folder, name = find_checkpoint(source)
    written, config, stored = read(folder)
    companions(folder, written, config)
    # It was found by the source's name, which the result hasn't.
    template = template_name(written, tokenizer_config(folder), name)
    written |= {} if template is None else {"version": template}
    if any(name.endswith(".scales") for name in stored):
        raise CheckpointError("The checkpoint is quantised already: convert what it was made of.")
    network = LlavaNetwork(config)
    plan = _plan(network, bits, group_size, keep_vision=keep_vision)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as unfinished:
        work = Path(unfinished) / out.name
        work.mkdir()
        tensors = chain(_packed(stored, plan, group_size), _last_norm(folder))
        size = _write_weights(work, tensors)
        _write_rest(work, folder, written, plan, bits, group_size)
        work.rename(out)
    return Converted(sum(_count(tensor) for tensor in stored.values()), size)


def _plan(
    network: LlavaNetwork, bits: int, group_size: int, *, keep_vision: bool
) -> dict[str, int]:
    """Bits of every layer that is quantised, by its path. Raises CheckpointError if none is."""
    plan = dict.fromkeys(quantization.quantizable(network, group_size), bits)
    if not plan:
        raise CheckpointError(f"No layer of this model is divisible into groups of {group_size}.")
    if not keep_vision:
        vision = quantization.quantizable_vision(network, group_size)
        plan |= dict.fromkeys(vision, max(bits, VISION_BITS))
    return plan


def _write_weights(folder: Path, tensors: Iterable[tuple[str, mx.array]]) -> int:
    """Write the tensors in shards, with an index where there are several; their bytes."""
    shards: list[dict[str, mx.array]] = [{}]
    places: dict[str, int] = {}
    total = held = 0
    for name, array in tensors:
        mx.eval(array)
        if held and held + array.nbytes > _SHARD:
            _save(folder, shards[-1], len(shards))
            shards[-1], held = {}, 0  # saved, so that it needn't stay in memory
            shards.append({})
        shards[-1][name], places[name] = array, len(shards)
        held, total = held + array.nbytes, total + array.nbytes
    _save(folder, shards[-1], len(shards))
    count = len(shards)
    names = [_shard_name(number, count) for number in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        (folder / f"{number}.safetensors").rename(folder / name)
    if count > 1:
        index = {
            "metadata": {"total_size": total},
            "weight_map": {name: names[place - 1] for name, place in places.items()},
        }
        (folder / _INDEX).write_text(json.dumps(index, indent=2))
    return total


def _packed(
    stored: Mapping[str, StoredTensor], plan: Mapping[str, int], group_size: int
) -> Iterator[tuple[str, mx.array]]:
    """Tensors under llava-hf's names, the planned ones as packed weight, scales and biases."""
    for name, array in load_tensors(stored):
        path = name.removesuffix(".weight")
        if path not in plan or path == name:
            yield _hub_name(name), array
            continue
        matrix, scales, biases = mx.quantize(array, group_size=group_size, bits=plan[path])
        for part, value in (("weight", matrix), ("scales", scales), ("biases", biases)):
            yield _hub_name(f"{path}.{part}"), value


def _last_norm(folder: Path) -> Iterator[tuple[str, mx.array]]:
    """CLIP's last layer norm, if it is there: no LLaVA reads it, but other loaders ask for it."""
    for path in weight_files(folder):
        names = [name for name in read_header(path)[0] if _LAST_NORM.search(name)]
        arrays: dict[str, mx.array] = mx.load(str(path)) if names else {}  # type: ignore[assignment]
        for name in names:
            yield f"{_TOWER}post_layernorm.{name.rpartition('.')[2]}", arrays[name]


def _hub_name(name: str) -> str:
    """llava-hf's and mlx-vlm's name of a tensor."""
    if name.startswith("vision_tower."):
        return _TOWER + name.removeprefix("vision_tower.")
    return name


def _save(folder: Path, tensors: dict[str, mx.array], number: int) -> None:
    file = folder / f"{number}.safetensors"
    mx.save_safetensors(str(file), tensors, {"format": "mlx"})


def _shard_name(number: int, count: int) -> str:
    return "model.safetensors" if count == 1 else f"model-{number:05}-of-{count:05}.safetensors"


def _write_rest(
    folder: Path, source: Path, written: Mapping[str, Any], plan: Mapping[str, int],
    bits: int, group_size: int,
) -> None:  # fmt: skip
    """Tokenizer and settings as they are, and `config.json` with what was quantised."""
    for pattern in FILES:
        for file in source.glob(pattern):
            if ".safetensors" not in file.name:
                shutil.copyfile(file, folder / file.name)
    quantized: dict[str, Any] = {"group_size": group_size, "bits": bits}
    for path, own in sorted(plan.items()):
        if own != bits:
            quantized[_hub_name(path)] = {"group_size": group_size, "bits": own}
    config = dict(written) | {"quantization": quantized, "quantization_config": quantized}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def _count(tensor: StoredTensor) -> int:
    size = 1
    for side in tensor.shape:
        size *= side
    return size
