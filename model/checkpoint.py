"""Loads a LLaVA checkpoint, or says in one sentence why it can't be run.

Weights are data here: only safetensors are read, and nothing that comes with a checkpoint is
executed. Everything is checked against the configuration before anything large is read.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx

from model import fields, fitness, original_config, original_tower, quantization
from model.chat_template import MOST_SOURCE
from model.config import FAMILIES, LlavaConfig, pinpoints
from model.errors import CheckpointError
from model.hub import find_checkpoint
from model.image_processor import ImageProcessor
from model.llava import Llava
from model.parameters import load_network
from model.template_choice import choose_template
from model.tokenizer import Tokenizer
from model.weights import StoredTensor, load_tensors, read_json, read_weights, stored_tensors

__all__ = ["load", "load_network", "read_weights"]

_HEAD = "language_model.lm_head.weight"
_WORDS = "language_model.model.embed_tokens.weight"
_PROJECTOR_NORM = "multi_modal_projector.projector_layernorm.weight"
_LAYERS = "vision_feature_layer"


def load(
    path_or_repo: str | os.PathLike[str],
    *,
    dtype: mx.Dtype | None = None,
    quantize: int | None = None,
    template: str | None = None,
) -> Llava:
    """Load a checkpoint from a folder or a Hugging Face repository, ready to run.

    `dtype` is the floating-point type to run in: by default the checkpoint's own on a GPU, and
    float32 on a CPU, where the others are slower. `quantize` packs the language model's weights
    into that many bits. `template` is the name of one to use instead of the checkpoint's (see
    `choose_template`). Raises CheckpointError for what can't be read or run, TemplateError for a
    template that is not there.
    """
    if quantize is not None and quantize not in quantization.BITS:
        raise ValueError(f"Weights are quantised to {quantization.BITS} bits, not to {quantize}.")
    folder, name = find_checkpoint(path_or_repo)
    written, config, stored = read(folder)
    tokenizer, processor = companions(folder, written, config)
    network = load_network(config, stored, dtype=dtype, quantize=quantize)
    return Llava(
        name=name,
        config=config,
        network=network,
        tokenizer=tokenizer,
        image_processor=processor,
        template=choose_template(written, tokenizer_config(folder), name, template),
    )


def companions(
    folder: Path, written: Mapping[str, Any], config: LlavaConfig
) -> tuple[Tokenizer, ImageProcessor]:
    """What a model needs beside its network. Raises CheckpointError where it isn't there."""
    processor = _image_processor(folder, written, config)
    return Tokenizer(folder, config), processor


def read(folder: Path) -> tuple[dict[str, Any], LlavaConfig, dict[str, StoredTensor]]:
    """A folder's `config.json`, what it means, and the tensors that belong to it, still on disk."""
    written = read_json(folder, "config.json")
    if written is None:
        raise CheckpointError("The folder has no config.json, so it is no checkpoint.")
    original = original_config.recognises(written)
    if original:
        written = original_tower.describe(written, folder)
    config, stored = fitness.check(written), stored_tensors(folder)
    if _takes_all_layers(config, stored):
        written = written | {_LAYERS: FAMILIES["vipllava"].defaults[_LAYERS]}
        config = fitness.check(written)
    if original:
        stored = original_tower.needed(config, original_tower.complete(written, folder, stored))
    return written, _complete(config, folder, stored), stored


def _takes_all_layers(config: LlavaConfig, stored: Mapping[str, StoredTensor]) -> bool:
    """Whether a ViP-LLaVA says one layer, as an old revision of the 7B, but projects five."""
    norm = stored.get(_PROJECTOR_NORM)
    layers = len(FAMILIES["vipllava"].defaults[_LAYERS])
    return (
        config.model_type == "vipllava"
        and len(config.vision_feature_layers) == 1
        and norm is not None
        and norm.shape == (layers * config.vision.hidden_size,)
    )


def tokenizer_config(folder: Path) -> dict[str, Any]:
    """`tokenizer_config.json` with the chat template in it, which newer ones keep in a file."""
    config = read_json(folder, "tokenizer_config.json") or {}
    own = (read_json(folder, "chat_template.json") or {}).get("chat_template")
    file = folder / "chat_template.jinja"
    if file.is_file() and file.stat().st_size <= MOST_SOURCE:
        own = file.read_bytes().decode("utf-8", "replace")
    return config | ({"chat_template": own} if own is not None else {})


def _complete(config: LlavaConfig, folder: Path, stored: Mapping[str, StoredTensor]) -> LlavaConfig:
    """Add what the other files know better: the end of an answer, the projector, the head."""
    generation = read_json(folder, "generation_config.json") or {}
    eos = fields.token_ids(generation, "eos_token_id") or config.eos_token_ids
    projector, text = config.projector, config.text
    if "multi_modal_projector.linear.weight" in stored:
        projector = replace(projector, kind="linear")
    if text["tie_word_embeddings"] and _has_own_head(stored):
        text = text | {"tie_word_embeddings": False}
    return replace(config, eos_token_ids=eos, projector=projector, text=text)


def _has_own_head(stored: Mapping[str, StoredTensor]) -> bool:
    """Whether a head is stored that is not the word embeddings: then transformers 5 uses it."""
    if not {_HEAD, _WORDS} <= stored.keys():
        return False
    pair = dict(load_tensors({name: stored[name] for name in (_HEAD, _WORDS)}))
    return not mx.array_equal(pair[_HEAD], pair[_WORDS])


def _image_processor(
    folder: Path, written: Mapping[str, Any], config: LlavaConfig
) -> ImageProcessor:
    """The checkpoint's preprocessing; its output must be what the tower takes."""
    if original_config.recognises(written):  # whose code reads no such file of the checkpoint's
        settings: Any = original_config.image_preprocessing(written)
    else:
        nested = (read_json(folder, "processor_config.json") or {}).get("image_processor")
        settings = nested or read_json(folder, "preprocessor_config.json")
    if not isinstance(settings, dict):
        raise CheckpointError(
            "preprocessor_config.json is missing, which says how pictures are prepared."
        )
    processor = ImageProcessor.from_dict(settings, FAMILIES[config.model_type].image_processor)
    side = config.vision.image_size
    if processor.output_size != (side, side):
        raise CheckpointError(
            f"Pictures are prepared at {processor.output_size or 'varying size'}, "
            f"the vision tower takes {side} by {side} pixels."
        )
    given = settings.get("image_grid_pinpoints")
    if config.tiling and given and pinpoints(given, side) != config.tiling.pinpoints:
        raise CheckpointError(
            "preprocessor_config.json and config.json differ in image_grid_pinpoints: into which "
            "tiles pictures are cut."
        )
    return processor
