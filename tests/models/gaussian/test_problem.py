"""The criterion as a function of theta: chains, second derivatives, rounding."""

import numpy as np
import pytest

from flexcv.models.gaussian.covariance import covariance_shape
from flexcv.models.gaussian.problem import Problem
from flexcv.models.gaussian.rows import sums_and_basis

from .several_factors import rows_of


def problem_of(random="(x | a) + (1 | b)"):
    columns, design, y, ones = rows_of(random)
    sums, _ = sums_and_basis(columns, design, y, None, ones)
    shapes = tuple(covariance_shape(factor.blocks) for factor in design.factors)
    return Problem(sums, shapes, True)


def test_it_starts_with_equal_deviations_and_without_correlation():
    problem = problem_of()
    first, second = problem.factors(problem.start())
    np.testing.assert_array_equal(first, first[0, 0] * np.eye(2))
    assert second[0, 0] == first[0, 0] > 0.5
    assert problem.smallest(problem.start()) == pytest.approx(first[0, 0])


def test_the_chain_is_the_derivative_of_every_d():
    problem, h = problem_of(), 1e-6
    theta = np.array([0.9, -0.3, 0.5, 0.7])

    def entries(at):
        return np.concatenate([(f @ f.T).ravel() for f in problem.factors(at)])

    chain = problem.chain(problem.factors(theta))
    for k, step in enumerate(h * np.eye(4)):
        moved = (entries(theta + step) - entries(theta - step)) / (2 * h)
        np.testing.assert_allclose(chain[k], moved, atol=1e-8)


def test_the_last_evaluation_is_kept_and_no_other():
    problem = problem_of()
    theta = problem.start()
    at = problem.at(theta)
    assert problem.at(theta.copy()) is at
    problem.at(theta + 0.1)
    assert problem.at(theta) is not at


def test_an_exact_hessian_is_that_of_the_objective():
    problem = problem_of()
    theta = problem.start() + 0.1
    assert problem.exact
    np.testing.assert_array_equal(
        problem.exact_hessian(theta), problem.objective(theta)[2]
    )


class Indefinite:
    """Sums whose rounding has taken over."""

    is_exact = True

    def profile(self, factors, *, reml, precision=None):
        raise np.linalg.LinAlgError


def test_a_theta_that_rounding_spoils_is_infinitely_bad():
    problem = Problem(Indefinite(), (covariance_shape((2,)),), True)
    value, gradient, hessian = problem.objective(np.ones(3))
    assert value == np.inf
    np.testing.assert_array_equal(gradient, np.zeros(3))
    np.testing.assert_array_equal(hessian, np.eye(3))


def test_rounding_grows_with_theta_where_two_effects_stand_beside_each_other():
    problem = problem_of()
    near, far = (problem.rounding(size * problem.start()) for size in (1.0, 1e4))
    assert near < 1e-9 < far


def far_problem():
    columns, design, y, ones = rows_of("(x | a)")
    rows = columns, design, 1e5 + y, None, ones
    sums, _ = sums_and_basis(*rows, exact=True)
    return Problem(sums, (covariance_shape((2,)),), True)


def test_rounding_of_one_factor_goes_with_the_square_of_theta():
    problem, theta = far_problem(), np.array([900.0, 300.0, 0.7])
    once, twice = problem.rounding(theta), problem.rounding(2.0 * theta)
    assert twice == pytest.approx(4.0 * once)


def test_second_derivatives_of_one_factor_keep_their_digits_far_out():
    problem, theta = far_problem(), np.array([8.5e4, 1.2e4, 0.75])
    size = np.maximum(theta, 1.0)
    hessian = problem.objective(theta)[2] * np.outer(size, size)
    for k, step in enumerate(0.01 * np.diag(size)):
        ahead, behind = problem.objective(theta + step), problem.objective(theta - step)
        bend = (ahead[1] - behind[1]) / 0.02 * size
        np.testing.assert_allclose(hessian[k], bend, atol=0.05, rtol=0.01)
