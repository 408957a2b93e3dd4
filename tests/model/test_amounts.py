"""Bytes and seconds as people say them."""

from model.amounts import size_text, time_text


def test_sizes_are_said_as_people_do() -> None:
    sizes = (0, 999, 1500, 14_130_000, 14_130_000_000)
    assert [size_text(s) for s in sizes] == ["0 bytes", "999 bytes", "1.5 kB", "14.1 MB", "14.1 GB"]


def test_times_are_said_as_people_do() -> None:
    times = (0.2, 89, 100, 3540, 3600 + 5 * 60)
    assert [time_text(t) for t in times] == ["1 s", "89 s", "2 min", "59 min", "1 h 5 min"]
