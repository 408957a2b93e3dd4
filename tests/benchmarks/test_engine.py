"""That every part of the comparison works, on a tiny model; how fast it is, is no test's matter."""

import json
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from benchmarks import checkpoint, comparison, engine, large, pictures, report, vocabulary, work
from benchmarks.engine import BARE, OURS, Measured
from benchmarks.peers.environments import PEERS, TRANSFORMERS
from benchmarks.quiet import Watch
from benchmarks.worker import Clock, speed, together
from benchmarks.workers import Command, Worker, WorkerError
from model import load
from model.prompt import expand

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models, where the measurement looks for its own."""
    folder = tmp_path_factory.mktemp("models")
    for name, copies in (("random", False), ("copying", True)):
        checkpoint.write(folder / name, copies=copies, text=TEXT, vision=VISION)
    return folder


def test_the_prompt_that_peers_are_given_is_our_own(folder: Path) -> None:
    llava = load(folder / "random")
    said = [("One?", "B0F7 B1"), ("Two?", "C3")]
    messages: list[dict[str, Any]] = []
    for place, (question, answer) in enumerate([*said, ("Three?", "")]):
        image = [{"type": "image"}] if place == 0 else []
        content = [*image, {"type": "text", "text": question}]
        messages += [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    assert work.render(said, "Three?") == llava.template.render(messages[:-1])


def test_every_prompt_has_the_picture_s_visual_tokens_and_one_length(folder: Path) -> None:
    llava = load(folder / "random")
    marked = [llava.tokenizer.encode_rendered(work.render([], work.question(n))) for n in range(20)]
    lengths = {
        len(expand(ids, vocabulary.IMAGE_TOKEN, [llava.config.visual_tokens])) for ids in marked
    }
    assert llava.config.visual_tokens == 256
    assert max(lengths) - min(lengths) <= 1


def test_each_word_of_an_answer_is_one_token_when_it_is_read_again(folder: Path) -> None:
    tokenizer = load(folder / "random").tokenizer
    for token in (2000, 20_000, vocabulary.SIZE - 1):
        detokenizer = tokenizer.detokenizer(())
        word = detokenizer.add(token) + detokenizer.finish()
        assert tokenizer.encode_rendered(word.strip())[1:] == [token]


def test_our_engine_and_the_bare_model_are_measured_and_written_down(
    folder: Path, tmp_path: Path
) -> None:
    measured = engine.measure(folder, None, rounds=1, minutes=1)
    assert measured.missing.keys() == {peer.name for peer in PEERS}
    cases = [figure.name[:3] for figure in comparison.figures(measured)]
    assert set(cases) == {"(b)", "(c)", "(d)", "(e)", "(f)", "(g)", "(h)", "(j)", "(k)"}
    document = report.markdown(measured)
    assert OURS in document
    assert BARE in document
    assert str(folder) not in document
    report.write_json(tmp_path / "runs.json", measured)
    answers = json.loads((tmp_path / "runs.json").read_text())["answers"]
    assert len(answers[f"{OURS}: talk"][0]["firsts"]) == work.TURNS


def test_a_model_for_a_gpu_is_measured_and_written_down(folder: Path) -> None:
    (folder / "large").symlink_to(folder / "random")
    document = large.measure(folder, None, rounds=1, sizes=(2,))
    for what in ("load", "first token, cold", "decode, 2 chats", "2 chats with pictures"):
        assert f"{OURS}: {what}" in document
    assert "bare mlx-lm: decode's reading of weights / that" in document
    assert str(folder) not in document


def test_a_model_of_the_large_one_s_sizes_takes_the_pictures_it_is_given(tmp_path: Path) -> None:
    vision = checkpoint.LARGE_VISION | VISION
    written = checkpoint.write(tmp_path, text=TEXT, vision=vision, dtype=mx.bfloat16)
    llava = load(written)
    assert llava.config.visual_tokens == 576
    assert llava.image_processor(pictures.draw(0)).shape == (336, 336, 3)


def test_a_ratio_is_of_the_same_round() -> None:
    measured = Measured(3)
    for place, (ours, theirs) in enumerate([(10.0, 20.0), (30.0, 30.0)]):
        measured.put(OURS, "first", place, {"first": 1, "speed": ours})
        measured.put(TRANSFORMERS.name, "first", place, {"first": 1, "speed": theirs})
    measured.put(OURS, "first", 2, {"first": 1, "speed": 5.0})
    found = {figure.name: figure for figure in comparison.figures(measured)}
    assert found["(f) / transformers"].runs == (0.5, 1.0)


def test_a_worker_that_fails_says_why_and_one_that_is_gone_too(tmp_path: Path) -> None:
    worker = Worker("ours", Command(Path(sys.executable), "benchmarks.ours", (str(tmp_path),)))
    with pytest.raises(WorkerError, match="no_such_thing"):
        worker.ask("no_such_thing")
    worker.close()
    with pytest.raises(WorkerError, match="did not answer"):
        worker.ask("start")


def test_speeds_are_of_the_tokens_after_the_first() -> None:
    assert speed([1.0, 1.5, 2.0]) == 2.0
    one, other = Clock(), Clock()
    one.times, other.times = [0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]
    assert together([one, other]) == 2.0  # from 1 to 3 both wrote two


def test_work_of_our_own_is_no_noise_of_others() -> None:
    watch = Watch([])
    sum(range(2_000_000))
    others = watch.others()
    assert others is None or 0 <= others <= 1
