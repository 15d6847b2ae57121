"""Theta, Lambda and D."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.models.gaussian.covariance import (
    changed_basis,
    correlations,
    covariance_shape,
    split_theta,
)

BLOCKS = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)


@given(blocks=BLOCKS, seed=st.integers(0, 1000))
def test_theta_and_lambda_are_each_others_inverse(blocks: tuple, seed: int) -> None:
    shape = covariance_shape(blocks)
    theta = np.random.default_rng(seed).normal(size=shape.n_theta)
    np.testing.assert_array_equal(shape.theta(shape.factor(theta)), theta)


@given(blocks=BLOCKS, seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_directions_and_curvature_are_derivatives_of_d(
    blocks: tuple, seed: int
) -> None:
    shape, rng, h = covariance_shape(blocks), np.random.default_rng(seed), 1e-4
    theta, slope = rng.normal(size=shape.n_theta), rng.normal(size=(sum(blocks),) * 2)
    slope = slope + slope.T

    def value(point: np.ndarray) -> float:
        factor = shape.factor(point)
        return float((slope * (factor @ factor.T)).sum())

    steps = h * np.eye(len(theta))
    gradient = [(value(theta + s) - value(theta - s)) / (2 * h) for s in steps]
    exact = np.tensordot(shape.directions(shape.factor(theta)), slope, axes=2)
    np.testing.assert_allclose(exact, gradient, atol=1e-6)
    second = [
        [
            (value(theta + s + t) - value(theta + s) - value(theta + t) + value(theta))
            / h**2
            for t in steps
        ]
        for s in steps
    ]
    np.testing.assert_allclose(shape.curvature(slope), second, atol=1e-5)


def test_a_changed_basis_gives_the_same_covariance_even_when_singular() -> None:
    factor = np.array([[2.0, 0.0], [1.0, 0.0]])
    basis = np.array([[1.0, -3.0], [0.0, 0.5]])
    turned = changed_basis(factor, basis)
    np.testing.assert_allclose(turned @ turned.T, basis @ factor @ factor.T @ basis.T)
    assert turned[0, 1] == 0.0
    assert (np.diagonal(turned) >= 0.0).all()


def test_a_zero_variance_has_no_correlation() -> None:
    corr = correlations(np.diag([0.0, 1.0]))
    assert np.isnan(corr[0, 1])
    assert corr[0, 0] == 1.0


def test_theta_is_cut_by_factor() -> None:
    parts = split_theta(
        np.arange(4.0), [covariance_shape((2,)), covariance_shape((1,))]
    )
    assert [len(part) for part in parts] == [3, 1]
