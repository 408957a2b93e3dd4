"""Whole checkpoints: what is loaded, and what is refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from PIL import Image

import model
from model.errors import CheckpointError
from tests.checkpoints import IMAGE_TOKEN, write_checkpoint, write_json
from tests.random_weights import Weights

PROMPT = "USER: <image>\nWhat is it? ASSISTANT:"
PICTURE = Image.effect_mandelbrot((60, 40), (-2, -1, 1, 1), 50).convert("RGB")


def logits(llava: model.Llava) -> np.ndarray[Any, Any]:
    return np.array(llava.logits(PROMPT, [PICTURE]))


def rewrite(folder: Path, name: str, **changes: Any) -> None:
    content = json.loads((folder / name).read_text()) | changes
    write_json(folder, name, {key: value for key, value in content.items() if value != "missing"})


def test_what_is_loaded_knows_its_name_its_end_and_its_pictures(tmp_path: Path) -> None:
    llava = model.load(write_checkpoint(tmp_path / "tiny-llava"))
    assert llava.name == "tiny-llava"
    assert llava.config.visual_tokens == 9
    assert llava.config.eos_token_ids == (2,)
    assert llava.encode_pictures([PICTURE])[0].shape == (9, 48)
    assert llava.template.name


def test_several_ends_of_an_answer_are_read_from_the_generation_config(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    rewrite(folder, "generation_config.json", eos_token_id=[2, 7])
    assert model.load(folder).config.eos_token_ids == (2, 7)


def test_the_nested_preprocessing_of_transformers_5_comes_first(tmp_path: Path) -> None:
    plain, folder = write_checkpoint(tmp_path / "a"), write_checkpoint(tmp_path / "b")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    rewrite(folder, "processor_config.json", image_processor=settings | {"image_mean": [0, 0, 0]})
    assert model.load(folder).image_processor.mean == (0, 0, 0)
    (folder / "preprocessor_config.json").unlink()
    assert model.load(folder).image_processor.mean == (0, 0, 0)
    assert model.load(plain).image_processor.mean == pytest.approx(
        (0.4815, 0.4578, 0.4082), abs=1e-4
    )


def test_a_head_of_its_own_is_used_though_the_config_ties_it(tmp_path: Path) -> None:
    """As transformers 5 does; checkpoints tuned with a wrong config are like that."""

    def add_a_head(weights: Weights) -> None:
        words = weights["language_model.model.embed_tokens.weight"]
        weights["language_model.lm_head.weight"] = words[::-1].copy()

    tied = {"text": {"tie_word_embeddings": True}}
    folder = write_checkpoint(tmp_path / "own", edit=add_a_head, **tied)  # type: ignore[arg-type]
    shared = write_checkpoint(tmp_path / "shared", **tied)  # type: ignore[arg-type]
    assert np.allclose(logits(model.load(folder))[:, ::-1], logits(model.load(shared)), atol=1e-5)


def first_llava(folder: Path, layout: str) -> Path:
    """A checkpoint with the linear `W`; transformers has no such projector to write it."""
    return write_checkpoint(folder, top={"test_projector": "linear"}, layout=layout)


@pytest.mark.parametrize("layout", ["transformers-4", "llava"])
def test_the_linear_projector_of_the_first_llava_is_used(layout: str, tmp_path: Path) -> None:
    llava = model.load(first_llava(tmp_path, layout))
    weights = mx.load(str(tmp_path / "model.safetensors"))
    assert isinstance(weights, dict)
    at = "model.mm_projector" if layout == "llava" else "multi_modal_projector.linear"
    pixels = mx.array(llava.image_processor(PICTURE))[None]
    [features] = llava.network.vision_tower(pixels, (-2,))
    expected = features[0, 1:] @ weights[f"{at}.weight"].T + weights[f"{at}.bias"]
    assert np.abs(np.array(llava.encode_pictures([PICTURE])[0] - expected)).max() < 1e-5


def test_the_original_form_answers_as_the_same_weights_in_llava_hf_form(tmp_path: Path) -> None:
    original = write_checkpoint(tmp_path / "a", layout="llava")
    (original / "preprocessor_config.json").unlink()
    llava, plain = model.load(original), model.load(write_checkpoint(tmp_path / "b"))
    assert llava.config.image_token_index == -200
    assert np.abs(logits(llava) - logits(plain)).max() < 1e-5


@pytest.mark.parametrize(("image_aspect_ratio", "pads"), [("pad", True), ("square", False)])
def test_the_original_form_says_itself_whether_pictures_are_padded(
    image_aspect_ratio: str, pads: bool, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path, layout="llava")
    (folder / "preprocessor_config.json").unlink()
    rewrite(folder, "config.json", image_aspect_ratio=image_aspect_ratio)
    assert model.load(folder).image_processor.pad_to_square == pads


def test_quantised_to_8_bits_it_says_nearly_the_same(tmp_path: Path) -> None:
    text = {"hidden_size": 64, "intermediate_size": 128}
    folder = write_checkpoint(tmp_path, text=text)
    difference = np.abs(logits(model.load(folder, quantize=8)) - logits(model.load(folder)))
    assert 0 < difference.max() < 0.2


def test_only_numbers_of_bits_that_mlx_has_are_taken(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not to 7"):
        model.load(write_checkpoint(tmp_path), quantize=7)


def remove(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def truncate(name: str) -> Any:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def change(name: str, **changes: Any) -> Any:
    return lambda folder: rewrite(folder, name, **changes)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("config.json"), "no config.json"),
        (remove("model.safetensors"), "no safetensors"),
        (remove("preprocessor_config.json"), "preprocessor_config.json is missing"),
        (remove("tokenizer.json"), "tokenizer"),
        (truncate("config.json"), "config.json is damaged"),
        (truncate("model.safetensors"), "model.safetensors is damaged"),
        (truncate("tokenizer.json"), "tokenizer"),
        (truncate("preprocessor_config.json"), "preprocessor_config.json is damaged"),
        (change("config.json", model_type="llava_next_video"), "llava_next_video"),
        (change("config.json", text_config="missing"), "calls for"),
        (change("generation_config.json", eos_token_id="</s>"), "eos_token_id"),
        (
            change("preprocessor_config.json", crop_size=40),
            r"\(40, 40\), the vision tower takes 42",
        ),
        (change("preprocessor_config.json", do_center_crop=False), "varying size"),
        (change("preprocessor_config.json", size={"longest_edge": 3}), "preprocessing"),
        (change("processor_config.json", image_processor=[1]), "preprocess"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_sentence(
    damage: Any, message: str, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path)
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as refusal:
        model.load(folder)
    assert str(tmp_path) not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no checkpoint")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        model.load(tmp_path)


def test_nothing_that_comes_with_a_checkpoint_is_executed(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "evil.py").write_text("raise SystemExit('remote code ran')")
    remote = {
        "AutoModel": "evil.Model",
        "AutoConfig": "evil.Config",
        "AutoTokenizer": ["evil.T", None],
    }
    rewrite(folder, "config.json", auto_map=remote, model_file="evil.py")
    rewrite(folder, "tokenizer_config.json", auto_map=remote, tokenizer_class="evil.T")
    assert logits(model.load(folder)).shape[1] == 384


def test_the_image_id_of_the_configuration_is_the_one_that_counts(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    rewrite(folder, "config.json", image_token_index="missing", image_token_id=IMAGE_TOKEN)
    assert logits(model.load(folder)).shape[0] > 9


def test_a_vip_llava_that_names_one_layer_but_projects_five_takes_five(tmp_path: Path) -> None:
    """As an old revision of the 7B on the hub does."""
    top = {"model_type": "vipllava", "vision_feature_layer": [-2, -5, -8, -11, 6]}
    folder = write_checkpoint(tmp_path / "x", top=top, vision={"num_hidden_layers": 12})
    file = folder / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"vision_feature_layer": -2}))
    assert model.load(folder).config.vision_feature_layers == (-2, -5, -8, -11, 6)
