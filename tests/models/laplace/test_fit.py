"""Where the search for a generalised mixed model ends."""

import numpy as np
import pytest

from flexcv.models.laplace.engine import laplace_problem
from flexcv.models.laplace.fit import first_guess, fit_laplace, scoring_start

from .small_fits import rows_of


def fitted(**options):
    rows = rows_of(**options)
    problem, _, order = laplace_problem(rows)
    start = first_guess(problem, rows.y[order], rows.weights[order])
    return problem, start, fit_laplace(problem, start)


@pytest.mark.parametrize("name", ["poisson", "gamma", "negative_binomial"])
def test_it_ends_at_a_minimum_below_its_start(name):
    problem, start, fit = fitted(name=name)
    assert fit.converged
    assert not fit.singular
    assert not fit.unbounded
    value, gradient, _ = problem.objective(fit.parameters)
    assert value == pytest.approx(fit.criterion, abs=1e-8)
    assert value < problem.objective(start)[0]
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)
    np.testing.assert_allclose(
        fit.covariance, 2.0 * np.linalg.inv(fit.hessian), rtol=1e-6, atol=1e-12
    )


def test_without_effects_a_variance_is_zero():
    singular = [fitted(spread=0.0, seed=seed)[2] for seed in range(6)]
    zeros = [fit for fit in singular if fit.singular]
    assert len(zeros) >= 2
    assert all(abs(fit.point.factors[0][0, 0]) < 1e-6 for fit in zeros)
    assert all(fit.converged for fit in zeros)


def test_scoring_climbs_to_the_generalised_linear_model():
    rows = rows_of(random="")
    problem, _, order = laplace_problem(rows)
    beta = scoring_start(problem, rows.y[order], rows.weights[order])
    _, gradient, hessian = problem.objective(beta)
    assert gradient @ np.linalg.solve(hessian, gradient) < 1.0


def test_few_evaluations_are_no_convergence_to_be_sure_of():
    rows = rows_of(name="negative_binomial", random="(x | g)")
    problem, _, order = laplace_problem(rows)
    start = first_guess(problem, rows.y[order], rows.weights[order]) + 3.0
    full = fit_laplace(problem, start)
    short = fit_laplace(laplace_problem(rows)[0], start, max_iterations=1)
    assert short.criterion >= full.criterion - 1e-6
