"""Several factors in one dense matrix: the definition, from sums and from rows."""

import numpy as np
import pytest

from flexcv.models.gaussian.covariance import covariance_shape
from flexcv.models.gaussian.few_levels import profile_dense
from flexcv.models.gaussian.problem import Problem
from flexcv.models.gaussian.rows import sums_and_basis

from .several_factors import criterion_by_definition, rows_of, z_of

RANDOM = ["(1 | a) + (1 | b)", "(x | a) + (1 | b)", "(1 | b/a)"]


def problem_of(random, *, reml, exact):
    columns, design, y, ones = rows_of(random)
    sums, basis = sums_and_basis(columns, design, y, None, ones, exact=exact)
    shapes = tuple(covariance_shape(factor.blocks) for factor in design.factors)
    return Problem(sums, shapes, reml), basis, (columns, design, y)


def theta_of(problem):
    start = problem.start()
    return start + np.linspace(-0.4, 0.5, len(start))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("random", RANDOM)
def test_the_criterion_is_that_of_the_definition(random, reml, exact):
    problem, basis, (columns, design, y) = problem_of(random, reml=reml, exact=exact)
    factors = problem.factors(theta_of(problem))
    users = [c @ f @ f.T @ c.T for f, c in zip(factors, basis.random, strict=True)]
    d = np.zeros((0, 0))
    for own, factor in zip(users, design.factors, strict=True):
        block = np.kron(own, np.eye(factor.n_levels))
        gap = np.zeros((len(d), len(block)))
        d = np.block([[d, gap], [gap.T, block]])
    x = np.column_stack(columns)
    wanted = criterion_by_definition(x, z_of(design), y, d, reml=reml)
    at = problem.profile(factors)
    found = at.value + 2.0 * at.free * np.log(basis.target_scale)
    found -= 2.0 * reml * np.log(basis.fixed.diagonal()).sum()
    assert found == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("random", RANDOM)
def test_gradient_and_hessian_are_derivatives(random, exact):
    problem, _, _ = problem_of(random, reml=True, exact=exact)
    theta, h = theta_of(problem), 1e-5
    _, gradient, hessian = problem.objective(theta)
    for k, step in enumerate(h * np.eye(len(theta))):
        ahead, behind = problem.objective(theta + step), problem.objective(theta - step)
        slope = (ahead[0] - behind[0]) / (2 * h)
        assert gradient[k] == pytest.approx(slope, abs=1e-5)
        bend = (ahead[1] - behind[1]) / (2 * h)
        np.testing.assert_allclose(hessian[k], bend, atol=1e-5)


def test_rows_keep_the_digits_that_sums_lose_beside_a_huge_variance():
    for exact, tolerance in ((True, 1e-6), (False, np.inf)):
        problem, _, _ = problem_of(RANDOM[0], reml=False, exact=exact)
        near, far = (
            problem.profile([np.array([[size]]), np.array([[0.5]])]).value
            for size in (1e5, 1e7)
        )
        grown = 2.0 * problem.sizes[0][1] * np.log(100.0)
        assert abs(far - near - grown) < tolerance


def far_problem(shift):
    """Nested slopes around a mean of 1e5, with fixed effects known but for a shift."""
    columns, design, y, ones = rows_of("(x | b/a)")
    x = columns[1]
    rows = [x], design, 1e5 + y, None, ones
    sums, basis = sums_and_basis(*rows, exact=True, known=np.array([shift]))
    shapes = tuple(covariance_shape(factor.blocks) for factor in design.factors)
    return Problem(sums, shapes, False), 2.0 * sums.n_rows * np.log(basis.target_scale)


FAR = np.array([0.06, -0.24, 0.1, 8.5e4, 1.2e4, 0.75])


def test_fixed_effects_far_from_those_taken_out_cost_no_digits():
    (near, scale), (far, other_scale) = far_problem(0.0), far_problem(-1.5e4)
    (value, gradient, _), (other, slope, _) = near.objective(FAR), far.objective(FAR)
    assert other + other_scale == pytest.approx(value + scale, abs=1e-7)
    size = np.maximum(np.abs(FAR), 1.0)
    np.testing.assert_allclose(size * slope, size * gradient, atol=1e-4)


def test_second_derivatives_keep_their_digits_beside_a_huge_variance():
    (problem, _), size = far_problem(0.0), np.maximum(np.abs(FAR), 1.0)
    hessian = problem.objective(FAR)[2] * np.outer(size, size)
    for k, step in enumerate(0.01 * np.diag(size)):
        ahead, behind = problem.objective(FAR + step), problem.objective(FAR - step)
        bend = (ahead[1] - behind[1]) / 0.02 * size
        np.testing.assert_allclose(hessian[k], bend, atol=0.05, rtol=0.01)


def test_a_kept_precision_is_no_maximum():
    problem, _, _ = problem_of(RANDOM[0], reml=False, exact=False)
    factors = problem.factors(theta_of(problem))
    at = problem.profile(factors)
    best = at.free / at.r2
    kept = profile_dense(problem.sums, factors, reml=False, precision=best)
    assert kept.value == pytest.approx(at.value, abs=1e-9)
    worse = profile_dense(problem.sums, factors, reml=False, precision=1.3 * best)
    gain = at.free * (1.3 - 1.0 - np.log(1.3))
    assert worse.value - at.value == pytest.approx(gain, abs=1e-8)


def test_moments_and_each_factor_alone_are_sums_over_rows():
    problem, _, _ = problem_of(RANDOM[1], reml=False, exact=False)
    moments = problem.sums.moments_by_factor()
    np.testing.assert_allclose(moments[0], 90.0 * np.eye(2), atol=1e-9)
    alone = problem.sums.alone()
    assert [one.sizes for one in alone] == [((2, 9),), ((1, 5),)]
    for one, own in zip(alone, moments, strict=True):
        np.testing.assert_allclose(one.moments_by_factor()[0], own, atol=1e-9)


def test_turned_columns_are_other_columns_of_the_same_rows():
    problem, _, _ = problem_of(RANDOM[0], reml=False, exact=True)
    turn = np.eye(3)
    turn[0, 2] = 0.7  # the target plus a fixed column: only beta moves
    factors = problem.factors(theta_of(problem))
    here = problem.profile(factors)
    there = profile_dense(problem.sums.turned(turn), factors, reml=False)
    assert there.value == pytest.approx(here.value, abs=1e-9)
    np.testing.assert_allclose(there.beta - here.beta, [0.7, 0.0], atol=1e-9)
