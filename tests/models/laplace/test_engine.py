"""Generalised mixed models in the user's basis, whatever the columns' units."""

import numpy as np
import pytest
import statsmodels.api as sm

from flexcv.models.laplace.engine import estimate_generalized, laplace_problem

from .small_fits import rows_of


def test_units_of_a_column_scale_its_effect_alone():
    plain, scaled = (
        estimate_generalized(rows_of(random="(x | g)", scale=scale))
        for scale in (1.0, 1e4)
    )
    assert scaled.loglik == pytest.approx(plain.loglik, abs=1e-7)
    np.testing.assert_allclose(scaled.beta * [1.0, 1e4], plain.beta, rtol=1e-5)
    errors = [np.sqrt(np.diag(fit.beta_cov)) for fit in (plain, scaled)]
    np.testing.assert_allclose(errors[1] * [1.0, 1e4], errors[0], rtol=1e-4)
    units = np.array([1.0, 1e-4])
    wanted = plain.covariances[0] * np.outer(units, units)
    np.testing.assert_allclose(scaled.covariances[0], wanted, rtol=1e-3)
    np.testing.assert_allclose(
        scaled.effects[0] * [1.0, 1e4], plain.effects[0], atol=1e-4
    )


def test_without_groups_it_is_the_generalised_linear_model():
    rows = rows_of(random="")
    found = estimate_generalized(rows)
    glm = sm.GLM(rows.y, np.column_stack(rows.fixed), sm.families.Poisson()).fit()
    np.testing.assert_allclose(found.beta, glm.params, rtol=1e-6)
    assert found.loglik == pytest.approx(glm.llf)
    np.testing.assert_allclose(np.sqrt(np.diag(found.beta_cov)), glm.bse, rtol=1e-4)


def test_a_start_of_other_columns_is_left_alone_and_one_of_its_own_is_taken():
    rows = rows_of()
    cold = estimate_generalized(rows)
    warm = estimate_generalized(rows, cold.fit.parameters)
    other = estimate_generalized(rows, np.ones(9))
    assert warm.fit.n_iter <= cold.fit.n_iter
    for fit in (warm, other):
        assert fit.loglik == pytest.approx(cold.loglik, abs=1e-8)


def test_rows_are_sorted_by_their_largest_factor():
    rows = rows_of()
    problem, _, order = laplace_problem(rows)
    assert (np.diff(rows.design.factors[0].codes[order]) >= 0).all()
    np.testing.assert_array_equal(problem.rows.group.y, rows.y[order])
