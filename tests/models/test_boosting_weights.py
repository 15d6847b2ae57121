"""Weights of rows in boosting."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.model_selection import cross_validate

from flexcv import CrossValidation
from flexcv.models import MixedEffectsBoosting

RNG = np.random.default_rng(5)
N = 240
TABLE = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "b"])
TABLE["g"], TABLE["h"] = np.arange(N) % 20, RNG.integers(0, 6, N)
ETA = np.sin(2.0 * TABLE["a"]) + 0.8 * RNG.normal(size=20)[TABLE["g"]]
TIMES = RNG.integers(1, 4, size=N)
ROWS = np.repeat(np.arange(N), TIMES)
TARGETS = {
    "gaussian": (ETA + RNG.normal(size=N) / np.sqrt(TIMES)).to_numpy(),
    "binomial": np.where(RNG.random(N) < 1.0 / (1.0 + np.exp(-ETA)), "yes", "no"),
    "poisson": RNG.poisson(np.exp(ETA)).astype(float),
    "gamma": RNG.gamma(2.0, np.exp(ETA)),
    "negative_binomial": RNG.poisson(RNG.gamma(2.0, np.exp(ETA) / 2.0)).astype(float),
}
WHOLE = {"folds": None, "subsample": 1.0, "min_samples_leaf": 1, "patience": None}


def boosting(groups="g", **settings):
    settings = {"max_iterations": 20, "random_state": 0} | settings
    return MixedEffectsBoosting(groups, **settings)


@pytest.mark.parametrize("learner", ["histogram", "exact"])
@pytest.mark.parametrize(
    "groups", [None, "g", ["g", "h"]], ids=["none", "one", "several"]
)
@pytest.mark.parametrize("family", [name for name in TARGETS if name != "gaussian"])
def test_splitting_a_row_of_weight_two_changes_no_generalised_fit(
    family, groups, learner
):
    y, settings = TARGETS[family], {**WHOLE, "family": family, "learner": learner}
    one = boosting(groups, **settings).fit(TABLE, y, sample_weight=TIMES)
    split = boosting(groups, **settings).fit(TABLE.iloc[ROWS], y[ROWS])
    if learner == "exact":  # scikit-learn decides ties between splits by a last digit
        assert one.loglik_ == pytest.approx(split.loglik_, rel=0.01)
        return
    assert one.loglik_ == pytest.approx(split.loglik_, rel=1e-6)
    np.testing.assert_allclose(
        one.predict_mean(TABLE), split.predict_mean(TABLE), rtol=1e-4
    )


@pytest.mark.parametrize("groups", [None, "g", ["g", "h"]], ids=str)
@pytest.mark.parametrize("folds", [None, 5])
def test_a_gaussian_weight_is_a_precision(groups, folds):
    y = TARGETS["gaussian"]
    plain = boosting(groups, folds=folds).fit(TABLE, y)
    weighted = boosting(groups, folds=folds)
    weighted.fit(TABLE, y, sample_weight=np.full(N, 4.0))
    np.testing.assert_allclose(weighted.predict(TABLE), plain.predict(TABLE), rtol=1e-9)
    assert weighted.sigma_ == pytest.approx(2.0 * plain.sigma_)
    assert weighted.noise_ == pytest.approx(2.0 * plain.noise_, nan_ok=True)
    assert weighted.loglik_ == pytest.approx(plain.loglik_)
    for column in ("sigma2", "loglik"):
        factor = 4.0 if column == "sigma2" else 1.0
        np.testing.assert_allclose(
            weighted.trace_[column], factor * plain.trace_[column], rtol=1e-6
        )


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_scale_of_precisions_moves_no_prediction(scale):
    y = TARGETS["gaussian"]
    one = boosting().fit(TABLE, y, sample_weight=TIMES).predict(TABLE)
    other = boosting().fit(TABLE, y, sample_weight=scale * TIMES).predict(TABLE)
    np.testing.assert_allclose(other, one, atol=1e-9)


@pytest.mark.parametrize("groups", [None, "g"])
def test_rows_of_little_precision_are_learned_from_little(groups):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=600), "g": np.arange(600) % 30})
    true = np.where(X["x"] > 0.0, 1.0, -1.0)
    weights = np.where(np.arange(600) % 2, 1.0, 0.01)
    noise = rng.normal(size=600) / np.sqrt(weights)
    y = true + noise + 0.5 * rng.normal(size=30)[X["g"]] * (groups is not None)
    plain = boosting(groups).fit(X, y)
    weighted = boosting(groups).fit(X, y, sample_weight=weights)
    model = weighted.set_params(known_groups="population")
    plain = plain.set_params(known_groups="population")
    error = [np.mean((m.predict(X) - true) ** 2) for m in (model, plain)]
    assert error[0] < 0.3 * error[1]
    assert weighted.sigma_ == pytest.approx(1.0, abs=0.25)
    assert weighted.noise_ == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_rows_of_weight_zero_are_left_out(family):
    y, used = TARGETS[family], np.arange(N) % 3 > 0
    model = boosting(family=family)
    expected = model.fit(TABLE[used], y[used], sample_weight=TIMES[used]).predict(TABLE)
    weighted = model.fit(TABLE, y, sample_weight=TIMES * used)
    np.testing.assert_array_equal(weighted.predict(TABLE), expected)


def test_weights_are_routed_as_metadata():
    with config_context(enable_metadata_routing=True):
        model = boosting().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        found = cross_validate(
            model,
            TABLE,
            TARGETS["gaussian"],
            params={"sample_weight": TIMES.astype(float)},
            cv=3,
            return_estimator=True,
        )
    train = np.arange(N) >= N // 3
    wanted = boosting()
    wanted.fit(TABLE[train], TARGETS["gaussian"][train], sample_weight=TIMES[train])
    assert found["estimator"][0].loglik_ == wanted.loglik_


@pytest.mark.filterwarnings("ignore::flexcv.errors.GroupsWarning")
def test_weights_of_the_chain_reach_the_model():
    def total(**options):
        y = pd.Series(TARGETS["gaussian"], name="y")
        chain = (
            CrossValidation()
            .set_data(TABLE[["a", "b"]], y, TABLE["g"])
            .set_splits(n_splits_out=3)
            .add_model(boosting(None), **options)
        )
        return float(chain.perform().get_results().predictions["y_pred"].sum())

    weighted = total(fit_kwargs={"sample_weight": TIMES})
    assert weighted != pytest.approx(total(), abs=1e-6)


def test_bad_weights_are_refused_in_one_sentence():
    with pytest.raises(ValueError) as caught:
        boosting().fit(TABLE, TARGETS["gaussian"], sample_weight=TIMES[:-1])
    assert str(caught.value) == (
        "`sample_weight` must hold one number per row of `X`, here 240, got shape "
        "(239,); pass one weight per row."
    )
