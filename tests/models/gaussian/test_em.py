import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.models.gaussian.em import (
    design_products,
    em_step,
    generalised_loss,
    posterior,
    residual_loss,
    residual_sums,
)


def drawn(seed, n_rows=60, n_levels=7, q=2):
    """Residuals with effects of q columns, codes and the columns."""
    rng = np.random.default_rng(seed)
    codes = np.append(np.arange(n_levels), rng.integers(0, n_levels, n_rows - n_levels))
    columns = [np.ones(n_rows), *rng.normal(size=(q - 1, n_rows))]
    effects = rng.normal(size=(n_levels, q))
    residuals = (np.stack(columns, 1) * effects[codes]).sum(1) + rng.normal(size=n_rows)
    return residuals, codes, columns


def sums_of(residuals, codes, columns):
    products = design_products(columns, codes, codes.max() + 1)
    return residual_sums(products, columns, codes, residuals)


def spd(q, seed=0):
    root = np.random.default_rng(seed).normal(size=(q, q))
    return root @ root.T + 0.1 * np.eye(q)


def dense_covariance(codes, columns, sigma2, covariance):
    """V of all rows, written down in full."""
    z = np.stack(columns, 1)
    same = codes[:, None] == codes
    return same * (z @ covariance @ z.T) + sigma2 * np.eye(len(codes))


@pytest.mark.parametrize("q", [1, 2, 3, 4])
def test_posterior_equals_the_formulas_with_matrices_of_rows(q):
    residuals, codes, columns = drawn(1, q=q)
    sigma2, covariance = 0.7, spd(q)
    found = posterior(sums_of(residuals, codes, columns), sigma2, covariance)
    inverse = np.linalg.inv(dense_covariance(codes, columns, sigma2, covariance))
    z = np.stack(columns, 1)
    for level in range(codes.max() + 1):
        own = z * (codes == level)[:, None]
        expected = covariance @ own.T @ inverse @ residuals
        np.testing.assert_allclose(found.effects[:, level], expected, atol=1e-11)
        shrunk = covariance - covariance @ own.T @ inverse @ own @ covariance
        np.testing.assert_allclose(found.covariance[:, :, level], shrunk, atol=1e-11)


@pytest.mark.parametrize("q", [1, 2, 3])
def test_loglik_is_the_normal_density_of_all_rows(q):
    residuals, codes, columns = drawn(2, q=q)
    v = dense_covariance(codes, columns, 0.7, spd(q))
    expected = -0.5 * (
        len(residuals) * np.log(2 * np.pi)
        + np.linalg.slogdet(v)[1]
        + residuals @ np.linalg.solve(v, residuals)
    )
    found = posterior(sums_of(residuals, codes, columns), 0.7, spd(q)).loglik
    assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_no_step_lowers_the_likelihood(seed, q):
    sums = sums_of(*drawn(seed, q=q))
    sigma2, covariance = 1.0, np.eye(q)
    before = posterior(sums, sigma2, covariance).loglik
    for _ in range(5):
        sigma2, covariance, _ = em_step(sums, sigma2, covariance)
        after = posterior(sums, sigma2, covariance).loglik
        assert after >= before - 1e-9
        before = after


def test_a_step_stays_where_the_likelihood_is_largest():
    sums = sums_of(*drawn(3, n_rows=200, n_levels=20))
    sigma2, covariance = 1.0, np.eye(2)
    for _ in range(3000):
        sigma2, covariance, _ = em_step(sums, sigma2, covariance)
    step = em_step(sums, sigma2, covariance)
    assert step.sigma2 == pytest.approx(sigma2, rel=1e-8)
    np.testing.assert_allclose(step.covariance, covariance, rtol=1e-6)


def test_blocks_keep_their_effects_uncorrelated():
    step = em_step(sums_of(*drawn(4)), 1.0, np.eye(2), blocks=(1, 1))
    assert step.covariance[0, 1] == 0.0


def test_a_variance_of_zero_stays_zero():
    covariance = np.diag([1.0, 0.0])
    step = em_step(sums_of(*drawn(5)), 1.0, covariance)
    assert (step.effects[:, 1] == 0.0).all()
    assert step.covariance[1, 1] == pytest.approx(0.0, abs=1e-15)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_relabelling_the_levels_relabels_the_effects(seed):
    residuals, codes, columns = drawn(seed)
    order = np.random.default_rng(seed).permutation(codes.max() + 1)
    one = em_step(sums_of(residuals, codes, columns), 1.0, np.eye(2))
    other = em_step(sums_of(residuals, order[codes], columns), 1.0, np.eye(2))
    assert other.sigma2 == pytest.approx(one.sigma2, rel=1e-12)
    np.testing.assert_allclose(other.effects[order], one.effects, atol=1e-12)


def test_the_residual_loss_is_the_sum_over_rows():
    residuals, codes, columns = drawn(6)
    effects = np.random.default_rng(0).normal(size=(2, codes.max() + 1))
    left = residuals - (np.stack(columns) * effects[:, codes]).sum(axis=0)
    found = residual_loss(sums_of(residuals, codes, columns), effects)
    assert found == pytest.approx(left @ left, rel=1e-12)


def test_the_generalised_loss_is_its_formula_row_by_row():
    residuals, codes, columns = drawn(7)
    sums, covariance, sigma2 = sums_of(residuals, codes, columns), spd(2), 0.5
    effects = posterior(sums, sigma2, covariance).effects
    expected = residual_loss(sums, effects) / sigma2 + len(residuals) * np.log(sigma2)
    for b in effects.T:
        expected += (
            b @ np.linalg.solve(covariance, b) + np.linalg.slogdet(covariance)[1]
        )
    loss = residual_loss(sums, effects)
    found = generalised_loss(loss, len(residuals), sigma2, [covariance], [effects.T])
    assert found == pytest.approx(expected, rel=1e-12)


def test_no_array_is_as_long_as_rows_squared_or_groups_squared():
    codes = np.repeat(np.arange(10_000), 10)
    columns = [np.ones(100_000), np.linspace(0.0, 1.0, 100_000)]
    sums = sums_of(np.ones(100_000), codes, columns)
    assert sums.cross.size == 2 * 3 * 10_000
