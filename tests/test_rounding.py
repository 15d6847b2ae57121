import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcv._rounding import FEWEST_BITS, first_least, on_grid, significant

SEEDS = st.integers(0, 10_000)


def drawn(seed, n=500):
    rng = np.random.default_rng(seed)
    return rng.normal(rng.normal(), rng.exponential(), n), rng


@given(SEEDS)
def test_sums_of_numbers_on_a_grid_are_the_same_in_any_order(seed):
    values, rng = drawn(seed)
    values = on_grid(values)
    assert values.cumsum()[-1] == rng.permutation(values).cumsum()[-1]


@given(SEEDS)
def test_a_grid_is_far_below_the_spread(seed):
    values, _ = drawn(seed)
    assert np.abs(on_grid(values) - values).max() < 2.0**-FEWEST_BITS * values.std()


@given(SEEDS, st.integers(-30, 30))
def test_numbers_in_another_unit_are_rounded_alike(seed, power):
    values, _ = drawn(seed)
    scaled = on_grid(np.ldexp(values, power))
    np.testing.assert_array_equal(scaled, np.ldexp(on_grid(values), power))


@given(SEEDS)
def test_numbers_on_a_grid_stay(seed):
    values = on_grid(drawn(seed)[0])
    np.testing.assert_array_equal(on_grid(values), values)


def test_exact_sums_of_large_numbers_do_not_cost_their_spread():
    values = 1e6 + np.random.default_rng(0).normal(size=100_000)
    assert np.abs(on_grid(values) - values).max() < 1e-9


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.1]])
def test_numbers_without_spread_stay(values):
    np.testing.assert_array_equal(on_grid(np.array(values)), values)


@given(st.floats(1e-300, 1e300), st.integers(10, 50))
def test_leading_places_are_kept(value, bits):
    assert significant(-value, bits) == pytest.approx(-value, rel=2.0**-bits)


def test_what_is_not_finite_keeps_its_kind():
    values = significant([np.nan, np.inf, -np.inf, 0.0])
    np.testing.assert_array_equal(values, [np.nan, np.inf, -np.inf, 0.0])


def test_the_first_of_equal_losses_is_the_least():
    assert first_least([2.0, 1.0 + 1e-12, 1.0, 3.0]) == 1
    assert first_least([2.0, 1.0 + 1e-6, 1.0]) == 2
    assert first_least([-2.0, -1.0], within=1.5) == 0
