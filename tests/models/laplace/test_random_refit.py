"""Variances of the groups for a prediction that is already known."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_random
from flexcv.models.design.terms import RandomTerm
from flexcv.models.laplace.engine import Rows, estimate_generalized
from flexcv.models.laplace.families import Binomial, Gamma, NegativeBinomial, Poisson
from flexcv.models.laplace.group_laplace import group_laplace, group_rows
from flexcv.models.laplace.random_refit import refit_random_part

N_LEVELS, EACH = 60, 12


def design_of(slopes=()):
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(N_LEVELS), EACH)
    table = pd.DataFrame({"g": g, "x": rng.normal(size=len(g))})
    _, design = learn_random(Columns(table), [RandomTerm("g", slopes)])
    return design, table["x"].to_numpy(), g, rng


def test_binary_groups_get_their_variance_back():
    design, x, g, rng = design_of()
    f = 1.5 * np.sin(2.0 * x)
    chance = Binomial().mean(f + 0.4 + rng.normal(size=N_LEVELS)[g])
    y = 1.0 * (rng.random(len(g)) < chance)
    part = refit_random_part(Binomial(), y, f, design, n_nodes=9)
    assert part.converged
    assert 0.7 < part.covariances[0][0, 0] < 1.5
    assert part.average[0][0] == pytest.approx(0.4, abs=0.4)
    rows = group_rows(Binomial(), y, g, [np.ones(len(y))])
    at = group_laplace(
        rows, f + part.average[0][0], np.sqrt(part.covariances[0]), n_nodes=9
    )
    assert at.loglik == pytest.approx(part.loglik)
    assert at.factor_gradient[0, 0] == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(part.effects[0], at.effects.T, atol=1e-6)
    np.testing.assert_allclose(part.conditional[0][:, 0, 0], at.covariance[0, 0])


@pytest.mark.parametrize("family", [Poisson(), NegativeBinomial(), Gamma(), Binomial()])
def test_nothing_nearby_is_more_likely(family):
    design, x, g, rng = design_of(("x",))
    f = 0.3 * x
    effects = rng.normal(size=(N_LEVELS, 2)) @ np.array([[0.6, 0.2], [0.0, 0.3]])
    mu = family.mean(f + 0.5 + effects[g, 0] + effects[g, 1] * x)
    if family.name == "gamma":
        y = rng.gamma(2.0, mu / 2.0)
    else:
        y = rng.poisson(mu) if family.name != "binomial" else rng.binomial(1, mu)
    part = refit_random_part(family, y.astype(float), f, design)
    rows = group_rows(family, y.astype(float), g, design.factors[0].columns)
    factor = np.linalg.cholesky(part.covariances[0] + 1e-12 * np.eye(2))
    eta = f + part.average_row_sum(design)

    def loglik(factor=factor, shift=0.0, dispersion=part.dispersion):
        return group_laplace(rows, eta + shift, factor, dispersion=dispersion).loglik

    assert loglik() == pytest.approx(part.loglik, abs=1e-4)
    for step in (-0.03, 0.03):
        assert loglik(factor=factor + step * np.tril(np.ones((2, 2)))) < part.loglik
        assert loglik(shift=step) < part.loglik
        assert loglik(shift=step * x) < part.loglik
        if family.name == "gamma":
            assert loglik(dispersion=part.dispersion * (1.0 + step)) < part.loglik


def test_without_average_the_prediction_is_left_alone():
    design, x, g, rng = design_of()
    y = rng.poisson(np.exp(0.3 * x + 0.5 * rng.normal(size=N_LEVELS)[g])) * 1.0
    part = refit_random_part(Poisson(), y, 0.3 * x, design, average=False)
    assert part.converged
    assert part.average[0][0] == 0.0
    np.testing.assert_array_equal(part.average_row_sum(design), 0.0)


def test_groups_that_do_not_differ_have_no_variance():
    design, _x, g, _ = design_of()
    y = np.tile([0.0, 1.0, 2.0], len(g) // 3)
    part = refit_random_part(Poisson(), y, np.zeros(len(y)), design)
    assert part.converged
    assert part.singular
    assert part.covariances[0][0, 0] == pytest.approx(0.0, abs=1e-8)


def test_a_variance_of_zero_is_left_where_groups_differ():
    design, _x, g, rng = design_of()
    y = rng.poisson(np.exp(rng.normal(size=N_LEVELS)[g])) * 1.0
    offset = np.zeros(len(y))
    ones = np.ones(len(y))
    rows = Rows(Poisson(), y, ones, offset, [ones], design, ones)
    best = estimate_generalized(rows)
    stuck = estimate_generalized(rows, start=np.array([0.0, 0.5]))
    assert stuck.loglik == pytest.approx(best.loglik, abs=1e-7)
    assert stuck.factors[0][0, 0] > 0.5


def test_a_warm_start_takes_fewer_steps():
    design, x, g, rng = design_of(("x",))
    y = rng.poisson(np.exp(rng.normal(size=N_LEVELS)[g])) * 1.0
    cold = refit_random_part(Poisson(), y, 0.1 * x, design)
    warm = refit_random_part(
        Poisson(), y, 0.1 * x, design, start=cold.estimate.fit.parameters
    )
    assert warm.loglik == pytest.approx(cold.loglik, abs=1e-7)
    assert warm.estimate.fit.n_iter < cold.estimate.fit.n_iter


def test_a_start_from_other_columns_is_left_alone():
    design, x, _, rng = design_of()
    y = rng.poisson(np.exp(0.3 * x)).astype(float)
    ones, nothing = np.ones(len(y)), np.zeros(len(y))

    def fitted(columns, start=None):
        rows = Rows(Poisson(), y, ones, nothing, columns, design, ones)
        return estimate_generalized(rows, start)

    wide, narrow = fitted([ones, x]), fitted([ones, 2.0 * ones])
    again = fitted([ones, 2.0 * ones], wide.fit.parameters)
    assert again.loglik == pytest.approx(narrow.loglik)
