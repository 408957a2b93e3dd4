"""Getting a model ready: its caches' bounds, MLX's settings, and what can't be loaded."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from PIL import Image

import model
from app.engine import loading
from app.engine.base import Progress
from app.engine.catalogue import ALIASES, BUNDLED
from model.conversation import get_template
from model.convert import convert
from model.devices import on_cpu
from model.errors import CheckpointError, TemplateError
from model.hub import pull
from model.kv_cache import Packing
from tests.app.engine.model_thread import Cold, write_speaker
from tests.model.hubs import hub_for


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_speaker(tmp_path_factory.mktemp("loaded"))


def test_the_progress_of_loading_goes_from_nothing_to_all(checkpoint: Path) -> None:
    seen: list[Callable[[], Progress]] = []
    before: list[Progress] = []

    def watch(progress: Callable[[], Progress]) -> None:
        seen.append(progress)
        before.append(progress())

    size = (checkpoint / "model.safetensors").stat().st_size
    loaded = loading.load(str(checkpoint), watch)
    assert before == [Progress("loading", 0, size)]
    assert 0.5 * size < seen[0]().done <= seen[0]().total == size
    del loaded


def test_the_progress_moves_while_a_large_model_is_loaded(tmp_path: Path) -> None:
    text = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8}
    folder = write_speaker(tmp_path, text=text, dtype="bfloat16")
    shares: list[float] = []
    over = threading.Event()

    def look(progress: Callable[[], Progress]) -> None:
        while not over.wait(0.0005):
            shares.append(progress().share)

    def watch(progress: Callable[[], Progress]) -> None:
        threading.Thread(target=look, args=[progress], daemon=True).start()

    loaded = loading.load(str(folder), watch)
    over.set()
    assert len({round(share, 1) for share in shares if share < 0.95}) > 3
    assert max(shares) > 0.95
    del loaded


def test_a_model_that_isnt_here_is_downloaded_and_its_bytes_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    with hub_for(tmp_path, monkeypatch) as hub:
        write_speaker(hub.repository("them/tiny"))
        steps: list[Callable[[], Progress]] = []

        def watched_pull(source: str, tell: Callable[[int, int], None]) -> Path:
            def watch(done: int, total: int) -> None:
                tell(done, total)
                told.append(steps[0]())

            return pull(source, watch)

        monkeypatch.setattr("model.hub.pull", watched_pull)
        loaded = loading.load("them/tiny", steps.append)
        assert {progress.doing for progress in told} == {"downloading"}
        assert told[-1].share == 1.0
        assert 0 < told[len(told) // 2].done < told[-1].total
        assert [step().doing for step in steps] == ["downloading", "loading"]
        hub.asked.clear()
        loading.load("them/tiny", steps.append)
        assert hub.asked == []
    del loaded


def test_the_caches_are_bounded_by_the_model(checkpoint: Path) -> None:
    llava = Cold(checkpoint).llava
    scheduler = loading.serve(llava).scheduler
    caches = scheduler.caches
    assert scheduler.memory.per_token == 2 * 2 * 48 * 4  # keys and values, layers, width, bytes
    assert caches.prefixes.most_bytes == 8 * 512 * scheduler.memory.per_token
    assert (
        caches.features.most_bytes
        == 64 * llava.encode_pictures([Image.new("RGB", (9, 9))])[0].nbytes
    )


def test_the_template_can_be_chosen(checkpoint: Path) -> None:
    def prompt(**chosen: Any) -> str:
        template = loading.load(
            str(checkpoint), lambda _: None, **chosen
        ).preparation._llava.template
        return template.render([{"role": "user", "content": "hello"}])

    old = get_template("llava_v0").render([{"role": "user", "content": "hello"}])
    assert prompt(template="llava_v0") == old != prompt()
    with pytest.raises(TemplateError, match="no chat template of its own"):
        loading.load(str(checkpoint), lambda _: None, template="chat_template")


def test_keys_and_values_are_quantised_where_that_is_asked_for(checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="heads have 12 values"):
        loading.load(str(checkpoint), lambda _: None, kv_bits=8)
    plain = loading.load(ALIASES[BUNDLED], lambda _: None).scheduler
    eight = loading.load(ALIASES[BUNDLED], lambda _: None, kv_bits=8).scheduler
    assert eight.caches.packing == Packing(8, 32)
    assert eight.memory.per_token == plain.memory.per_token * (1 / 4 + 1 / 16)
    assert eight.caches.prefixes.most_bytes < plain.caches.prefixes.most_bytes


def test_a_draft_model_is_loaded_and_counted(checkpoint: Path, tmp_path: Path) -> None:
    loaded = loading.load(str(checkpoint), lambda _: None, draft=str(checkpoint)).scheduler
    plain = loading.load(str(checkpoint), lambda _: None).scheduler
    assert loaded.memory.per_token == 2 * plain.memory.per_token
    assert loaded.memory.draft_per_token == plain.memory.per_token
    assert loaded.memory.weights > 1.3 * plain.memory.weights
    assert loaded.caches.drafts.most_bytes == plain.caches.prefixes.most_bytes
    with pytest.raises(CheckpointError, match="another vocabulary"):
        loading.load(str(checkpoint), lambda _: None, draft=ALIASES[BUNDLED])
    with pytest.raises(CheckpointError, match=r"config\.json"):
        loading.load(str(checkpoint), lambda _: None, draft=str(tmp_path))


def test_a_folder_without_a_model_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json|safetensors"):
        loading.load(str(tmp_path), lambda _: None)


def test_on_a_cpu_no_compiler_is_called_and_few_buffers_are_kept(checkpoint: Path) -> None:
    if not on_cpu():
        pytest.skip("this machine has a GPU that MLX uses")
    loading.load(str(checkpoint), lambda _: None)
    assert mx.set_cache_limit(10**9) == 64 << 20
    mx.set_cache_limit(64 << 20)


def test_a_quantised_model_is_read_in_larger_chunks_on_a_cpu(
    checkpoint: Path, tmp_path: Path
) -> None:
    if not on_cpu():
        pytest.skip("this machine has a GPU that MLX uses")
    convert(checkpoint, tmp_path / "four", group_size=32)
    try:
        for folder, chunk, buffers in ((tmp_path / "four", 512, 256), (checkpoint, 256, 64)):
            loading.load(str(folder), lambda _: None)
            assert loading.chunk_for(model.load(folder)) == chunk
            assert mx.set_cache_limit(10**9) == buffers << 20
    finally:
        mx.set_cache_limit(64 << 20)
