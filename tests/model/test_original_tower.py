"""The tower of a checkpoint in the original form: in its file, in a folder, or nowhere."""

import json
from pathlib import Path

import pytest

from model import original_config
from model.checkpoint import load, read
from model.errors import CheckpointError
from tests.checkpoints import SIGLIP, write_checkpoint, write_json

CLIP = "openai/clip-vit-large-patch14-336"


def test_a_frozen_tower_is_read_from_the_folder_that_is_named(tmp_path: Path) -> None:
    _, whole, inside = read(write_checkpoint(tmp_path / "a", layout="llava"))
    _, config, stored = read(write_checkpoint(tmp_path / "b", layout="llava", frozen=True))
    assert config == whole
    assert stored.keys() == inside.keys()
    apart = {name for name, tensor in stored.items() if tensor.path.parent.name == "tower"}
    assert apart == {name for name in stored if name.startswith("vision_tower.")}


def test_the_last_layer_of_a_frozen_siglip_is_left_out(tmp_path: Path) -> None:
    given = {"architectures": ["LlavaQwenForCausalLM"]}
    folder = write_checkpoint(
        tmp_path, layout="llava", frozen=True, vision=SIGLIP, text={"model_type": "qwen2"},
        original=given,
    )  # fmt: skip
    _, config, stored = read(folder)
    assert (
        json.loads((folder / "tower/config.json").read_text())["vision_config"]["num_hidden_layers"]
        == config.vision.num_hidden_layers + 1
    )
    assert not any("layers.3." in name for name in stored if name.startswith("vision_tower."))


def test_a_tower_that_is_nowhere_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = write_checkpoint(tmp_path / "a", layout="llava", frozen=True)
    config = json.loads((folder / "config.json").read_text())
    write_json(folder, "config.json", config | {"mm_vision_tower": f"/trained/there/{CLIP}"})
    with pytest.raises(CheckpointError, match=f"without its vision tower, '{CLIP}'.*hf download"):
        load(folder)


def test_a_tower_with_pickled_weights_is_refused_as_the_tower(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, layout="llava", frozen=True)
    (folder / "tower/model.safetensors").rename(folder / "tower/pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"^The vision tower 'tower': .*pickled"):
        load(folder)


@pytest.mark.parametrize(
    ("written", "repository"),
    [
        (CLIP, CLIP),
        ("/mnt/weights/clip-vit-large-patch14-336/", CLIP),
        ("clip_4layers_336", CLIP),
        ("google/siglip-so400m-patch14-384", "google/siglip-so400m-patch14-384"),
        ("someone/tower", "someone/tower"),
    ],
)
def test_towers_go_by_the_last_part_of_their_names(written: str, repository: str) -> None:
    assert original_config.tower_repository({"mm_vision_tower": written}) == repository
