"""The shelf as HTML: what is said of each model, and that names of others stay text."""

import pytest

from app.shelf import Item, ItemState, Machine, View
from app.ui.shelf_panel import machine_line, shelf_list

MACHINE = Machine(memory=16 * 10**9, free=80 * 10**9, on_cpu=False)
EVIL = '<img src=x onerror="alert(1)">'


def drawn(**how: object) -> str:
    given: dict[str, object] = {
        "key": "them/tiny",
        "name": "tiny",
        "title": "Tiny",
        "where": "them/tiny",
        "state": "absent",
    }
    item = Item(**given | how)  # type: ignore[arg-type]
    return shelf_list(View(MACHINE, (item,), "", False))


def test_the_machine_is_described() -> None:
    said = machine_line(MACHINE)
    assert said == "This machine has 16.0 GB of memory, and 80.0 GB free for models."


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("absent", ["download"]),
        ("begun", ["download", "remove"]),
        ("downloading", ["pause"]),
        ("here", ["use", "remove"]),
        ("in use", []),
        ("coming", []),
    ],
)
def test_each_state_has_its_buttons(state: ItemState, buttons: list[str]) -> None:
    removable = state in ("here", "begun")
    html = drawn(state=state, removable=removable)
    acts = [act for act in ("download", "pause", "use", "remove") if f'data-shelf="{act}"' in html]
    assert acts == buttons


def test_memory_stands_against_the_machines() -> None:
    html = drawn(needs=(17 * 10**9, 10 * 10**9, 7 * 10**9))
    assert html.count("too-much") == 1
    assert ">17.0 GB</span> of memory (10.0 GB at 8 bits, 7.0 GB at 4)" in html


def test_a_model_that_is_too_large_is_used_after_a_warning_only() -> None:
    assert "17.0 GB of memory, and this machine has 16.0 GB" in drawn(
        state="here", needs=(17 * 10**9, 10 * 10**9, 7 * 10**9)
    )
    assert 'data-warning=""' in drawn(state="here", needs=(15 * 10**9, 10 * 10**9, 7 * 10**9))


def test_a_download_has_bytes_speed_and_time() -> None:
    html = drawn(state="downloading", size=14_130_000_000, here=3_000_000_000, speed=45e6, left=247)
    assert '<progress max="14130000000" value="3000000000"' in html
    assert "3.0 GB of 14.1 GB · 45 MB/s · 4 min left" in html
    assert "Asking Hugging Face" in drawn(state="downloading")


def test_what_can_not_be_run_has_a_reason_and_no_download() -> None:
    html = drawn(refusal="it has no vision")
    assert "It can&#x27;t be run here: it has no vision" in html
    assert "data-shelf" not in html
    assert "the disk is full" in drawn(said="the disk is full")


def test_names_from_elsewhere_stay_text() -> None:
    words = dict.fromkeys(("key", "title", "where", "licence", "good_at", "refusal"), EVIL)
    assert "<img" not in drawn(**words)
    assert "<img" not in drawn(**words, said=EVIL, state="downloading", size=10)
    assert "<img" not in drawn(**words, doing=EVIL, state="coming")
