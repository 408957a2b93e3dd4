"""The memory that a model is said to need."""

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
