"""Rows of one factor, or of none, as a fit evaluates them."""

import numpy as np
import pytest

from flexcv.models.laplace.engine import laplace_problem
from flexcv.models.laplace.one_factor import NoFactor, OneFactor

from .small_fits import rows_of

FACTOR = np.array([[0.7, 0.0], [0.2, 0.4]])


def evaluated(move=0.0):
    problem = laplace_problem(rows_of(random="(x | g)"))[0]
    eta = 0.3 + move * np.sin(np.arange(120.0))
    return problem.rows, eta, problem.rows.evaluate(eta, (FACTOR,), 1.0, None)


def test_products_of_lines_are_weighed_by_the_inverse_covariance():
    rows, _, at = evaluated()
    assert isinstance(rows, OneFactor)
    indicator = np.eye(15)[rows.group.levels.codes]
    z = np.hstack([indicator * c[:, None] for c in FACTOR.T @ rows.group.columns])
    w = at.information
    inner = np.linalg.inv(np.eye(30) + z.T @ (w[:, None] * z))
    inverse = np.diag(w) - (w[:, None] * z) @ inner @ (z * w[:, None]).T
    lines = np.random.default_rng(0).normal(size=(3, 120))
    np.testing.assert_allclose(at.gram(lines), lines @ inverse @ lines.T, rtol=1e-8)


def test_modes_move_to_first_order_where_they_are_sent():
    rows, eta, at = evaluated()
    near = FACTOR + 1e-4 * np.array([[1.0, 0.0], [-2.0, 1.0]])
    change = 1e-4 * np.cos(np.arange(120.0))
    (sent,) = rows.moved_modes(at, (FACTOR,), (near,), change)
    (there,) = rows.evaluate(eta + change, (near,), 1.0, None).modes
    stayed = np.abs(at.modes[0] - there).max()
    assert np.abs(sent - there).max() < 0.01 * stayed


def test_a_factor_without_an_inverse_sends_modes_nowhere():
    rows, _, at = evaluated()
    flat = np.array([[0.7, 0.0], [0.2, 0.0]])
    assert rows.moved_modes(at, (FACTOR,), (flat,), np.zeros(120)) is at.modes


@pytest.mark.parametrize("name", ["poisson", "gamma", "negative_binomial"])
def test_rows_without_a_factor_are_independent(name):
    rows = laplace_problem(rows_of(name, random=""))[0].rows
    assert isinstance(rows, NoFactor)
    eta = np.linspace(-0.5, 0.5, 120)
    at = rows.evaluate(eta, (), 0.8, None)
    terms = rows.family.terms(rows.y, eta, rows.weights, 0.8)
    assert at.loglik == pytest.approx(terms.loglik.sum())
    np.testing.assert_allclose(at.eta_gradient, terms.score)
    lines = np.random.default_rng(0).normal(size=(2, 120))
    wanted = lines @ np.diag(terms.information) @ lines.T
    np.testing.assert_allclose(at.gram(lines), wanted)
    h = 1e-5
    ahead, behind = (
        rows.evaluate(eta, (), 0.8 * np.exp(s * h), None).loglik for s in (1, -1)
    )
    if rows.family.has_dispersion:
        slope = (ahead - behind) / (2 * h)
        assert at.dispersion_gradient == pytest.approx(slope, abs=1e-4)
    with pytest.raises(IndexError, match="there is no grouping factor 0"):
        rows.row_sum(0, np.zeros((1, 1)))
