"""Rows of one factor, and where the effects of its levels are most probable."""

import numpy as np
import pytest
from scipy.optimize import minimize

from flexcv.models.laplace.families import family_of
from flexcv.models.laplace.group_modes import (
    conditional_modes,
    group_rows,
    level_times,
)

FACTOR = np.array([[0.9, 0.0], [0.3, 0.6]])


def drawn(link="logit"):
    rng = np.random.default_rng(3)
    codes = rng.permutation(np.repeat(np.arange(4), [3, 5, 8, 2]))
    columns = np.vstack([np.ones(18), rng.normal(size=18)])
    y = rng.binomial(3, 0.4, 18) / 3
    family = family_of("binomial", link)
    return group_rows(family, y, codes, columns, np.full(18, 3.0)), rng.normal(size=18)


def test_sums_and_products_are_over_the_rows_of_a_level():
    rows, eta = drawn()
    codes, columns = rows.levels.codes, rows.columns
    effects = np.random.default_rng(0).normal(size=(2, 4))
    wanted = (columns * effects[:, codes]).sum(axis=0)
    np.testing.assert_allclose(rows.row_sum(effects), wanted)
    for level in range(4):
        own = columns[:, codes == level]
        values = eta[codes == level]
        np.testing.assert_allclose(rows.level_sums(eta)[:, level], own @ values)
        np.testing.assert_allclose(
            rows.products(eta)[:, :, level], (own * values) @ own.T
        )
    half = np.random.default_rng(1).normal(size=(2, 2, 4))
    square = half + half.transpose(1, 0, 2)
    form = np.einsum("an,abn,bn->n", columns, square[:, :, codes], columns)
    np.testing.assert_allclose(rows.quadratic(square), form)


def test_a_constant_column_is_multiplied_by_its_value():
    rows, eta = drawn()
    thrice = group_rows(rows.family, rows.y, rows.levels.codes, [np.full(18, 3.0)])
    assert thrice.flat == (3.0,)
    ones = group_rows(rows.family, rows.y, rows.levels.codes, [np.ones(18)])
    np.testing.assert_allclose(thrice.level_sums(eta), 3.0 * ones.level_sums(eta))


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_modes_are_the_most_probable_effects(link):
    rows, eta = drawn(link)
    at, found = conditional_modes(rows, eta, FACTOR)
    assert found

    def loss(flat):
        u = flat.reshape(2, 4)
        here = eta + rows.row_sum(FACTOR @ u)
        loglik = rows.family.kernel(rows.y, here, rows.weights, 1.0).loglik
        return -float(loglik.sum()) + 0.5 * float((u * u).sum())

    best = minimize(loss, np.zeros(8), tol=1e-12)
    np.testing.assert_allclose(at.u.ravel(), best.x, atol=1e-5)
    assert -float(at.value.sum()) == pytest.approx(best.fun, abs=1e-8)


def test_levels_of_one_class_have_a_mode_and_a_start_does_not_move_it():
    rows, eta = drawn()
    ones = group_rows(rows.family, np.ones(18), rows.levels.codes, rows.columns)
    at, found = conditional_modes(ones, eta, FACTOR)
    again, _ = conditional_modes(ones, eta, FACTOR, start=at.u + 3.0)
    assert found
    assert np.isfinite(at.u).all()
    np.testing.assert_allclose(again.u, at.u, atol=1e-7)


def test_matrices_and_vectors_are_multiplied_level_by_level():
    rng = np.random.default_rng(4)
    for q in (1, 3):
        matrices, vectors = rng.normal(size=(q, q, 5)), rng.normal(size=(q, 5))
        found = level_times(matrices, vectors)
        for level in range(5):
            wanted = matrices[:, :, level] @ vectors[:, level]
            np.testing.assert_allclose(found[:, level], wanted)
