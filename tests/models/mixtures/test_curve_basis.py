"""Splines of time and columns of one's own."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.models.mixtures.curve_basis import (
    learn_splines,
    require_near,
    require_times,
)


def splines(n=8, degree=3, knots="uniform", lower=0.0, upper=2.0, reach=None):
    times = np.linspace(lower, upper, 50)
    return learn_splines("t", times, n, degree, knots, reach)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(4, 15),
    st.integers(1, 3),
    st.sampled_from(["uniform", "quantile"]),
    st.lists(st.floats(-1.5, 3.5), min_size=1, max_size=20),
)
def test_the_splines_sum_to_one_inside_and_outside(n, degree, knots, times):
    basis = splines(n, degree, knots)
    values = basis.design(np.array(times))
    np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-9)
    assert values.shape[1] == n == len(basis.names)


def test_polynomials_of_the_degree_are_reproduced():
    basis = splines(7, 3)
    times = np.linspace(0.0, 2.0, 30)
    design = basis.design(times)
    target = 1.0 - times + 2.0 * times**3
    found = np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(design @ found, target, atol=1e-10)


def test_outside_a_curve_goes_on_as_its_tangent():
    basis = splines(7, 3)
    coefficients = np.random.default_rng(0).normal(size=7)
    for end, sign in ((basis.lower, -1.0), (basis.upper, 1.0)):
        near = basis.design(np.array([end - 1e-6, end, end + 1e-6])) @ coefficients
        far = basis.design(end + sign * np.array([0.5, 1.0])) @ coefficients
        slope = (near[2] - near[0]) / 2e-6
        expected = near[1] + slope * sign * np.array([0.5, 1.0])
        np.testing.assert_allclose(far, expected, rtol=1e-4, atol=1e-4)


def test_quantile_knots_stand_where_the_rows_are():
    times = np.concatenate([np.linspace(0, 1, 90), np.linspace(1, 10, 10)])
    basis = learn_splines("t", times, 8, 3, "quantile", None)
    assert sum(0.0 <= knot <= 1.0 for knot in basis.knots) >= 4


def test_the_number_of_splines_follows_the_times():
    sizes = {}
    for n_times in (2, 3, 4, 10, 16, 40):
        times = np.arange(float(n_times))
        sizes[n_times] = len(learn_splines("t", times, None, 3, "uniform", None).names)
    assert sizes == {2: 2, 3: 3, 4: 4, 10: 5, 16: 8, 40: 10}


def test_a_time_range_may_be_wider_than_the_times():
    basis = splines(reach=(-1.0, 5.0))
    assert (basis.lower, basis.upper) == (-1.0, 5.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"reach": (0.5, 3.0)},
            "`time_range` must cover column 't', which runs from 0 to 2, got "
            "(0.5, 3.0); widen it.",
        ),
        (
            {"n": 3},
            "`n_basis` must be above the splines' degree 3, got 3; raise it or lower "
            "`degree`.",
        ),
        (
            {"n": 60},
            "`n_basis` must be at most the number of distinct times, got 60 splines "
            "for 50 times; ask for fewer.",
        ),
        (
            {"lower": 1.0, "upper": 1.0},
            "time column 't' must vary, got 1.0 in every row; curves need at least "
            "two times.",
        ),
    ],
)
def test_splines_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError) as caught:
        splines(**options)
    assert str(caught.value) == message


def test_times_a_little_outside_are_told():
    said = require_near(splines(), np.array([-0.5, 1.0, 2.0]), "linear")
    assert said == (
        "1 of 3 times lie outside the curves' range [0, 2], the farthest at -0.5; "
        "their curves go on as straight lines."
    )
    assert require_near(splines(), np.array([0.0, 2.0]), "error") == ""


@pytest.mark.parametrize(("time", "extrapolation"), [(2.1, "error"), (4.1, "linear")])
def test_times_far_outside_are_refused(time, extrapolation):
    with pytest.raises(ValueError) as caught:
        require_near(splines(), np.array([1.0, time]), extrapolation)
    assert str(caught.value) == (
        f"1 of 2 times lie outside the curves' range [0, 2], the farthest at {time:g}; "
        "pass a `time_range` that covers them, or leave these rows out."
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["a", "b"],
            "time column 't' must be numeric, got str values; convert it to numbers.",
        ),
        (
            pd.to_datetime(["2020-01-01", "2020-01-02"]),
            "column 't' must hold numbers or labels, got datetime64 values; convert it "
            "to numbers.",
        ),
    ],
)
def test_times_that_are_no_numbers_are_refused(values, message):
    with pytest.raises(TypeError) as caught:
        require_times(pd.Series(values, name="t"), "t")
    assert str(caught.value) == message


def test_missing_times_are_refused():
    with pytest.raises(ValueError) as caught:
        require_times(pd.Series([0.0, np.nan], name="t"), "t")
    assert str(caught.value) == (
        "column 't' must be finite, got missing values; fill them or drop the rows."
    )


@pytest.mark.parametrize("knots", ["uniform", "quantile"])
def test_knots_go_on_outside_as_far_apart_as_at_the_ends(knots):
    times = np.random.default_rng(0).exponential(size=60)
    basis = learn_splines("t", times, 8, 3, knots, None)
    gaps = np.diff(basis.knots)
    np.testing.assert_allclose(gaps[:3], gaps[3])
    np.testing.assert_allclose(gaps[-3:], gaps[-4])
    assert (basis.knots[3], basis.knots[-4]) == (times.min(), times.max())
