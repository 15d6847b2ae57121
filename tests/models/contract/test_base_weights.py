"""What weights of rows mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn import config_context
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_validate

from flexcv import CrossValidation
from flexcv.models import (
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    LinearModel,
)

RNG = np.random.default_rng(3)
N = 240
TABLE = pd.DataFrame({"x": RNG.normal(size=N), "g": np.arange(N) % 20})
ETA = 0.5 * TABLE["x"].to_numpy() + RNG.normal(size=20)[TABLE["g"]]
NUMBERS = ETA + 0.7 * RNG.normal(size=N)
TRIALS = RNG.integers(2, 6, size=N)
SUCCESSES = RNG.binomial(TRIALS, 1.0 / (1.0 + np.exp(-ETA)))
TIMES = RNG.integers(1, 4, size=N)
TARGETS = {
    "binomial": np.where(SUCCESSES > 1, "yes", "no"),
    "poisson": RNG.poisson(np.exp(ETA)),
    "gamma": RNG.gamma(2.0, np.exp(ETA)),
}


def test_linear_weights_are_those_of_the_named_column() -> None:
    given = LinearMixedEffectsModel("g").fit(TABLE, NUMBERS, sample_weight=TIMES)
    named = LinearMixedEffectsModel("g", weights="w")
    named.fit(TABLE.assign(w=TIMES), NUMBERS)
    assert given.criterion_ == named.criterion_
    np.testing.assert_array_equal(given.coefficients_, named.coefficients_)
    both = LinearMixedEffectsModel("g", weights="w")
    both.fit(TABLE.assign(w=1.0 / TIMES), NUMBERS, sample_weight=TIMES)
    plain = LinearMixedEffectsModel("g").fit(TABLE, NUMBERS)
    assert both.criterion_ == pytest.approx(plain.criterion_, abs=1e-8)


def test_a_linear_weight_is_a_precision_and_no_number_of_rows() -> None:
    plain = LinearMixedEffectsModel("g", reml=False).fit(TABLE, NUMBERS)
    weighted = LinearMixedEffectsModel("g", reml=False)
    weighted.fit(TABLE, NUMBERS, sample_weight=np.full(N, 2.0))
    rows = np.repeat(np.arange(N), 2)
    split = LinearMixedEffectsModel("g", reml=False)
    split.fit(TABLE.iloc[rows], NUMBERS[rows])
    # Known twice as precisely, each row has half of sigma^2 and tells as much as before.
    assert weighted.sigma_**2 == pytest.approx(2.0 * plain.sigma_**2)
    assert weighted.criterion_ == pytest.approx(plain.criterion_)
    # Rows that come twice count twice.
    assert split.sigma_**2 < 1.1 * plain.sigma_**2
    error = [m.fixed_effects_.loc["x", "std_error"] for m in (weighted, split)]
    assert error[0] == pytest.approx(np.sqrt(2.0) * error[1], rel=0.05)


@pytest.mark.parametrize("family", TARGETS)
def test_splitting_a_row_of_weight_two_changes_no_generalised_fit(family: str) -> None:
    y, rows = TARGETS[family], np.repeat(np.arange(N), TIMES)
    weighted = GeneralizedLinearMixedModel("g", family=family)
    weighted.fit(TABLE, y, sample_weight=TIMES)
    split = GeneralizedLinearMixedModel("g", family=family)
    split.fit(TABLE.iloc[rows], y[rows])
    assert weighted.loglik_ == pytest.approx(split.loglik_, abs=1e-6)
    np.testing.assert_allclose(weighted.coefficients_, split.coefficients_, atol=1e-5)


@pytest.mark.parametrize("target", [SUCCESSES / TRIALS, SUCCESSES])
def test_trials_may_count_several_times(target: np.ndarray) -> None:
    table, rows = TABLE.assign(n=TRIALS), np.repeat(np.arange(N), TIMES)
    weighted = GeneralizedLinearMixedModel("g", weights="n")
    weighted.fit(table, target, sample_weight=TIMES)
    split = GeneralizedLinearMixedModel("g", weights="n")
    split.fit(table.iloc[rows], target[rows])
    assert weighted.loglik_ == pytest.approx(split.loglik_, abs=1e-6)
    np.testing.assert_allclose(weighted.coefficients_, split.coefficients_, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [LinearMixedEffectsModel("g"), GeneralizedLinearMixedModel("g", family="poisson")],
)
def test_rows_of_weight_zero_are_left_out(model) -> None:
    y, used = TARGETS["poisson"], np.arange(N) % 3 > 0
    weighted = model.fit(TABLE, y, sample_weight=used.astype(int)).loglik_
    assert weighted == pytest.approx(model.fit(TABLE[used], y[used]).loglik_, abs=1e-8)


def test_weights_go_with_rows_that_are_dropped_for_gaps() -> None:
    holes = TABLE.assign(x=TABLE["x"].where(np.arange(N) % 7 > 0))
    kept = holes["x"].notna().to_numpy()
    model = LinearMixedEffectsModel("g", na_action="drop")
    model.fit(holes, NUMBERS, sample_weight=TIMES)
    wanted = LinearMixedEffectsModel("g")
    wanted.fit(TABLE[kept], NUMBERS[kept], sample_weight=TIMES[kept])
    assert model.criterion_ == wanted.criterion_


def test_least_squares_weighs_as_statsmodels_and_scikit_learn() -> None:
    X, weights = TABLE[["x"]], np.where(np.arange(N) % 5, TIMES, 0)
    model = LinearModel().fit(X, NUMBERS, sample_weight=weights)
    used = weights > 0
    exog = sm.add_constant(X[used])
    oracle = sm.WLS(NUMBERS[used], exog, weights[used]).fit()
    np.testing.assert_allclose(model.result_.bse, oracle.bse)
    other = LinearRegression().fit(X, NUMBERS, sample_weight=weights)
    np.testing.assert_allclose(model.predict(X), other.predict(X))


def test_weights_are_routed_as_metadata() -> None:
    with config_context(enable_metadata_routing=True):
        model = LinearMixedEffectsModel("g").set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        params = {"sample_weight": TIMES.astype(float)}
        found = cross_validate(
            model, TABLE, NUMBERS, params=params, cv=3, return_estimator=True
        )
    train = np.arange(N) >= N // 3
    wanted = LinearMixedEffectsModel("g")
    wanted.fit(TABLE[train], NUMBERS[train], sample_weight=TIMES[train])
    assert found["estimator"][0].criterion_ == wanted.criterion_


@pytest.mark.filterwarnings("ignore::flexcv.errors.GroupsWarning")
@pytest.mark.parametrize("model", [LinearMixedEffectsModel(), LinearModel()])
def test_weights_of_the_chain_reach_the_model(model) -> None:
    def total(**options: object) -> float:
        chain = (
            CrossValidation()
            .set_data(TABLE[["x"]], pd.Series(NUMBERS, name="y"), TABLE["g"])
            .set_splits(n_splits_out=3)
            .add_model(model, **options)
        )
        return float(chain.perform().get_results().predictions["y_pred"].sum())

    weighted = total(fit_kwargs={"sample_weight": TIMES})
    assert weighted != pytest.approx(total(), abs=1e-6)
    as_series = total(fit_kwargs={"sample_weight": pd.Series(TIMES)})
    assert weighted == pytest.approx(as_series)


def test_bad_weights_are_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError) as caught:
        LinearMixedEffectsModel("g").fit(TABLE, NUMBERS, sample_weight=TIMES[:-1])
    assert str(caught.value) == (
        "`sample_weight` must hold one number per row of `X`, here 240, got shape "
        "(239,); pass one weight per row."
    )
    with pytest.raises(ValueError) as caught:
        LinearModel().fit(TABLE[["x"]], NUMBERS, sample_weight=-TIMES)
    assert str(caught.value) == (
        "`sample_weight` must be finite and not negative, and not zero in every row, "
        "got other values; check the weights."
    )
