import pytest

from benchmarks.figures import HEAD, Bar, Figure, number, table


def test_the_median_is_held_against_the_bar() -> None:
    slow = Figure("first token", "s", (0.1, 9.0, 0.3), Bar("<=", 0.2))
    assert slow.median == 0.3
    assert slow.holds is False
    assert Figure("speed", "tokens/s", (9, 60, 61), Bar(">=", 60)).holds is True
    assert Figure("speed", "tokens/s", (9,)).holds is None


def test_what_was_never_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="never measured"):
        Figure("first token", "s", ())


def test_a_row_tells_median_spread_runs_and_bar() -> None:
    row = Figure("first token", "s", (0.1, 9.0, 0.3), Bar("<=", 0.2)).row()
    assert row == ("first token", "s", "0.3", "0.1 to 9", "3", "<= 0.2 MISSED")
    assert len(row) == len(HEAD)


@pytest.mark.parametrize(
    ("value", "written"), [(1234.6, "1,235"), (12.34, "12.3"), (0.12345, "0.123"), (5.0, "5")]
)
def test_numbers_have_three_digits_that_count(value: float, written: str) -> None:
    assert number(value) == written


def test_the_table_is_markdown_with_straight_columns() -> None:
    lines = table(("a", "long head"), [("cell", "b")]).splitlines()
    assert lines == ["| a    | long head |", "|------|-----------|", "| cell | b         |"]
