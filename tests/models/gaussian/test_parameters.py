"""Parameters of the random part as people know them, and their gradients."""

import numpy as np
import pytest

from flexcv.models.gaussian.covariance import covariance_shape
from flexcv.models.gaussian.parameters import Parameter, _picked

SHAPE = covariance_shape((2,))
FIRST, SECOND = np.array([1.0, 0.0]), np.array([0.4, 1.0])
POINT = np.array([9.0, 0.7, -0.2, 0.5, -0.3])  # of another factor, theta, log sigma
DEVIATION = Parameter(SHAPE, 1, (SECOND,), 2.0)
CORRELATION = Parameter(SHAPE, 1, (FIRST, SECOND), 2.0)
RESIDUAL = Parameter(None, 0, (), 2.0)
EVERY = pytest.mark.parametrize("parameter", [DEVIATION, CORRELATION, RESIDUAL])


def covariance():
    factor = SHAPE.factor(POINT[1:4])
    rows = np.array([FIRST, SECOND])
    return 4.0 * np.exp(2.0 * POINT[-1]) * rows @ factor @ factor.T @ rows.T


def test_values_are_those_of_the_covariance():
    found = covariance()
    assert DEVIATION.value(POINT) == pytest.approx(np.sqrt(found[1, 1]))
    expected = found[0, 1] / np.sqrt(found[0, 0] * found[1, 1])
    assert CORRELATION.value(POINT) == pytest.approx(expected)
    assert RESIDUAL.value(POINT) == pytest.approx(2.0 * np.exp(-0.3))


@EVERY
@pytest.mark.parametrize("way", ["measure", "value_and_slope"])
def test_each_gradient_is_the_slope_of_its_value(parameter, way):
    slope = getattr(parameter, way)(POINT)[1]
    for place, step in enumerate(1e-6 * np.eye(len(POINT))):
        ahead, behind = (getattr(parameter, way)(POINT + s)[0] for s in (step, -step))
        assert slope[place] == pytest.approx((ahead - behind) / 2e-6, abs=1e-7)


@EVERY
def test_what_is_measured_is_the_value_on_its_own_scale(parameter):
    value = parameter.value(POINT)
    assert parameter.scale_of(value) == pytest.approx(parameter.measure(POINT)[0])


@pytest.mark.parametrize("parameter", [DEVIATION, RESIDUAL])
@pytest.mark.parametrize("value", [0.02, 1.0, 30.0])
def test_a_deviation_is_moved_to_its_new_value(parameter, value):
    moved = parameter.moved_to(POINT, value)
    assert parameter.value(moved) == pytest.approx(value)


def test_a_move_leaves_the_rest_and_the_point_that_was_given():
    before = POINT.copy()
    moved = DEVIATION.moved_to(POINT, 3.0)
    np.testing.assert_array_equal(POINT, before)
    np.testing.assert_array_equal(moved[[0, -1]], POINT[[0, -1]])
    np.testing.assert_array_equal(RESIDUAL.moved_to(POINT, 3.0)[:-1], POINT[:-1])


def test_a_correlation_is_moved_off_the_edge():
    flat = np.zeros(5)
    moved = CORRELATION.moved_to(flat, 0.5)
    np.testing.assert_array_equal(moved, [0.0, 0.01, 0.0, 0.01, 0.0])
    assert np.isnan(CORRELATION.value(flat))
    assert np.isfinite(CORRELATION.value(moved))


def test_a_deviation_of_nothing_is_zero():
    assert DEVIATION.value(np.zeros(5)) == 0.0


def test_every_effect_and_every_pair_within_a_block_is_a_parameter():
    picked = _picked(covariance_shape((2, 1)), 3)
    assert picked == [(0,), (1,), (2,), (0, 1)]
