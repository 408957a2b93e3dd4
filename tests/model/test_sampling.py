"""Sampling, tried against what probabilities say and against rows that run beside."""

import mlx.core as mx
import numpy as np
import pytest

from model.sampling import GREEDY, Sampler, allowed_tokens, draw, draw_one

ALL = allowed_tokens(5, 5)


def logits(*probabilities: float) -> mx.array:
    return mx.log(mx.array([probabilities]))


def draws(sampler: Sampler, row: mx.array, count: int) -> list[int]:
    return [draw_one(row, sampler, place, ALL) for place in range(count)]


def test_temperature_zero_takes_the_likeliest() -> None:
    assert draws(GREEDY, logits(0.1, 0.2, 0.4, 0.2, 0.1), 3) == [2, 2, 2]


def test_draws_follow_the_probabilities() -> None:
    wanted = np.array([0.05, 0.1, 0.4, 0.25, 0.2])
    seen = np.bincount(draws(Sampler(1.0, seed=3), logits(*wanted), 4000), minlength=5) / 4000
    assert np.abs(seen - wanted).max() < 0.03


def test_a_low_temperature_sharpens() -> None:
    row = logits(0.5, 0.3, 0.2, 1e-9, 1e-9)
    seen = np.bincount(draws(Sampler(0.5, seed=3), row, 3000), minlength=5) / 3000
    wanted = np.array([0.25, 0.09, 0.04, 0, 0]) / 0.38
    assert np.abs(seen - wanted).max() < 0.04


def test_top_p_keeps_the_smallest_set_that_reaches_the_mass() -> None:
    row = logits(0.1, 0.2, 0.4, 0.25, 0.05)
    assert set(draws(Sampler(1.0, 0.39, seed=1), row, 200)) == {2}
    assert set(draws(Sampler(1.0, 0.45, seed=1), row, 200)) == {2, 3}
    assert set(draws(Sampler(1.0, 0.9, seed=1), row, 400)) == {0, 1, 2, 3}


def test_top_p_looks_at_probabilities_after_the_temperature() -> None:
    row = logits(0.4, 0.3, 0.3, 1e-9, 1e-9)
    assert set(draws(Sampler(0.1, 0.85, seed=1), row, 200)) == {0}


@pytest.mark.parametrize("sampler", [Sampler(0.0), Sampler(1.0, 0.0), Sampler(1e-30)])
def test_what_leaves_nothing_to_chance_is_greedy(sampler: Sampler) -> None:
    assert set(draws(sampler, logits(0.3, 0.31, 0.1, 0.1, 0.19), 50)) == {1}


def test_very_unequal_logits_and_a_small_temperature_stay_numbers() -> None:
    row = mx.array([[-3e38, 80.0, -80.0, 3e38, 0.0]])
    assert set(draws(Sampler(2e-4, 0.5, seed=4), row, 20)) == {3}
    assert set(draws(Sampler(2.0, seed=4), row, 20)) == {3}


def test_the_same_seed_draws_the_same_and_another_draws_otherwise() -> None:
    row = logits(0.2, 0.2, 0.2, 0.2, 0.2)
    assert draws(Sampler(1.0, seed=7), row, 60) == draws(Sampler(1.0, seed=7), row, 60)
    assert draws(Sampler(1.0, seed=7), row, 60) != draws(Sampler(1.0, seed=8), row, 60)
    assert draws(Sampler(1.0, seed=-7), row, 60) != draws(Sampler(1.0, seed=7), row, 60)


def test_neighbouring_seeds_do_not_repeat_each_other_a_place_later() -> None:
    row = logits(0.2, 0.2, 0.2, 0.2, 0.2)
    assert draws(Sampler(1.0, seed=7), row, 60)[1:] != draws(Sampler(1.0, seed=8), row, 59)


def test_a_row_draws_the_same_alone_and_beside_others() -> None:
    rows = mx.random.normal((3, 5), key=mx.random.key(1))
    samplers = [GREEDY, Sampler(1.0, 0.9, seed=5), Sampler(1.5, seed=5)]
    for place in range(30):
        together = draw(rows, samplers, [place] * 3, ALL).tolist()
        alone = [draw_one(rows[n : n + 1], samplers[n], place, ALL) for n in range(3)]
        assert together == alone


def test_tokens_that_are_not_allowed_are_never_drawn() -> None:
    allowed = allowed_tokens(5, 4, 2)
    assert allowed.tolist() == [0, 0, -np.inf, 0, -np.inf]
    row = logits(0.01, 0.02, 0.4, 0.02, 0.55)
    for sampler in (GREEDY, Sampler(2.0, seed=1), Sampler(2.0, 0.9, seed=1)):
        seen = {draw_one(row, sampler, place, allowed) for place in range(60)}
        assert seen <= {0, 1, 3}


def test_drawing_does_not_touch_the_random_state_of_all() -> None:
    mx.random.seed(1)
    wanted = mx.random.uniform(shape=(3,)).tolist()
    mx.random.seed(1)
    draws(Sampler(1.0, seed=9), logits(0.2, 0.2, 0.2, 0.2, 0.2), 5)
    assert mx.random.uniform(shape=(3,)).tolist() == wanted


def test_penalties_are_taken_for_what_was_said_once_and_for_each_time() -> None:
    row = mx.array([[2.0, 1.9, 1.7, 0.0, 0.0]])
    assert Sampler().said([0, 0], 5) is None
    for sampler, said, expected in (
        (Sampler(presence=0.2), [0, 0], 1),
        (Sampler(presence=0.05), [0, 0, 0, 0], 0),
        (Sampler(frequency=0.05), [0], 0),
        (Sampler(frequency=0.05), [0, 0, 0], 1),
        (Sampler(presence=0.2, frequency=0.1), [0, 0, 1, 1], 2),
        (Sampler(frequency=-1.0), [4, 4, 4], 4),
        (Sampler(presence=1.0), [], 0),
    ):
        assert draw_one(row, sampler, 0, ALL, sampler.said(said, 5)) == expected


def test_a_penalty_is_its_own_rows_alone() -> None:
    sampler = Sampler(presence=1.0)
    rows = mx.array([[2.0, 1.5, 0, 0, 0]] * 3)
    said = [None, sampler.said([0], 5), None]
    assert draw(rows, [GREEDY, sampler, Sampler(1e-9)], [0, 0, 0], ALL, said).tolist() == [0, 1, 0]
