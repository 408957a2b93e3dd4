"""The same weights as GGUF files: the language model, and tower and projector as its mmproj.

Names, order of heads and keys as llama.cpp's own converter writes them (convert_hf_to_gguf.py,
legacy-models convert_image_encoder_to_gguf.py).
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

Array = NDArray[np.float32]

TYPES = {"f32": Type.F32, "f16": Type.F16, "q8_0": Type.Q8_0}
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # kinds of tokens

_TEXT = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_VISION = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
    "layer_norm1": "ln1",
    "layer_norm2": "ln2",
}


def write(checkpoint: Path, folder: Path, kind: str) -> tuple[Path, Path]:
    """Write model and mmproj of one of `TYPES` into `folder`, unless they are there."""
    files = folder / f"model-{kind}.gguf", folder / f"mmproj-{kind}.gguf"
    if all(file.exists() for file in files):
        return files
    config = json.loads((checkpoint / "config.json").read_text())
    weights = dict(_read(checkpoint / "model.safetensors"))
    _write_text(files[0], checkpoint, config["text_config"], weights, TYPES[kind])
    tower = Type.F32 if kind == "f32" else Type.F16
    _write_vision(files[1], config, weights, tower)
    return files


def _read(file: Path) -> Iterator[tuple[str, Array]]:
    """The tensors of a float32 safetensors file."""
    data = np.memmap(file, np.uint8, "r")
    (length,) = struct.unpack("<Q", bytes(data[:8]))
    header: dict[str, Any] = json.loads(bytes(data[8 : 8 + length]))
    for name, told in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in told["data_offsets"])
            yield name, np.array(data[begin:end]).view(np.float32).reshape(told["shape"])


def _write_text(
    file: Path, checkpoint: Path, text: dict[str, Any], weights: dict[str, Array], kind: Type
) -> None:
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(text["max_position_embeddings"])
    writer.add_embedding_length(text["hidden_size"])
    writer.add_block_count(text["num_hidden_layers"])
    writer.add_feed_forward_length(text["intermediate_size"])
    writer.add_head_count(text["num_attention_heads"])
    writer.add_head_count_kv(text["num_key_value_heads"])
    writer.add_rope_dimension_count(text["hidden_size"] // text["num_attention_heads"])
    writer.add_rope_freq_base(text["rope_theta"])
    writer.add_layer_norm_rms_eps(text["rms_norm_eps"])
    writer.add_vocab_size(text["vocab_size"])
    _add_tokenizer(writer, checkpoint, text["vocab_size"])
    at = "language_model.model"
    _add(writer, "token_embd.weight", weights[f"{at}.embed_tokens.weight"], kind)
    _add(writer, "output_norm.weight", weights[f"{at}.norm.weight"], Type.F32)
    _add(writer, "output.weight", weights["language_model.lm_head.weight"], kind)
    for layer in range(text["num_hidden_layers"]):
        for theirs, ours in _TEXT.items():
            values = weights[f"{at}.layers.{layer}.{theirs}.weight"]
            if ours in ("attn_q", "attn_k"):
                values = _turned(values, text["num_attention_heads"])
            _add(writer, f"blk.{layer}.{ours}.weight", values, kind)
    _finish(writer)


def _write_vision(
    file: Path, config: dict[str, Any], weights: dict[str, Array], kind: Type
) -> None:
    vision = config["vision_config"]
    writer = gguf.GGUFWriter(file, "clip")
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", False)  # quick_gelu, then
    for key, value in {
        "image_size": vision["image_size"],
        "patch_size": vision["patch_size"],
        "embedding_length": vision["hidden_size"],
        "feed_forward_length": vision["intermediate_size"],
        "block_count": vision["num_hidden_layers"],
        "projection_dim": config["text_config"]["hidden_size"],
        "attention.head_count": vision["num_attention_heads"],
    }.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", MEAN)
    writer.add_array("clip.vision.image_std", STD)
    writer.add_array("clip.vision.feature_layer", [vision["num_hidden_layers"]])
    for name, values in _vision_tensors(vision["num_hidden_layers"], weights):
        _add(writer, name, values, kind if name.endswith("weight") else Type.F32)
    _finish(writer)


def _vision_tensors(layers: int, weights: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    at = "vision_tower.vision_model"
    yield "v.class_embd", weights[f"{at}.embeddings.class_embedding"]
    yield "v.patch_embd.weight", weights[f"{at}.embeddings.patch_embedding.weight"]
    yield "v.position_embd.weight", weights[f"{at}.embeddings.position_embedding.weight"]
    for part in ("weight", "bias"):
        yield f"v.pre_ln.{part}", weights[f"{at}.pre_layrnorm.{part}"]
        yield f"mm.0.{part}", weights[f"multi_modal_projector.linear_1.{part}"]
        yield f"mm.2.{part}", weights[f"multi_modal_projector.linear_2.{part}"]
        for layer in range(layers):
            for theirs, ours in _VISION.items():
                values = weights[f"{at}.encoder.layers.{layer}.{theirs}.{part}"]
                yield f"v.blk.{layer}.{ours}.{part}", values


def _add_tokenizer(writer: gguf.GGUFWriter, checkpoint: Path, size: int) -> None:
    """Llama's sentencepiece: pieces that are merged earlier have higher scores."""
    told = json.loads((checkpoint / "tokenizer.json").read_text())
    pieces = {number: piece for piece, number in told["model"]["vocab"].items()}
    pieces |= {token["id"]: token["content"] for token in told["added_tokens"]}
    names = [pieces.get(number, f"[PAD{number}]") for number in range(size)]
    special = {token["id"] for token in told["added_tokens"]}
    kinds = [_UNKNOWN] + [_kind(n, names[n], special) for n in range(1, size)]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(names)
    writer.add_token_scores([-float(number) for number in range(size)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)


def _kind(number: int, piece: str, special: set[int]) -> int:
    if number in special or piece.startswith("[PAD"):
        return _CONTROL
    return _BYTE if piece.startswith("<0x") else _NORMAL


def _turned(values: Array, heads: int) -> Array:
    """From halves to pairs: how llama.cpp rotates positions."""
    rows, columns = values.shape
    paired = values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2)
    return np.ascontiguousarray(paired.reshape(rows, columns))


def _add(writer: gguf.GGUFWriter, name: str, values: Array, kind: Type) -> None:
    """Vectors stay float32; convolutions can't be quantised."""
    if values.ndim == 1:
        kind = Type.F32
    elif values.ndim > 2 and kind == Type.Q8_0:
        kind = Type.F16
    writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
