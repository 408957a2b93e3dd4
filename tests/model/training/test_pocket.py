"""Every stage of the recipe, a few steps of each, on a few pictures."""

import json
from dataclasses import replace

import pytest

from model.training.pocket import Recipe, go_on, train
from model.training.run import Limits

STAGES = ("vision", "vision-widen", "language", "align", "instruct", "polish")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pocket")
    recipe = Recipe(
        pictures=256, held=16, vision_steps=80, widen_steps=40, language_steps=60, align_steps=30,
        instruct_steps=30, polish_steps=30, half_batch=2, length=224, limits=Limits(log_every=10, save_every=20),
    )  # fmt: skip
    return folder, recipe, train(folder, folder / "out", recipe)


@pytest.mark.parametrize("stage", STAGES)
def test_the_loss_of_every_stage_falls(trained, stage):
    losses = trained[2][stage]
    assert len(losses) >= 2
    assert losses[-1] < losses[0]


def test_a_finished_run_started_again_trains_nothing_and_writes_the_same_weights(trained):
    folder, recipe, _ = trained
    before = (folder / "out" / "model.safetensors").read_bytes()
    losses = train(folder, folder / "again", recipe)
    assert all(not losses[stage] for stage in STAGES)
    assert (folder / "again" / "model.safetensors").read_bytes() == before


def test_the_log_names_every_stage_and_the_weights(trained):
    lines = [
        json.loads(line)
        for line in (trained[0] / "out" / "training.jsonl").read_text().splitlines()
    ]
    assert {line["stage"] for line in lines} == {*STAGES, "export"}
    assert (trained[0] / "out" / "training.svg").read_text().count("<path") == len(STAGES)


def test_a_checkpoint_can_be_trained_on_and_its_log_goes_on(trained, tmp_path):
    folder, recipe, _ = trained
    start = folder / "out"
    before = (start / "training.jsonl").read_text()
    again = replace(recipe, phrases_steps=40, vision_steps=20, align_steps=10, polish_steps=20)
    losses = go_on(tmp_path, tmp_path / "out", start, again)
    points = {"vision-heads": 4, "vision-refine": 2, "align": 1, "polish": 2}
    assert {stage: len(each) for stage, each in losses.items()} == points
    # It goes on from what was learnt: a tower and a projector from nothing begin far above.
    assert losses["align"][0] < trained[2]["align"][0]
    assert (tmp_path / "out" / "model.safetensors").read_bytes() != (
        start / "model.safetensors"
    ).read_bytes()
    log = (tmp_path / "out" / "training.jsonl").read_text()
    assert log.startswith(before)
    stages = [json.loads(line)["stage"] for line in log.removeprefix(before).splitlines()]
    assert set(stages) == {*points, "export"}
