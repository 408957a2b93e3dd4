"""The memory that a model is said to need."""

from pathlib import Path

import mlx.core as mx
import pytest

from model.shelf import memory
from model.shelf.curated import CURATED
from model.shelf.memory import CONVERSATION, machine_memory, needed

SEVEN = next(model for model in CURATED if model.alias == "llava-1.5-7b")


def test_a_7b_needs_its_weights_and_a_conversation() -> None:
    keys_and_values = 2 * 32 * 4096 * CONVERSATION * 2
    whole = needed(SEVEN, 16, on_cpu=False)
    assert SEVEN.size + keys_and_values < whole < SEVEN.size + keys_and_values + (1 << 30)


def test_fewer_bits_need_less_and_a_cpu_more() -> None:
    for model in CURATED:
        sizes = [needed(model, bits, on_cpu=False) for bits in (16, 8, 4)]
        assert sizes == sorted(sizes, reverse=True)
        assert all(
            needed(model, b, on_cpu=True) > s for b, s in zip((16, 8, 4), sizes, strict=True)
        )


def test_the_machines_memory_is_a_sensible_number() -> None:
    assert 1 << 28 < machine_memory() < 1 << 45


def test_a_container_has_what_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_CGROUPS", (tmp_path / "none", limit))
    monkeypatch.setattr(mx, "device_info", lambda: {"device_name": "CPU"})
    limit.write_text("max\n")
    whole = machine_memory()
    limit.write_text("123000000\n")
    assert machine_memory() == 123_000_000 < whole


@pytest.mark.parametrize("name", ["max_recommended_working_set_size", "total_memory"])
def test_a_gpu_has_its_own_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx, "device_info", lambda: {name: 77})
    assert machine_memory() == 77
