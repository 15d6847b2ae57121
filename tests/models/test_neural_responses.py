"""What a network learns from is one likelihood, whatever the batches."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_random
from flexcv.models.design.terms import RandomTerm
from flexcv.models.gaussian.conditional import unknown_variances
from flexcv.models.gaussian.residual_effects import distinct_columns
from flexcv.models.laplace.families import Binomial, Poisson
from flexcv.models.networks.gaussian import GaussianResponse
from flexcv.models.networks.generalized import GeneralizedResponse
from flexcv.models.networks.rows import LooseRows, make_batches

NOTHING = np.zeros(0, dtype=np.intp)


def columns(slopes=(), n_groups=12, n_rows=120):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"g": rng.integers(0, n_groups, n_rows), "x": rng.normal(size=n_rows)}
    )
    source = Columns(table)
    _, design = learn_random(source, [RandomTerm("g", slopes)])
    random = distinct_columns(design, source.ones)
    effects = rng.normal(size=(n_groups, 2))[table["g"]]
    eta = effects[:, 0] + (effects[:, 1] * table["x"] if slopes else 0.0)
    return random, np.asarray(eta), rng


def response(kind, slopes=(), apart=NOTHING, whole=False):
    random, eta, rng = columns(slopes)
    kept = np.setdiff1d(np.arange(len(eta)), apart)
    batches = make_batches(random.design.factors, kept, 20)
    rows = (random, kept, apart, whole, batches)
    if kind == "gaussian":
        return GaussianResponse(eta + rng.normal(size=len(eta)), *rows, 1.0)
    if kind == "poisson":
        return GeneralizedResponse(Poisson(), rng.poisson(np.exp(eta)) * 1.0, *rows, 0)
    chance = 1.0 / (1.0 + np.exp(-eta))
    y = (rng.uniform(size=len(eta)) < chance).astype(float)
    return GeneralizedResponse(Binomial(), y, *rows, 0.3)


KINDS = ["gaussian", "poisson", "binomial"]


@pytest.mark.parametrize("slopes", [(), ("x",)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_losses_of_an_epoch_add_up_to_the_likelihood(kind, slopes):
    made = response(kind, slopes)
    fitted = 0.2 * np.sin(np.arange(120.0))
    state = made.refitted(fitted, made.start())
    loss = made.batch_loss(state)
    batches = list(made.batches.epoch(np.random.default_rng(1)))
    total = sum(loss(fitted[batch.rows], batch)[0] for batch in batches)
    assert len(batches) > 2
    assert -total == pytest.approx(state.loglik, rel=1e-6)


@pytest.mark.parametrize("slopes", [(), ("x",)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_of_a_loss_is_that_of_differences(kind, slopes):
    made = response(kind, slopes)
    loss = made.batch_loss(made.start())
    batch = next(made.batches.epoch(np.random.default_rng(1)))
    fitted = 0.3 * np.cos(np.arange(float(len(batch.rows))))
    _, slope = loss(fitted, batch)
    for row in (0, len(fitted) - 1):
        step = np.zeros_like(fitted)
        step[row] = 1e-4
        rise = loss(fitted + step, batch)[0] - loss(fitted - step, batch)[0]
        assert slope[row] == pytest.approx(rise / 2e-4, abs=2e-4)


def test_loose_rows_pull_the_same_way_at_their_own_effects():
    """At effects predicted from f itself, -V^-1 r is the slope row by row."""
    made = response("gaussian")
    fitted = np.zeros(120)
    state = made.start()
    whole = next(made.batches.epoch(np.random.default_rng(1)))
    _, slope = made.batch_loss(state)(fitted[whole.rows], whole)
    loose = GaussianResponse(
        made.target,
        made.random,
        made.train,
        made.apart,
        False,
        LooseRows(made.train, 20),
        1.0,
    )
    _, other = loose.batch_loss(state)(fitted[whole.rows], whole)
    np.testing.assert_allclose(other, slope, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_kept_apart_do_not_move_the_random_part(kind):
    apart = np.arange(0, 120, 7)
    made = response(kind, apart=apart)
    moved = np.zeros(120)
    moved[apart] = 5.0
    one, other = (made.refitted(f, made.start()) for f in (np.zeros(120), moved))
    assert one.loglik == pytest.approx(other.loglik)
    low, high = made.held_out_loss(np.zeros(120), one), made.held_out_loss(moved, one)
    assert np.isfinite([low, high]).all()
    assert low != pytest.approx(high)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_groups_kept_apart_have_a_marginal_loss(kind):
    random, _, _ = columns()
    codes = random.design.factors[0].codes
    made = response(kind, apart=np.flatnonzero(codes < 3), whole=True)
    state = made.start()
    assert np.isfinite(made.held_out_loss(np.zeros(120), state))
    assert (state.effects[0][:3] == 0.0).all()


def test_refreshed_effects_are_those_of_a_refit_at_the_same_variances():
    made = response("gaussian", ("x",))
    fitted = 0.1 * np.sin(np.arange(120.0))
    state = made.refitted(fitted, made.start())
    again = made.refreshed(fitted, state)
    np.testing.assert_allclose(again.effects[0], state.effects[0], atol=1e-8)
    assert again.sigma2 == pytest.approx(state.sigma2, rel=1e-8)


def test_unknown_levels_add_the_variance_of_their_effects():
    random, _, _ = columns(("x",))
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    assert (unknown_variances(random.design, [covariance]) == 0.0).all()
    x = random.columns[1]
    unknown = unknown_variances(random.design.with_unknown_levels(), [covariance])
    np.testing.assert_allclose(unknown, 1.0 + x + 2.0 * x**2)
