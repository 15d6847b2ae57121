"""Weights of rows in neural models."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from sklearn import config_context
from sklearn.model_selection import cross_validate

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.models import (
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    NeuralMixedEffectsClassifier,
    NeuralMixedEffectsRegressor,
)
from flexcv.models.networks.rows import LooseRows
from tests.models.test_neural_responses import KINDS, response

torch = pytest.importorskip("torch", reason="torch is not installed")

RNG = np.random.default_rng(5)
N = 240
TABLE = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "b"])
TABLE["g"] = np.arange(N) % 20
ETA = 0.7 * TABLE["a"].to_numpy() + 0.8 * RNG.normal(size=20)[TABLE["g"]]
TIMES = RNG.integers(1, 4, size=N)
ROWS = np.repeat(np.arange(N), TIMES)
NUMBERS = ETA + RNG.normal(size=N) / np.sqrt(TIMES)
CLASSES = np.where(RNG.random(N) < 1.0 / (1.0 + np.exp(-ETA)), "yes", "no")
COUNTS = RNG.poisson(np.exp(ETA)).astype(float)
LINEAR = {"hidden_layer_sizes": (), "early_stopping": None, "weight_decay": 0.0}


def quick(groups="g", **settings):
    settings = {"n_epochs": 6, "hidden_layer_sizes": (8,), "random_state": 0} | settings
    return NeuralMixedEffectsRegressor(groups, **settings)


def weighted(kind, slopes=(), **options):
    made = response(kind, slopes, **options)
    weights = np.random.default_rng(3).integers(1, 4, 120) * 1.0
    return replace(made, weights=weights)


def split(made):
    """The same likelihood from rows that come as often as they count."""
    rows = np.repeat(np.arange(120), made.weights.astype(int))
    train = np.arange(len(rows))
    random, target = made.random.take(rows), made.target[rows]
    more = {"train": train, "batches": LooseRows(train, 1000), "weights": None}
    return replace(made, target=target, random=random, **more), rows


# -- the model --


def test_a_linear_network_is_the_weighted_mixed_model():
    X = load_sleepstudy()
    y = X.pop("Reaction")
    weights = np.random.default_rng(1).uniform(0.2, 5.0, len(X))
    linear = LinearMixedEffectsModel("Subject", "Days", reml=False)
    linear.fit(X, y, sample_weight=weights)
    model = NeuralMixedEffectsRegressor(
        "Subject", "Days", n_epochs=8, random_state=0, **LINEAR
    )
    model.fit(X, y, sample_weight=weights)
    assert model.loglik_ == pytest.approx(linear.loglik_, abs=1e-6)
    wanted = linear.variance_components_["variance"]
    np.testing.assert_allclose(model.variance_components_["variance"], wanted, 1e-4)
    np.testing.assert_allclose(
        model.random_effects_["Subject"], linear.random_effects_["Subject"], atol=0.02
    )
    inside = model.predict_interval(X.head(3))
    near = linear.predict_interval(X.head(3))
    np.testing.assert_allclose(inside, near[inside.columns], rtol=0.02)


@pytest.mark.parametrize("groups", [[], ["g"], ["g", "h"]], ids=len)
def test_weighted_slopes_are_learned_by_gradients_as_well(groups):
    X = TABLE.assign(h=np.arange(N) % 7)[["a", "b", *groups]]
    groups = groups or None
    model = quick(groups, n_epochs=60, **LINEAR).fit(X, NUMBERS, TIMES)
    wanted = LinearMixedEffectsModel(groups, reml=False).fit(X, NUMBERS, TIMES)
    plain = LinearMixedEffectsModel(groups, reml=False).fit(X, NUMBERS)
    assert model.loglik_ == pytest.approx(wanted.loglik_, abs=0.02)
    rows = X.assign(**dict.fromkeys(groups or [], "new"))
    found, expected, other = (m.predict(rows) for m in (model, wanted, plain))
    assert np.std(found - expected) < 0.2 * np.std(other - expected)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_weights_of_classes_and_counts_are_numbers_of_rows(family):
    y = CLASSES if family == "binomial" else COUNTS
    settings = {"n_epochs": 40, "learning_rate": 0.05, "random_state": 0} | LINEAR
    model = (
        NeuralMixedEffectsClassifier("g", **settings)
        if family == "binomial"
        else NeuralMixedEffectsRegressor("g", family="poisson", **settings)
    )
    model.fit(TABLE, y, sample_weight=TIMES)
    wanted = GeneralizedLinearMixedModel("g", family=family, n_quadrature=7)
    wanted.fit(TABLE.iloc[ROWS], y[ROWS])
    assert model.loglik_ == pytest.approx(wanted.loglik_, abs=0.1)
    np.testing.assert_allclose(
        model.variance_components_["variance"],
        wanted.variance_components_["variance"],
        rtol=0.05,
    )


@pytest.mark.parametrize("early_stopping", [None, "rows", "groups"])
def test_a_gaussian_weight_is_a_precision(early_stopping):
    plain = quick(early_stopping=early_stopping).fit(TABLE, NUMBERS)
    model = quick(early_stopping=early_stopping)
    model.fit(TABLE, NUMBERS, sample_weight=np.full(N, 4.0))
    np.testing.assert_allclose(model.predict(TABLE), plain.predict(TABLE), rtol=1e-6)
    assert model.sigma_ == pytest.approx(2.0 * plain.sigma_)
    assert model.loglik_ == pytest.approx(plain.loglik_)
    for column in ("sigma2", "loglik", "validation_loss"):
        factor = 4.0 if column == "sigma2" else 1.0
        np.testing.assert_allclose(
            model.trace_[column], factor * plain.trace_[column], rtol=1e-6
        )


def test_the_unit_of_precisions_moves_no_prediction():
    one = quick().fit(TABLE, NUMBERS, sample_weight=TIMES).predict(TABLE)
    other = quick().fit(TABLE, NUMBERS, sample_weight=1e-6 * TIMES).predict(TABLE)
    np.testing.assert_allclose(other, one, atol=1e-6)


@pytest.mark.slow
def test_rows_of_little_precision_are_learned_from_little():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=600), "g": np.arange(600) % 30})
    true = X["x"].to_numpy()
    weights = np.where(np.arange(600) % 2, 1.0, 0.01)
    y = true + rng.normal(size=600) / np.sqrt(weights)
    y += 0.5 * rng.normal(size=30)[X["g"]]
    settings = {"n_epochs": 20, "learning_rate": 0.05} | LINEAR
    model, plain = (quick(**settings).fit(X, y, w) for w in (weights, None))
    new = X.assign(g="new")
    errors = [np.var(m.predict(new) - true) for m in (model, plain)]
    assert errors[0] < 0.5 * errors[1]
    assert model.sigma_ == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_rows_of_weight_zero_are_left_out(family):
    y = NUMBERS if family == "gaussian" else COUNTS
    used = np.arange(N) % 3 > 0
    model = quick(family=family)
    wanted = model.fit(TABLE[used], y[used], sample_weight=TIMES[used]).predict(TABLE)
    found = model.fit(TABLE, y, sample_weight=TIMES * used).predict(TABLE)
    np.testing.assert_array_equal(found, wanted)


# -- the losses --


@pytest.mark.parametrize("slopes", [(), ("x",)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_losses_of_an_epoch_add_up_to_the_likelihood(kind, slopes):
    made = weighted(kind, slopes)
    fitted = 0.2 * np.sin(np.arange(120.0))
    state = made.refitted(fitted, made.start())
    loss = made.batch_loss(state)
    batches = list(made.batches.epoch(np.random.default_rng(1)))
    total = sum(loss(fitted[batch.rows], batch)[0] for batch in batches)
    assert -total == pytest.approx(state.loglik, rel=1e-6)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_of_a_loss_is_that_of_differences(kind, whole):
    made = weighted(kind)
    if not whole:
        made = replace(made, batches=LooseRows(np.arange(120), 20))
    loss = made.batch_loss(made.start())
    batch = next(made.batches.epoch(np.random.default_rng(1)))
    fitted = 0.3 * np.cos(np.arange(float(len(batch.rows))))
    _, slope = loss(fitted, batch)
    for row in (0, 3, len(fitted) - 1):
        step = np.zeros_like(fitted)
        step[row] = 1e-4
        rise = loss(fitted + step, batch)[0] - loss(fitted - step, batch)[0]
        assert slope[row] == pytest.approx(rise / 2e-4, abs=5e-4)


@pytest.mark.parametrize("slopes", [(), ("x",)])
@pytest.mark.parametrize("kind", ["poisson", "binomial"])
def test_a_row_that_counts_twice_is_two_rows(kind, slopes):
    made = weighted(kind, slopes)
    other, rows = split(made)
    fitted = 0.2 * np.sin(np.arange(120.0))
    one = made.refitted(fitted, made.start())
    two = other.refitted(fitted[rows], other.start())
    assert one.loglik == pytest.approx(two.loglik, abs=1e-5)
    assert one.n_rows == two.n_rows == made.weights.sum()
    np.testing.assert_allclose(one.covariances[0], two.covariances[0], atol=1e-4)


@pytest.mark.parametrize("whole", [True, False])
def test_rows_kept_apart_are_scored_at_their_own_precision(whole):
    groups = response("gaussian").random.design.factors[0].codes
    apart = np.flatnonzero(groups == 3) if whole else np.arange(0, 120, 9)
    made = weighted("gaussian", apart=apart, whole=whole)
    fitted = 0.2 * np.sin(np.arange(120.0))
    state = made.refitted(fitted, made.start())
    residuals = (made.target - fitted - state.average[0])[apart]
    own = state.sigma2 / made.weights
    g = float(state.covariances[0][0, 0])
    if whole:
        covariance = np.diag(own[apart]) + g
        wanted = multivariate_normal.logpdf(residuals, cov=covariance)
    else:
        train = np.isin(np.arange(120), apart, invert=True)
        tells = np.bincount(groups[train], 1.0 / own[train], 12)
        left = residuals - state.effects[0][groups[apart], 0]
        spread = own[apart] + (1.0 / (1.0 / g + tells))[groups[apart]]
        wanted = multivariate_normal.logpdf(left, cov=np.diag(spread))
    found = made.held_out_loss(fitted, state)
    assert found == pytest.approx(-wanted / len(apart))


def test_refreshed_effects_are_those_of_a_refit_at_the_same_variances():
    made = weighted("gaussian")
    fitted = 0.2 * np.sin(np.arange(120.0))
    state = made.refitted(fitted, made.start())
    again = made.refreshed(fitted, state)
    np.testing.assert_allclose(again.effects[0], state.effects[0], atol=1e-6)
    assert again.sigma2 == pytest.approx(state.sigma2, rel=1e-4)


# -- the ways in --


def test_weights_are_routed_as_metadata():
    with config_context(enable_metadata_routing=True):
        model = quick().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        found = cross_validate(
            model,
            TABLE,
            NUMBERS,
            params={"sample_weight": TIMES.astype(float)},
            cv=3,
            return_estimator=True,
        )
    train = np.arange(N) >= N // 3
    wanted = quick().fit(TABLE[train], NUMBERS[train], sample_weight=TIMES[train])
    assert found["estimator"][0].loglik_ == wanted.loglik_


@pytest.mark.filterwarnings("ignore::flexcv.errors.GroupsWarning")
def test_weights_of_the_chain_reach_the_model():
    def total(**options):
        y = pd.Series(NUMBERS, name="y")
        chain = (
            CrossValidation()
            .set_data(TABLE[["a", "b"]], y, TABLE["g"])
            .set_splits(n_splits_out=3)
            .add_model(quick(None), **options)
        )
        return float(chain.perform().get_results().predictions["y_pred"].sum())

    given = total(fit_kwargs={"sample_weight": TIMES})
    assert given != pytest.approx(total(), abs=1e-6)


def test_bad_weights_are_refused_in_one_sentence():
    with pytest.raises(ValueError) as caught:
        quick().fit(TABLE, NUMBERS, sample_weight=TIMES[:-1])
    assert str(caught.value) == (
        "`sample_weight` must hold one number per row of `X`, here 240, got shape "
        "(239,); pass one weight per row."
    )
