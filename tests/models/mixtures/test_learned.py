"""What is kept of a finished fit."""

import numpy as np
import pytest

from flexcv.models.mixtures.learned import (
    least_squares,
    population_moments,
    subject_curves,
    trace_frame,
)
from flexcv.models.mixtures.parameters import path_gaussians
from tests.models.curve_tables import random_parameters, random_sums


def test_moments_of_the_population_are_those_of_the_mixture():
    parameters = random_parameters()
    weight, mean, covariance = path_gaussians(parameters)
    rng = np.random.default_rng(0)
    path = rng.choice(len(weight), 200_000, p=weight)
    roots = np.linalg.cholesky(covariance)
    normal = rng.normal(size=(200_000, 4, 1))
    drawn = mean[path] + (roots[path] @ normal)[:, :, 0]
    centre, spread = population_moments(parameters)
    np.testing.assert_allclose(centre, drawn.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(spread, np.cov(drawn.T), atol=0.1, rtol=0.03)


def test_every_subject_has_a_curve_and_shares_that_sum_to_one():
    sums, _ = random_sums()
    curves, share = subject_curves(sums, random_parameters())
    assert curves.shape == (12, 4)
    np.testing.assert_allclose(share.sum(axis=1), 1.0)
    assert (share >= 0.0).all()


def test_a_subject_without_rows_has_the_curve_of_the_population():
    sums, _ = random_sums()
    nobody = sums.take(np.array([0]))
    empty = type(nobody)(**{n: 0.0 * getattr(nobody, n) for n in nobody.__slots__})
    parameters = random_parameters(sure=True)
    curves, _ = subject_curves(empty, parameters)
    np.testing.assert_allclose(curves[0], population_moments(parameters)[0], rtol=1e-6)


def test_least_squares_takes_the_shortest_of_many_and_counts_what_it_spent():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    found, variance = least_squares(x, y)
    left = y - x @ found
    np.testing.assert_allclose(x.T @ left, 0.0, atol=1e-12)
    assert variance == pytest.approx(left @ left / 18)
    twice, same = least_squares(np.column_stack([x, x[:, 0]]), y)
    assert twice[0] == pytest.approx(twice[2])
    assert same == pytest.approx(variance)
    assert least_squares(x, x[:, 0])[1] > 0.0


def test_a_trace_without_sweeps_has_its_columns():
    frame = trace_frame([])
    assert list(frame.columns) == ["start", "bound", "gain", "sigma2", "n_paths"]
    assert frame.index.name == "iteration"
