"""Speed and time left, with a clock that the test holds."""

from model.shelf.pace import WINDOW, Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_speed_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.speed == 0
    assert pace.left(0, 100) is None
    for done in range(0, 1001, 10):  # ten a second, a hundred seconds
        pace.tell(done)
        clock.now += 1
    assert pace.speed == 10
    assert pace.left(1000, 2000) == 100
    for done in range(1000, 2001, 100):
        pace.tell(done)
        clock.now += 1
    assert pace.speed == 100


def test_a_download_that_stands_still_has_no_end() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(int(2 * WINDOW)):
        pace.tell(500)
        clock.now += 1
    assert pace.speed == 0
    assert pace.left(500, 1000) is None
