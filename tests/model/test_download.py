"""Downloads from a stand-in hub over HTTP: pauses, broken transfers, refusals, full disks."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from model import download
from model.errors import CheckpointError
from model.hub import cached, pull
from tests.checkpoints import write_checkpoint
from tests.hub_server import COMMIT, HubServer
from tests.model.hubs import hub_for, point_at

TINY = "them/tiny"
LARGE = "model-00001-of-00002.safetensors"


class Paused(Exception):
    """What a watcher raises to end a download."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(download, "_wait", lambda seconds, tell: tell())
    with hub_for(tmp_path, monkeypatch) as hub:
        write_checkpoint(hub.repository(TINY), shards=2)
        yield hub


def blobs() -> Path:
    return Path(constants.HF_HUB_CACHE) / "models--them--tiny" / "blobs"


def size(hub: HubServer, name: str) -> int:
    return (hub.repository(TINY) / name).stat().st_size


def test_all_of_a_checkpoint_arrives_and_its_bytes_are_told(hub: HubServer) -> None:
    told: list[tuple[int, int]] = []
    folder = pull(TINY, lambda done, total: told.append((done, total)))
    served = hub.repository(TINY)
    names = sorted(path.name for path in served.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all((folder / n).read_bytes() == (served / n).read_bytes() for n in names)
    total = sum(path.stat().st_size for path in served.iterdir())
    assert told[-1] == (total, total)
    counts = [done for done, _ in told]
    assert counts == sorted(counts)
    assert len(set(counts)) > len(names)
    assert cached(TINY) == folder
    assert list(blobs().glob("*.incomplete")) == []


def test_the_hubs_own_client_finds_it_and_fetches_nothing_again(hub: HubServer) -> None:
    from huggingface_hub import snapshot_download

    folder = pull(TINY)
    before = len(hub.fetched())
    assert snapshot_download(TINY, allow_patterns=[*download.FILES]) == str(folder)
    pull(TINY)
    assert len(hub.fetched()) == before


def test_what_the_hubs_own_client_fetched_is_taken(hub: HubServer) -> None:
    from huggingface_hub import hf_hub_download

    hf_hub_download(TINY, LARGE)
    hub.asked.clear()
    assert cached(TINY) is None
    pull(TINY)
    assert LARGE not in hub.fetched()
    assert cached(TINY) is not None


def test_programs_and_pickles_are_never_fetched(hub: HubServer) -> None:
    folder = hub.repository(TINY)
    (folder / "modeling_tiny.py").write_text("raise SystemExit('remote code ran')")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "original").mkdir()
    (folder / "original" / "copy.safetensors").write_bytes(b"large")
    pull(TINY)
    assert not {name for name in hub.fetched() if name.endswith((".py", ".bin", "copy"))}


def stop_at(share: float) -> Any:
    def watch(done: int, total: int) -> None:
        if total and done > share * total:
            raise Paused

    return watch


def test_a_paused_download_goes_on_where_it_was_and_is_no_model_before(hub: HubServer) -> None:
    with pytest.raises(Paused):
        pull(TINY, stop_at(0.7))
    assert cached(TINY) is None
    [part] = blobs().glob("*.incomplete")
    here = part.stat().st_size
    assert here > 0
    hub.asked.clear()
    told: list[int] = []
    folder = pull(TINY, lambda done, total: told.append(done))
    assert [asked.start for asked in hub.asked if asked.start] == [here, here]  # and redirected
    assert told[2] >= here
    assert (folder / LARGE).read_bytes() == (hub.repository(TINY) / LARGE).read_bytes()


def test_a_hub_without_ranges_starts_the_file_anew(hub: HubServer) -> None:
    with pytest.raises(Paused):
        pull(TINY, stop_at(0.7))
    hub.ranges = False
    folder = pull(TINY)
    assert (folder / LARGE).read_bytes() == (hub.repository(TINY) / LARGE).read_bytes()


def test_a_broken_transfer_is_taken_up_again(hub: HubServer) -> None:
    hub.fail(f"storage/{TINY}", times=3, after=20_000)
    folder = pull(TINY)
    assert (folder / LARGE).read_bytes() == (hub.repository(TINY) / LARGE).read_bytes()
    assert sorted({a.start for a in hub.asked if LARGE in a.path})[:3] == [0, 20_000, 40_000]


def test_a_transfer_that_never_moves_ends_and_keeps_what_is_here(hub: HubServer) -> None:
    hub.fail(f"storage/{TINY}", times=1, after=20_000)
    hub.fail(f"storage/{TINY}", times=99, after=0)
    with pytest.raises(CheckpointError, match=r"on the way\. What has arrived is kept"):
        pull(TINY)
    assert max(part.stat().st_size for part in blobs().glob("*.incomplete")) == 20_000


def test_damaged_bytes_are_thrown_away(hub: HubServer) -> None:
    hub.fail(f"storage/{TINY}", damage=True)
    with pytest.raises(CheckpointError, match="was damaged on its way"):
        pull(TINY)
    assert cached(TINY) is None
    hub.asked.clear()
    pull(TINY)
    assert not [asked for asked in hub.asked if asked.start]
    assert "config.json" not in hub.fetched()


def test_damaged_settings_are_seen_too(hub: HubServer) -> None:
    hub.fail("resolve/" + COMMIT + "/tokenizer.json", damage=True)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json of them/tiny was damaged"):
        pull(TINY)


def test_without_space_nothing_large_is_fetched(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=download.RESERVE + 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        CheckpointError, match=r"needs 269 MB more on the disk, and 268 MB are free"
    ):
        pull(TINY)
    assert hub.fetched() == ["config.json"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "llama", "hidden_size": 64}, "them/tiny can't be run here"),
        ({}, "them/tiny can't be run here"),
    ],
)
def test_a_model_that_cant_be_run_is_refused_before_its_weights(
    hub: HubServer, config: dict[str, Any], said: str
) -> None:
    import json

    (hub.repository(TINY) / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=said):
        pull(TINY)
    assert hub.fetched() == ["config.json"]


def test_an_original_checkpoint_without_its_tower_is_refused_before_its_weights(
    hub: HubServer,
) -> None:
    tower = {"mm_vision_tower": "openai/clip-vit-large-patch14"}
    for name, frozen in (("them/frozen", True), ("them/whole", False)):
        served = hub.repository(name)
        (served / "openai").mkdir()
        write_checkpoint(served, layout="llava", shards=2, frozen=frozen, original=tower)
    with pytest.raises(CheckpointError, match="comes without its vision tower, 'openai/clip"):
        pull("them/frozen")
    assert LARGE not in hub.fetched()
    assert pull("them/whole").is_dir()


def test_a_second_copy_of_the_weights_is_not_fetched(hub: HubServer) -> None:
    served = write_checkpoint(hub.repository("them/twice"))
    shutil.copy(served / "model.safetensors", served / "consolidated.safetensors")
    names = {path.name for path in pull("them/twice").iterdir()}
    assert "model.safetensors" in names
    assert "consolidated.safetensors" not in names


@pytest.mark.parametrize("wrong", ["", "pocket", "a/../b", "them/ti\nny", "/no/where"])
def test_what_is_no_name_of_a_repository_is_said_to_be_none(hub: HubServer, wrong: str) -> None:
    with pytest.raises(CheckpointError, match="no name of a Hugging Face repository"):
        pull(wrong)
    assert hub.asked == []


def test_a_disk_that_fills_up_midway_keeps_what_has_arrived(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, left = download._Transfer._stream, [40_000]

    def full(transfer: Any, file: Any, part: Path, tell: Any) -> None:
        def told() -> None:
            tell()
            if blobs_size() > left[0]:
                raise OSError(errno.ENOSPC, "No space left on device")

        sync(transfer, file, part, told)

    def blobs_size() -> int:
        return sum(path.stat().st_size for path in blobs().iterdir())

    monkeypatch.setattr(download._Transfer, "_stream", full)
    with pytest.raises(CheckpointError, match=r"the disk is full\. What has arrived is kept"):
        pull(TINY)
    assert blobs_size() > left[0]
    left[0] = 10**9
    assert cached(TINY) is None
    assert pull(TINY) == cached(TINY)


def test_pickled_weights_alone_are_refused(hub: HubServer) -> None:
    for path in hub.repository(TINY).glob("*.safetensors*"):
        path.unlink()
    (hub.repository(TINY) / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(CheckpointError, match="never fetched"):
        pull(TINY)
    assert hub.fetched() == []


def test_it_waits_as_long_as_the_hub_asks(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(download, "_wait", lambda seconds, tell: waits.append(seconds))
    hub.fail("/api/models", status=429, headers={"Retry-After": "7"})
    hub.fail(LARGE, status=503, times=2)
    pull(TINY)
    assert waits == [7.0, 1.0, 2.0]
    hub.fail("/api/models", status=429, times=99)
    with pytest.raises(CheckpointError, match="asks for patience"):
        pull(TINY)


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {"X-Error-Code": "RepoNotFound"}, "Hugging Face has no public repository them/tiny"),
        (404, {"X-Error-Code": "RepoNotFound"}, "Hugging Face has no public repository them/tiny"),
        (403, {"X-Error-Code": "GatedRepo"}, "its owner wants an account and consent"),
        (500, {}, "Hugging Face answers with the status 500"),
    ],
)
def test_what_the_hub_refuses_is_said(
    hub: HubServer, status: int, headers: dict[str, str], said: str
) -> None:
    hub.fail("/api/models", times=99, status=status, headers=headers)
    with pytest.raises(CheckpointError, match=said):
        pull(TINY)


def test_without_a_network_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("http://127.0.0.1:1", tmp_path, monkeypatch)
    with pytest.raises(CheckpointError, match="Hugging Face can't be reached"):
        pull(TINY)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE is set"):
        pull(TINY)


@pytest.mark.parametrize("digest", ["../../../up", "", "0" * 39, "g" * 40])
def test_a_hub_that_names_no_digests_writes_nothing(hub: HubServer, digest: str) -> None:
    hub.digests["tokenizer.json"] = digest
    with pytest.raises(CheckpointError, match="makes no sense"):
        pull(TINY)
    assert hub.fetched() == []


def test_a_file_that_is_longer_than_announced_fills_no_disk(hub: HubServer) -> None:
    hub.endless = True
    most = 0

    def watch(done: int, total: int) -> None:
        nonlocal most
        most = max(most, *(part.stat().st_size for part in blobs().glob("*.incomplete")), 0)

    with pytest.raises(CheckpointError, match="longer than announced"):
        pull(TINY, watch)
    assert size(hub, LARGE) <= most < 2 * size(hub, LARGE)
    assert list(blobs().glob("*.incomplete")) == []


def test_two_downloads_of_one_repository_do_not_meet(hub: HubServer) -> None:
    def second(done: int, total: int) -> None:
        with pytest.raises(CheckpointError, match="is being downloaded already"):
            pull(TINY)
        raise Paused

    with pytest.raises(Paused):
        pull(TINY, second)
    assert pull(TINY).is_dir()


PROGRAM = (
    "import sys; from model.hub import pull; pull(sys.argv[1], lambda d, t: print(d, flush=True))"
)


def test_a_killed_download_goes_on_in_the_next_process(hub: HubServer, tmp_path: Path) -> None:
    cache = tmp_path / "other"
    environment = os.environ | hub.environment(cache)
    hub.pace = 100_000  # bytes a second
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, TINY], env=environment, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        while int(first.stdout.readline()) < 60_000:
            pass
        first.send_signal(signal.SIGKILL)
    hub.pace = None
    parts = list(cache.rglob("*.incomplete"))
    assert parts
    have = {part.stat().st_size for part in parts}
    hub.asked.clear()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, TINY],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {asked.start for asked in hub.asked if asked.start} <= have
    assert [asked for asked in hub.asked if asked.start]


def test_the_wait_for_another_try_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_NAP", 0.001)
    began = time.monotonic()
    download._wait(0.01, lambda: None)
    assert time.monotonic() - began >= 0.01

    def end() -> None:
        raise Paused

    with pytest.raises(Paused):
        download._wait(60, end)
