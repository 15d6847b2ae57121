"""Tables, tests, intervals and simulations of a fitted model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.linear_model import Ridge

from flexcv.errors import ModelError
from flexcv.models import LinearMixedEffectsModel

FOLDER = Path(__file__).parents[1] / "reference"


def reference_table(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / "data" / f"{name}.csv")


@pytest.fixture(scope="module")
def sleep() -> pd.DataFrame:
    return reference_table("sleepstudy")


@pytest.fixture(scope="module")
def model(sleep: pd.DataFrame) -> LinearMixedEffectsModel:
    X = sleep[["Days", "Subject"]]
    return LinearMixedEffectsModel("Subject", "Days").fit(X, sleep["Reaction"])


def test_the_tables_have_the_columns_that_people_know(
    model: LinearMixedEffectsModel,
) -> None:
    assert list(model.fixed_effects_) == [
        *("estimate", "std_error", "df", "t", "p", "lower", "upper")
    ]
    components = model.variance_components_
    assert list(components)[:4] == ["group", "name", "variance", "sd"]
    assert list(components["group"]) == ["Subject", "Subject", "Residual"]
    assert model.random_effects_["Subject"].shape == (18, 2)
    assert model.loglik_ == pytest.approx(-0.5 * model.criterion_)


def test_the_summary_prints_shows_as_html_and_gives_a_frame(
    model: LinearMixedEffectsModel,
) -> None:
    summary = model.summary()
    text = str(summary)
    for word in ("REML", "1743.6283", "levels of Subject: 18", "Days", "Residual"):
        assert word in text
    assert summary._repr_html_().count("<table") == 2
    pd.testing.assert_frame_equal(summary.to_frame(), model.fixed_effects_)


def test_a_singular_fit_says_so() -> None:
    frame = reference_table("Dyestuff2")
    model = LinearMixedEffectsModel("Batch").fit(frame[["Batch"]], frame["Yield"])
    assert "Singular fit" in str(model.summary())
    assert model.singular_
    assert model.variance_components_["sd"].iloc[0] == 0.0


@pytest.mark.reference
def test_conditional_deviations_are_those_of_lme4(
    model: LinearMixedEffectsModel,
) -> None:
    """lme4 1.1-31, `condVar`; tests/reference/lme4/sleepstudy_corr__REML.json."""
    path = FOLDER / "lme4" / "sleepstudy_corr__REML.json"
    part = json.loads(path.read_text())["ranef"]["Subject"]
    wanted = np.sqrt(np.einsum("naa->na", np.array(part["condvar"])))
    np.testing.assert_allclose(model.conditional_sd()["Subject"], wanted, rtol=1e-5)


def test_the_intraclass_correlation_is_the_share_of_the_group() -> None:
    frame = reference_table("Dyestuff")
    model = LinearMixedEffectsModel("Batch").fit(frame[["Batch"]], frame["Yield"])
    variance = model.variance_components_["variance"]
    assert model.icc()["Batch"] == pytest.approx(variance[0] / variance.sum())


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "target", "options", "wanted"),
    [
        (
            "sleepstudy",
            "Reaction",
            {"groups": "Subject", "slopes": "Days"},
            [
                *((14.3814182, 37.7159953), (3.8011641, 8.7533808)),
                *((-0.4815008, 0.6849863), (22.8982669, 28.8579965)),
                *((237.6806955, 265.1295147), (7.3586533, 13.5759188)),
            ],
        ),
        (
            "Penicillin",
            "diameter",
            {"groups": ["plate", "sample"]},
            [
                *((0.6335660, 1.1821040), (1.0957893, 3.5562910)),
                *((0.4858454, 0.6294535), (21.2666274, 24.6778176)),
            ],
        ),
        (
            "Pastes",
            "strength",
            {"formula": "1", "random": "(1 | batch/cask)"},
            [
                *((2.1579337, 4.053589), (0.0, 2.946591)),
                *((0.6520234, 1.085448), (58.6636504, 61.443016)),
            ],
        ),
    ],
)
def test_profile_intervals_are_those_of_lme4(
    name: str, target: str, options: dict[str, object], wanted: list[tuple]
) -> None:
    """lme4 1.1-31, ``confint(fit)``: interpolated profiles, good to about 1e-3."""
    frame = reference_table(name)
    X = frame.drop(columns=target)
    model = LinearMixedEffectsModel(**options).fit(X, frame[target])
    intervals = model.profile_intervals()
    np.testing.assert_allclose(intervals[["lower", "upper"]], wanted, rtol=1e-3)


@pytest.mark.reference
def test_a_correlation_is_open_where_a_variance_may_be_zero() -> None:
    """lme4 1.1-31, ``confint(lmer(distance ~ age + (age | Subject)))``: -1 to 1."""
    frame = reference_table("Orthodont")
    model = LinearMixedEffectsModel(formula="age + (age | Subject)")
    intervals = model.fit(frame, frame["distance"]).profile_intervals()
    row = intervals.loc[("Subject", "corr(Intercept, age)")]
    assert (row["lower"], row["upper"]) == (-1.0, 1.0)
    assert intervals.loc[("Subject", "sd(Intercept)"), "lower"] == 0.0


def test_everything_can_be_read_without_groups() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=50)})
    y = 1.0 + frame["x"] + rng.normal(size=50)
    model = LinearMixedEffectsModel().fit(frame, y)
    assert model.icc().empty
    assert model.random_effects_table().empty
    assert model.conditional_sd() == {}
    assert model.simulate(frame, 3, random_state=0).shape == (50, 3)
    profile, bootstrap = model.profile_intervals(), model.bootstrap_intervals(200, 0)
    wanted = model.fixed_effects_[["lower", "upper"]]
    low, high = profile.loc[("Residual", "sd"), ["lower", "upper"]]
    assert 0.7 < low < model.sigma_ < high < 1.5
    for table in (profile, bootstrap):
        np.testing.assert_allclose(
            table.loc["fixed", ["lower", "upper"]], wanted, atol=0.08
        )


@pytest.mark.slow
def test_bootstrap_intervals_resemble_profiles_and_repeat_with_a_seed(
    model: LinearMixedEffectsModel,
) -> None:
    first = model.bootstrap_intervals(600, random_state=1)
    pd.testing.assert_frame_equal(first, model.bootstrap_intervals(600, random_state=1))
    profile = model.profile_intervals()
    width = profile["upper"] - profile["lower"]
    for side in ("lower", "upper"):
        assert ((first[side] - profile[side]).abs() < 0.35 * width).all()


@pytest.mark.slow
@pytest.mark.parametrize("random", ["(1 | plate)", "(1 | plate) + (1 | sample)"])
def test_the_bootstrap_from_sums_has_the_moments_of_the_bootstrap_from_rows(
    random: str,
) -> None:
    frame = reference_table("Penicillin")
    X, y = frame[["plate", "sample"]], frame["diameter"]
    model = LinearMixedEffectsModel(formula="1", random=random).fit(X, y)
    rng = np.random.default_rng(0)
    draws = model.simulate(X, 150, random_state=rng)
    sds = []
    for column in draws:
        again = LinearMixedEffectsModel(formula="1", random=random)
        sds.append(again.fit(X, draws[column]).variance_components_["sd"])
    rows = np.percentile(sds, [2.5, 97.5], axis=0).T
    sums = model.bootstrap_intervals(400, random_state=rng).iloc[:-1]
    width = rows[:, 1] - rows[:, 0]
    off = np.abs(sums[["lower", "upper"]].to_numpy() - rows) / width[:, None]
    assert off.max() < 0.3


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


def test_the_likelihood_ratio_test_is_that_of_ml_fits(
    model: LinearMixedEffectsModel, sleep: pd.DataFrame
) -> None:
    """lme4 1.1-31, ``anova``: deviances of the ML references, chi2 = 42.1393 on 2."""
    smaller = LinearMixedEffectsModel("Subject").fit(
        sleep[["Days", "Subject"]], sleep["Reaction"]
    )
    table = model.likelihood_ratio_test(smaller)
    assert list(table["n_parameters"]) == [4, 6]
    assert table["chi2"].iloc[1] == pytest.approx(42.1393, abs=1e-4)
    assert table["df"].iloc[1] == 2
    assert table["p"].iloc[1] == pytest.approx(7.072413e-10, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "change", "options"),
    [
        ("target", lambda f: f.assign(Reaction=f["Reaction"] + 1.0), {}),
        ("target", lambda f: f.iloc[::-1], {}),
        ("number of rows", lambda f: f.iloc[1:], {}),
        ("weights", lambda f: f.assign(w=1.0 + f["Days"]), {"weights": "w"}),
        ("offset", lambda f: f.assign(o=f["Days"]), {"offset": "o"}),
    ],
)
def test_a_likelihood_ratio_test_needs_the_same_rows(
    model: LinearMixedEffectsModel, sleep: pd.DataFrame, name, change, options
) -> None:
    table = change(sleep)
    other = LinearMixedEffectsModel("Subject", formula="Days", **options)
    other.fit(table.drop(columns="Reaction"), table["Reaction"])
    with pytest.raises(ModelError) as caught:
        model.likelihood_ratio_test(other)
    assert str(caught.value) == (
        "a likelihood-ratio test needs models fitted to the same rows in the same "
        f"order, got another {name} in 'Days + (1 | Subject)'; fit all to one table."
    )


@pytest.mark.parametrize(
    ("name", "target", "small", "large", "chi2"),
    [
        ("Pastes", "strength", "(1 | batch:cask)", "(1 | batch/cask)", 0.407234),
        ("Penicillin", "diameter", "(1|plate)", "(1|plate) + (1|sample)", 279.441204),
    ],
)
def test_likelihood_ratios_are_those_of_lme4(name, target, small, large, chi2) -> None:
    """lme4 1.1-31, ``anova`` of two REML fits."""
    frame = reference_table(name)
    X, y = frame.drop(columns=target), frame[target]
    fits = [
        LinearMixedEffectsModel(formula=f"1 + {random}").fit(X, y)
        for random in (small, large)
    ]
    table = fits[0].likelihood_ratio_test(fits[1])
    assert table["chi2"].iloc[1] == pytest.approx(chi2, abs=2e-6)


def fits_of(sleep: pd.DataFrame, *formulas: str, reml: bool = True):
    rng = np.random.default_rng(0)
    X = sleep[["Days", "Subject"]].assign(z=rng.normal(size=len(sleep)))
    return [
        LinearMixedEffectsModel(formula=formula, reml=reml).fit(X, sleep["Reaction"])
        for formula in formulas
    ]


def test_a_likelihood_ratio_test_needs_nested_fixed_parts(sleep: pd.DataFrame) -> None:
    large, small = fits_of(sleep, "z + (Days | Subject)", "Days + (1 | Subject)")
    with pytest.raises(ModelError) as caught:
        large.likelihood_ratio_test(small)
    assert str(caught.value) == (
        "a likelihood-ratio test needs nested models, got fixed columns in 'Days + "
        "(1 | Subject)' that are not in 'z + (1 + Days | Subject)'; compare models that "
        "are not nested by `aic_` or by cross-validation."
    )


def test_fixed_parts_are_nested_by_what_they_span(sleep: pd.DataFrame) -> None:
    small, large = fits_of(
        sleep, "scale(Days) + (1 | Subject)", "poly(Days, 2) + (1 | Subject)"
    )
    table = large.likelihood_ratio_test(small)
    raw = fits_of(sleep, "Days + (1 | Subject)", "Days + I(Days**2) + (1 | Subject)")
    wanted = raw[0].likelihood_ratio_test(raw[1])
    np.testing.assert_allclose(table["chi2"].iloc[1], wanted["chi2"].iloc[1], rtol=1e-6)


def test_restricted_fits_of_one_fixed_part_can_be_compared(sleep: pd.DataFrame) -> None:
    """lme4 1.1-31, ``anova(refit=FALSE)``: chi2 = 42.836813 on 2."""
    small, large = fits_of(sleep, "Days + (1 | Subject)", "Days + (Days | Subject)")
    table = small.likelihood_ratio_test(large, refit=False)
    assert table["chi2"].iloc[1] == pytest.approx(42.836813, abs=1e-5)
    other = fits_of(sleep, "1 + (1 | Subject)")[0]
    with pytest.raises(ModelError, match="differ in the random part only, got other"):
        small.likelihood_ratio_test(other, refit=False)
    by_ml = fits_of(sleep, "Days + (1 | Subject)", reml=False)[0]
    with pytest.raises(ModelError, match="got fits by REML and by ML"):
        large.likelihood_ratio_test(by_ml, refit=False)


def test_a_larger_model_that_fits_worse_is_refused(sleep: pd.DataFrame) -> None:
    X = sleep[["Days", "Subject"]].assign(h=np.arange(len(sleep)) % 5)
    y = sleep["Reaction"]
    good = LinearMixedEffectsModel(formula="1 + (1 | Subject)").fit(X, y)
    poor = LinearMixedEffectsModel(formula="1 + (Days | h)").fit(X, y)
    with pytest.raises(ModelError, match="a larger model fits at least as well, got"):
        good.likelihood_ratio_test(poor)


def test_other_kinds_of_models_are_refused(model: LinearMixedEffectsModel) -> None:
    with pytest.raises(TypeError, match="got a Ridge; fit it first or compare it by"):
        model.likelihood_ratio_test(Ridge())


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


def test_a_level_of_coverage_lies_between_zero_and_one(
    model: LinearMixedEffectsModel, sleep: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="`level` must lie between 0 and 1, got 95"):
        model.predict_interval(sleep, level=95)
