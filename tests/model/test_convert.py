"""Quantised checkpoints that `convert` writes: what is in them, and what they compute."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx import nn
from mlx.utils import tree_flatten
from PIL import Image

import model
from model import convert as converting
from model.__main__ import main
from model.convert import convert
from model.drift import distributions, drift
from model.errors import CheckpointError
from model.safetensors_file import read_header
from model.weights import read_weights
from tests.checkpoints import INTERLEAVE, NEXT, ONEVISION, write_checkpoint
from tests.model.hubs import hub_for
from tests.model.test_parameters import network_of

POCKET = Path("model/pocket")
TEXT = {"hidden_size": 64, "intermediate_size": 128}
VISION = {"hidden_size": 64, "intermediate_size": 128}
HEAD = "language_model.lm_head"
FC1 = "vision_tower.encoder.layers.0.mlp.fc1"
PICTURE = Image.linear_gradient("L").resize((70, 31)).convert("RGB")
PROJECTOR = "multi_modal_projector.linear_1"


def small(folder: Path, layout: str = "transformers-5", text: dict[str, int] = TEXT) -> Path:
    return write_checkpoint(folder, text=text, vision=VISION, layout=layout)


def bits_of(network: nn.Module) -> dict[str, int]:
    return {path: m.bits for path, m in network.named_modules() if hasattr(m, "bits")}


@pytest.mark.parametrize("bits", converting.BITS)
@pytest.mark.parametrize("group_size", [32, 64])
def test_the_result_computes_what_its_rounded_weights_say(
    bits: int, group_size: int, tmp_path: Path
) -> None:
    source = small(tmp_path / "a")
    convert(source, tmp_path / "b", bits=bits, group_size=group_size)
    network, plain = network_of(tmp_path / "b"), network_of(source)
    rounded = {}
    for name, array in read_weights(source).items():
        own = bits_of(network).get(name.removesuffix(".weight"))
        if own is not None and name.endswith(".weight"):
            packed = mx.quantize(array, group_size=group_size, bits=own)
            array = mx.dequantize(*packed, group_size=group_size, bits=own)
        rounded[name] = array
    plain.load_weights(list(rounded.items()))
    assert bits_of(network)[HEAD] == bits
    assert bits_of(network)[FC1] == bits_of(network)[PROJECTOR] == 8
    side = network.config.vision.image_size
    ids, pixels = mx.array([[5, 9, 300, 77, 1]]), mx.random.normal((1, side, side, 3))
    assert mx.allclose(network(ids), plain(ids), atol=1e-4)
    assert mx.allclose(network.encode_pictures(pixels), plain.encode_pictures(pixels), atol=1e-4)


def test_vision_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    convert(small(tmp_path / "a"), tmp_path / "b", keep_vision=True)
    assert {path.split(".")[0] for path in bits_of(network_of(tmp_path / "b"))} == {
        "language_model"
    }


@pytest.mark.parametrize("layout", ["transformers-4", "llava"])
def test_other_layouts_come_out_under_the_names_that_mlx_vlm_reads(
    layout: str, tmp_path: Path
) -> None:
    convert(small(tmp_path / "a", layout), tmp_path / "b")
    tensors, metadata = read_header(tmp_path / "b" / "model.safetensors")
    assert metadata["format"] == "mlx"
    assert f"{HEAD}.scales" in tensors
    assert "vision_tower.vision_model.encoder.layers.0.mlp.fc1.scales" in tensors
    assert bits_of(network_of(tmp_path / "b"))[HEAD] == 4
    written = json.loads((tmp_path / "b" / "config.json").read_text())
    assert written["quantization"]["bits"] == 4
    assert written["quantization"]["multi_modal_projector.linear_1"]["bits"] == 8


FAMILIES: dict[str, dict[str, Any]] = {
    "llava_next": NEXT,
    "interleave": INTERLEAVE,
    "llava_onevision": ONEVISION,
    "vipllava": {"top": {"model_type": "vipllava", "vision_feature_layers": [-2, -3, 1]}},
    "original": {"layout": "llava"},
    "original vip-llava": {
        "layout": "vip-llava",
        "top": {"model_type": "vipllava", "vision_feature_layers": [-2, -5, -8, -11, 6]},
        "vision": {"num_hidden_layers": 12},
        "original": {"mm_vision_tower": "clip_4layers_336"},
    },
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_converted_and_sees_as_its_rounded_weights_say(
    family: str, tmp_path: Path
) -> None:
    given = FAMILIES[family]
    sizes = {"text": TEXT | given.get("text", {}), "vision": given.get("vision", {}) | VISION}
    source = model.load(write_checkpoint(tmp_path / "a", **given | sizes))
    convert(tmp_path / "a", tmp_path / "b", bits=4)
    made = model.load(tmp_path / "b")
    modules = dict(made.network.named_modules())
    parameters: Any = tree_flatten(source.network.parameters())
    for name, array in parameters:
        layer: Any = modules[name.rpartition(".")[0]]
        if name.endswith(".weight") and hasattr(layer, "bits"):
            how = {"group_size": layer.group_size, "bits": layer.bits}
            array = mx.dequantize(*mx.quantize(array, **how), **how)
            source.network.load_weights([(name, array)], strict=False)
    assert bits_of(made.network)[HEAD] == 4
    prompt = "USER: <image>\nthe cat ASSISTANT:"
    expected, logits = (llava.logits(prompt, [PICTURE]) for llava in (source, made))
    assert logits.shape == expected.shape
    assert mx.abs(logits - expected).max() < 1e-3
    moved = drift(distributions(source), distributions(made))
    assert moved.divergence < 1e-5


def test_shards_and_their_index_hold_every_tensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small(tmp_path / "a")
    convert(source, tmp_path / "one")
    monkeypatch.setattr(converting, "_SHARD", 50_000)
    convert(source, tmp_path / "many")
    one, many = read_weights(tmp_path / "one"), read_weights(tmp_path / "many")
    assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 2
    assert one.keys() == many.keys()
    assert all(mx.array_equal(one[name], many[name]) for name in one)


def test_the_bundled_model_still_talks_and_drifts_more_with_fewer_bits(tmp_path: Path) -> None:
    source = distributions(model.load(POCKET))
    drifts = []
    for bits in (8, 4, 2):
        made = convert(POCKET, tmp_path / str(bits), bits=bits)
        assert bits < made.bits_per_weight < bits + 4.5
        drifts.append(drift(source, distributions(model.load(tmp_path / str(bits)))))
    assert drift(source, source).divergence == 0
    assert drift(source, source).agreement == 1
    eight, four, two = drifts
    assert eight.divergence < 0.01 < four.divergence < 0.3 < two.divergence
    assert eight.agreement >= 0.97 > two.agreement


def test_what_is_there_already_or_quantised_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source = small(tmp_path / "a")
    convert(source, tmp_path / "b")
    with pytest.raises(CheckpointError, match="there already"):
        convert(source, tmp_path / "b")
    with pytest.raises(CheckpointError, match="quantised already"):
        convert(tmp_path / "b", tmp_path / "c")
    with pytest.raises(CheckpointError, match="groups of 128"):
        narrow = small(tmp_path / "narrow", text={"hidden_size": 64, "intermediate_size": 64})
        convert(narrow, tmp_path / "c", group_size=128)
    with pytest.raises(ValueError, match="bits"):
        convert(source, tmp_path / "c", bits=5)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "narrow"}


def test_the_command_reports_bits_and_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["model", "convert", "pocket", str(out), "--bits", "8", "--keep-vision"]
    monkeypatch.setattr("sys.argv", arguments)
    assert main() == 0
    said = capsys.readouterr().out
    assert "bits a weight" in said
    assert "nats a token" in said
    assert main() == 1
    assert "there already" in capsys.readouterr().err


NAMED: dict[str, dict[str, Any]] = {  # what their types alone would be asked otherwise with
    "bakllava-v1-hf": {"text": {"model_type": "mistral"}},
    "llava-llama-3-8b-v1_1-xtuner": {},
    "llava-v0": {},
}


@pytest.mark.parametrize("name", NAMED)
def test_the_prompt_stays_that_of_the_source_whatever_the_result_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TEXT | NAMED[name].get("text", {})
    source = write_checkpoint(tmp_path / name, text=text, vision=VISION)
    out = tmp_path / "mine-qwen-v1"
    monkeypatch.setattr("sys.argv", ["model", "convert", str(source), str(out), "--bits", "8"])
    assert main() == 0
    assert "divergence 0.0" in capsys.readouterr().out
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Hi"}]}
    before, after = (model.load(folder).template.parts([message]) for folder in (source, out))
    assert after == before
    unnamed = write_checkpoint(tmp_path / "plain", text=text, vision=VISION)
    assert before != model.load(unnamed).template.parts([message])


@pytest.mark.parametrize("missing", ["tokenizer.json", "preprocessor_config.json"])
def test_what_could_not_be_loaded_is_not_written(missing: str, tmp_path: Path) -> None:
    source = small(tmp_path / "a")
    (source / missing).unlink()
    with pytest.raises(CheckpointError):
        convert(source, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_repository_is_fetched_first_and_the_comparison_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub_for(tmp_path, monkeypatch) as hub:
        small(hub.repository("them/tiny"))
        line = ["model", "convert", "them/tiny", str(tmp_path / "b"), "--no-comparison"]
        monkeypatch.setattr("sys.argv", line)
        assert main() == 0
    said = capsys.readouterr().out
    assert said.startswith("them/tiny is here")
    assert "bits a weight" in said
    assert "divergence" not in said


def test_who_stops_a_conversion_is_told_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    source, out = small(tmp_path / "a"), tmp_path / "b"
    monkeypatch.setattr("sys.argv", ["model", "convert", str(source), str(out)])
    for name, said in (("_save", "Stopped.\n"), ("_count", "Stopped. What is written is whole.\n")):
        with monkeypatch.context() as patch:
            patch.setattr(converting, name, stop)
            assert main() == 130
        assert capsys.readouterr().err == f"\n{said}"
