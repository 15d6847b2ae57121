"""-2 log-likelihood as a function of all parameters."""

import numpy as np
import pytest

from flexcv.models.laplace.engine import laplace_problem
from flexcv.models.laplace.problem import LOG_DISPERSIONS

from .small_fits import rows_of


def problem_of(name, random="(x | g)"):
    return laplace_problem(rows_of(name, random))[0]


def parameters_of(problem):
    theta = [0.7, 0.2, 0.4][: problem.n_theta]
    tail = [np.log(0.8)] if problem.has_dispersion else []
    return np.array([*theta, 0.3, 0.4, *tail])


@pytest.mark.parametrize("name", ["poisson", "gamma", "negative_binomial"])
def test_gradient_and_exact_hessian_are_derivatives(name):
    problem = problem_of(name)
    at, h = parameters_of(problem), 1e-5
    assert problem.n_parameters == len(at)
    gradient, hessian = problem.gradient(at)[1], problem.exact_hessian(at)
    for k, step in enumerate(h * np.eye(len(at))):
        ahead, behind = problem.objective(at + step), problem.objective(at - step)
        slope = (ahead[0] - behind[0]) / (2 * h)
        assert gradient[k] == pytest.approx(slope, abs=1e-4)
        bend = (ahead[1] - behind[1]) / (2 * h)
        np.testing.assert_allclose(hessian[k], bend, rtol=1e-3, atol=1e-2)


def test_parameters_stand_in_their_places():
    problem = problem_of("gamma")
    point = problem.point(parameters_of(problem))
    np.testing.assert_array_equal(point.factors[0], [[0.7, 0.0], [0.2, 0.4]])
    np.testing.assert_array_equal(point.beta, [0.3, 0.4])
    assert point.dispersion == pytest.approx(0.8)
    assert problem_of("poisson").point(np.zeros(5)).dispersion == 1.0


def test_a_dispersion_at_its_limit_has_no_slope():
    problem = problem_of("negative_binomial", "(1 | g)")
    at = parameters_of(problem)
    _, high = LOG_DISPERSIONS["negative_binomial"]
    assert not problem.at_limit(at)
    at[-1] = high + 1.0
    assert problem.at_limit(at)
    assert problem.gradient(at)[1][-1] == 0.0
    assert problem.point(at).dispersion == pytest.approx(np.exp(high))


def test_the_smallest_deviation_is_that_of_the_flattest_direction():
    problem = problem_of("poisson")
    at = np.array([1.0, 0.0, 0.3, 0.0, 0.0])
    assert problem.smallest(at) == pytest.approx(0.3)
    assert problem_of("poisson", "").smallest(np.zeros(2)) == np.inf


def test_evaluations_are_remembered():
    problem = problem_of("poisson")
    at = parameters_of(problem)
    value, _, hessian = problem.objective(at)
    assert problem.trace[-1][0] == value
    np.testing.assert_array_equal(problem.trace[-1][1], at)
    assert np.linalg.eigvalsh(hessian)[0] > 0.0
