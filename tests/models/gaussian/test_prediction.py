"""Prediction intervals and simulated targets of linear mixed models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from flexcv.models import LinearMixedEffectsModel
from tests.models.reference_tables import reference_table


def test_simulated_targets_have_the_models_moments(
    model: LinearMixedEffectsModel, sleep: pd.DataFrame
) -> None:
    draws = model.simulate(sleep, 4000, random_state=3)
    marginal = model.set_params(known_groups="population").predict(sleep)
    model.set_params(known_groups="conditional")
    np.testing.assert_allclose(draws.mean(axis=1), marginal, atol=5.0)
    days = sleep["Days"].to_numpy()
    z = np.column_stack([np.ones(len(days)), days])
    d = model.random_part_.covariances[0]
    variance = np.einsum("na,ab,nb->n", z, d, z) + model.sigma_**2
    np.testing.assert_allclose(draws.var(axis=1), variance, rtol=0.15)


def covariance_of(model: LinearMixedEffectsModel, table: pd.DataFrame) -> np.ndarray:
    """Z D Z' summed over factors, plus sigma^2 I, from what the model prints."""
    total = model.sigma_**2 * np.eye(len(table))
    for name, covariance in zip(
        model.random_effects_, model.random_part_.covariances, strict=True
    ):
        same = table[name].to_numpy()[:, None] == table[name].to_numpy()
        columns = [np.ones(len(table)), table["Days"]] if "Days" in table else [1.0]
        z = np.column_stack([np.broadcast_to(c, len(table)) for c in columns])
        total += same * (z @ covariance @ z.T)
    return total


def require_covariance(draws: pd.DataFrame, wanted: np.ndarray) -> None:
    """Within five standard errors of a sample covariance of normals."""
    variance = wanted.diagonal()
    spread = np.sqrt((wanted**2 + np.outer(variance, variance)) / draws.shape[1])
    assert (np.abs(np.cov(draws) - wanted) < 5.0 * spread).all()


@pytest.mark.parametrize("plates", [1, 3, 24])
def test_simulated_factors_keep_their_own_variances(plates: int) -> None:
    frame = reference_table("Penicillin")
    X, y = frame[["plate", "sample"]], frame["diameter"]
    model = LinearMixedEffectsModel(["plate", "sample"]).fit(X, y)
    some = X[X["plate"].isin(X["plate"].unique()[:plates])]
    wanted = covariance_of(model, some)
    require_covariance(model.simulate(some, 2000, random_state=1), wanted)
    off = wanted[0, (some["sample"] != some["sample"].iloc[0]).to_numpy()][0]
    assert off == pytest.approx(0.7169, abs=1e-3)  # the plate's variance


@pytest.mark.parametrize(
    "term", ["scale(Days)", "poly(Days, degree=1)", "bs(Days, df=1, degree=1)"]
)
def test_simulated_slopes_are_coded_as_in_training(
    model: LinearMixedEffectsModel, sleep: pd.DataFrame, term: str
) -> None:
    X, y = sleep[["Days", "Subject"]], sleep["Reaction"]
    coded = LinearMixedEffectsModel(formula=f"Days + ({term} | Subject)").fit(X, y)
    assert coded.criterion_ - model.criterion_ == pytest.approx(
        0.0, abs=1e-6
    )  # the same model
    late = X[X["Days"] >= 8]
    wanted = covariance_of(model, late)
    require_covariance(coded.simulate(late, 2000, random_state=1), wanted)


def test_rows_of_one_level_only_can_be_simulated(sleep: pd.DataFrame) -> None:
    X = sleep[["Subject"]].assign(f=np.where(sleep["Days"] % 2, "odd", "even"))
    model = LinearMixedEffectsModel(formula="f + (0 + f | Subject)")
    model.fit(X, sleep["Reaction"])
    odd = X[X["f"] == "odd"]
    variance = model.random_part_.covariances[0][1, 1]
    draws = model.simulate(odd, 2000, random_state=1)
    same = odd["Subject"].to_numpy()[:, None] == odd["Subject"].to_numpy()
    require_covariance(draws, variance * same + model.sigma_**2 * np.eye(len(odd)))


def test_prediction_intervals_cover_new_rows_of_known_and_new_groups() -> None:
    rng = np.random.default_rng(5)
    hits: dict[str, list[float]] = {"known": [], "new": []}
    for _ in range(40):
        b = rng.normal(size=(30, 2)) * [2.0, 1.0]
        g = np.repeat(np.arange(30), 8)
        x = rng.normal(size=240)
        y = 1 + x + b[g, 0] + b[g, 1] * x + rng.normal(size=240)
        frame = pd.DataFrame({"x": x, "g": g})
        model = LinearMixedEffectsModel("g", "x").fit(frame[g < 20], y[g < 20])
        fresh = 1 + x + b[g, 0] + b[g, 1] * x + rng.normal(size=240)
        bounds = model.predict_interval(frame, level=0.9)
        inside = (bounds["lower"] < fresh) & (fresh < bounds["upper"])
        hits["known"].append(inside[g < 20].mean())
        hits["new"].append(inside[g >= 20].mean())
    assert np.mean(hits["known"]) == pytest.approx(0.9, abs=0.015)
    assert np.mean(hits["new"]) == pytest.approx(0.9, abs=0.03)


def test_prediction_intervals_of_least_squares_are_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=25)})
    y = frame["x"] + rng.normal(size=25)
    bounds = LinearMixedEffectsModel().fit(frame, y).predict_interval(frame)
    oracle = sm.OLS(y, sm.add_constant(frame)).fit().get_prediction()
    np.testing.assert_allclose(
        bounds[["lower", "upper"]], oracle.conf_int(obs=True), rtol=1e-9
    )


def test_prediction_intervals_of_crossed_factors_agree_with_the_definition() -> None:
    """Henderson's mixed-model equations, solved with the whole matrix."""
    frame = reference_table("Penicillin")
    X, y = frame[["plate", "sample"]], frame["diameter"]
    model = LinearMixedEffectsModel(["plate", "sample"]).fit(X, y)
    z = pd.get_dummies(X).to_numpy(dtype=float)
    sd = model.variance_components_["sd"].to_numpy()
    d = np.diag(np.repeat(sd[:2] ** 2, [24, 6]))
    w = np.column_stack([np.ones(len(X)), z])
    penalty = np.zeros((31, 31))
    penalty[1:, 1:] = np.linalg.inv(d)
    inverse = np.linalg.inv(w.T @ w / sd[2] ** 2 + penalty)
    variance = np.einsum("na,ab,nb->n", w, inverse, w) + sd[2] ** 2
    bounds = model.predict_interval(X)
    half = (bounds["upper"] - bounds["prediction"]).to_numpy()
    ratio = half / np.sqrt(variance)
    # The quotient is a t quantile: the same degrees of freedom in a balanced table.
    assert ratio.max() - ratio.min() < 1e-4
    assert 1.96 < ratio[0] < 2.05
