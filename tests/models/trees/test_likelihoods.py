import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from flexcv.models.design.columns import Columns, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.gaussian.conditional import sparse_design
from flexcv.models.gaussian.residual_effects import distinct_columns
from flexcv.models.laplace.families import family_of
from flexcv.models.trees.laplace_likelihood import LaplaceLikelihood
from flexcv.models.trees.likelihoods import NormalLikelihood, leaf_values


def random_columns(notation, n=60, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "g": rng.integers(0, 8, n),
            "h": rng.integers(0, 5, n),
        }
    )
    source = Columns(table)
    _, design = learn_random(source, random_terms(random=notation))
    return distinct_columns(design, source.ones), rng


def differences(function, at, rows, step=1e-5):
    """Central differences in some entries."""
    found = []
    for row in rows:
        moved = np.zeros_like(at)
        moved[row] = step
        found.append((function(at + moved) - function(at - moved)) / (2 * step))
    return np.array(found)


def test_the_gradient_is_that_of_the_normal_density():
    random, rng = random_columns("(1 + x | g)")
    y, fitted = rng.normal(size=60), rng.normal(size=60)
    likelihood = NormalLikelihood(random, y)
    state = likelihood.solve(fitted, None)
    pull = likelihood.member(np.arange(60), state).pull(fitted)
    z = sparse_design(random.design).toarray()
    D = np.kron(np.eye(8), state.covariances[0])
    V = z @ D @ z.T + state.sigma2 * np.eye(60)

    def loglik(f):
        return multivariate_normal.logpdf(y, f, V)

    numeric = differences(loglik, fitted, range(5))
    np.testing.assert_allclose(pull.gradient[:5] / state.sigma2, numeric, rtol=1e-5)


def test_leaf_values_are_generalised_least_squares():
    random, rng = random_columns("(1 | g)")
    y = rng.normal(size=60) + random.design.factors[0].codes
    likelihood = NormalLikelihood(random, y)
    state = likelihood.solve(np.zeros(60), None)
    pull = likelihood.member(np.arange(60), state).pull(np.zeros(60))
    leaves = rng.integers(0, 3, 60)
    z = sparse_design(random.design).toarray()
    V = state.covariances[0][0, 0] * z @ z.T + state.sigma2 * np.eye(60)
    H = (leaves[:, None] == np.arange(3)).astype(float)
    expected = np.linalg.solve(H.T @ np.linalg.solve(V, H), H.T @ np.linalg.solve(V, y))
    np.testing.assert_allclose(leaf_values(pull, leaves, 3, 0.0), expected, rtol=1e-5)


def test_a_penalty_shrinks_leaf_values():
    random, rng = random_columns("(1 | g)")
    y = 1.0 + rng.normal(size=60)
    likelihood = NormalLikelihood(random, y)
    pull = likelihood.member(np.arange(60), likelihood.solve(np.zeros(60), None)).pull(
        np.zeros(60)
    )
    leaves = np.zeros(60, dtype=int)
    sizes = [abs(leaf_values(pull, leaves, 1, l2)[0]) for l2 in (0.0, 10.0, 1000.0)]
    assert sizes[0] > sizes[1] > sizes[2] > 0.0


def test_a_gradient_step_is_the_mean_of_the_gradient():
    random, rng = random_columns("(1 | g)")
    y = rng.normal(size=60)
    likelihood = NormalLikelihood(random, y)
    pull = likelihood.member(np.arange(60), likelihood.solve(np.zeros(60), None)).pull(
        np.zeros(60)
    )
    leaves = rng.integers(0, 2, 60)
    found = leaf_values(pull, leaves, 2, 0.0, newton=False)
    expected = [pull.gradient[leaves == leaf].mean() for leaf in (0, 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_trees_reckon_with_the_noise_and_not_with_their_own_error():
    random, rng = random_columns("(1 | g)", n=400)
    noise, error = rng.normal(size=400), 1.5 * rng.normal(size=400)
    effects = rng.normal(size=8)[random.design.factors[0].codes]
    likelihood = NormalLikelihood(random, effects + noise)
    state = likelihood.solve(error, None)
    found = likelihood.for_trees(state, 0.5 * noise, error)
    assert state.sigma2 > 2.5
    assert 0.3 < found.sigma2 < 0.7
    assert found.covariances is state.covariances


def test_trees_reckon_with_some_noise_whatever_the_residuals_say():
    random, rng = random_columns("(1 | g)")
    y = rng.normal(size=60)
    likelihood = NormalLikelihood(random, y)
    state = likelihood.solve(np.zeros(60), None)
    found = likelihood.for_trees(state, y, np.zeros(60))
    assert found.sigma2 == pytest.approx(0.1 * state.sigma2)


def test_without_effects_the_likelihood_is_that_of_independent_rows():
    random = distinct_columns(
        random_columns("(1 | g)")[0].design.__class__((), 60), 1.0
    )
    y = np.random.default_rng(0).normal(size=60)
    state = NormalLikelihood(random, y).solve(np.zeros(60), None)
    assert state.sigma2 == pytest.approx(np.mean(y**2))
    density = multivariate_normal.logpdf(y, np.zeros(60), state.sigma2 * np.eye(60))
    assert state.loglik == pytest.approx(density)


TARGETS = {
    "binomial": lambda rng, eta: (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))) * 1.0,
    "poisson": lambda rng, eta: rng.poisson(np.exp(eta)).astype(float),
    "gamma": lambda rng, eta: np.exp(eta) * rng.gamma(2.0, 0.5, len(eta)),
}


@pytest.mark.parametrize("family", TARGETS)
@pytest.mark.parametrize("notation", ["(1 | g)", "(1 + x | g)", "(1 | g) + (1 | h)"])
def test_the_gradient_is_that_of_laplaces_approximation(family, notation):
    random, rng = random_columns(notation)
    fitted = rng.normal(size=60)
    effects = rng.normal(size=8)[random.design.factors[0].codes]
    y = TARGETS[family](rng, fitted + effects)
    likelihood = LaplaceLikelihood(family_of(family), random, y)
    state = likelihood.solve(fitted, None)
    member = likelihood.member(np.arange(60), state)

    def loglik(f):
        return member.rows.evaluate(f, member.factors, member.dispersion, None).loglik

    numeric = differences(loglik, fitted, range(4), 1e-4)
    np.testing.assert_allclose(member.pull(fitted).gradient[:4], numeric, atol=1e-5)


@pytest.mark.parametrize("notation", ["(1 | g)", "(1 + x | g)", "(1 | g) + (1 | h)"])
def test_a_newton_step_in_leaves_raises_laplaces_likelihood(notation):
    random, rng = random_columns(notation, n=200)
    leaves = rng.integers(0, 4, 200)
    y = TARGETS["binomial"](rng, np.array([-2.0, -1.0, 1.0, 2.0])[leaves])
    likelihood = LaplaceLikelihood(family_of("binomial"), random, y)
    state = likelihood.solve(np.zeros(200), None)
    member = likelihood.member(np.arange(200), state)
    fitted, values = np.zeros(200), []
    for _ in range(6):
        at = member.rows.evaluate(fitted, member.factors, 1.0, None)
        values.append(at.loglik)
        fitted = fitted + leaf_values(member.pull(fitted), leaves, 4, 0.0)[leaves]
    assert np.all(np.diff(values[:4]) > 0.0)
    assert values[-1] - values[-2] < 1e-3


@pytest.mark.parametrize("family", TARGETS)
def test_boosting_begins_at_the_mean(family):
    random, rng = random_columns("(1 | g)")
    y = TARGETS[family](rng, rng.normal(size=60))
    likelihood = LaplaceLikelihood(family_of(family), random, y)
    start = likelihood.start(np.arange(60))
    assert family_of(family).mean(np.array([start]))[0] == pytest.approx(y.mean())


def test_a_fold_of_one_class_begins_at_a_finite_value():
    random, _ = random_columns("(1 | g)")
    likelihood = LaplaceLikelihood(family_of("binomial"), random, np.ones(60))
    assert np.isfinite(likelihood.start(np.arange(60)))
