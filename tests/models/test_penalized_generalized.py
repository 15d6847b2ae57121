"""Lasso, ridge and elastic net with random effects for two classes and counts."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.model_selection import KFold, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv import CrossValidation
from flexcv.errors import (
    ConvergenceWarning,
    NotIdentifiableError,
    SeparationWarning,
)
from flexcv.models import (
    GeneralizedLinearMixedModel,
    PenalizedGeneralizedMixedModel,
)
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.laplace.families import Binomial, family_of
from flexcv.models.laplace.random_refit import refit_random_part
from flexcv.models.penalties.likelihood import (
    PenalisedLikelihood,
    PenalisedRows,
    likelihood_rows,
)

RATIOS = {"l1": 1.0, "l2": 0.0, "elasticnet": 0.4}
RANDOM = ["(1 | g)", "(1 + x4 | g)", "(1 | g) + (1 | h)"]


def table_of(
    family: str = "binomial", n_columns: int = 8, groups: int = 24, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series]:
    """Draw columns of which x0 is constant within groups; g and h are groups."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(groups), 8)
    values = rng.normal(size=(len(codes), n_columns))
    values[:, 0] = rng.normal(size=groups)[codes]
    table = pd.DataFrame(values).add_prefix("x")
    table["g"], table["h"] = codes, rng.integers(0, 6, len(codes))
    slopes = 0.5 + 0.5 * rng.normal(size=groups)
    eta = 0.3 + table["x0"] - table["x2"] + slopes[codes] * table["x4"]
    eta += rng.normal(size=groups)[codes] + 0.5 * rng.normal(size=6)[table["h"]]
    if family == "binomial":
        return table, pd.Series(
            np.where(rng.logistic(size=len(eta)) < eta, "yes", "no")
        )
    return table, pd.Series(rng.poisson(np.exp(0.6 * eta)))


def features(table: pd.DataFrame, random: str) -> pd.DataFrame:
    return table if "h)" in random else table.drop(columns="h")


def fitted(family: str, random: str, **options) -> tuple:
    table, y = table_of(family)
    table = features(table, random)
    model = PenalizedGeneralizedMixedModel(random=random, family=family, **options)
    return model.fit(table, y), table, y


def marginal_loglik(model, table: pd.DataFrame, y: pd.Series, fixed: np.ndarray):
    """Evaluate Laplace's likelihood at other fixed effects."""
    numbers = (y == "yes").to_numpy(float) if y.dtype != int else y.to_numpy(float)
    columns = table[model.fixed_effects_.index[1:]].to_numpy()
    _, design = learn_random(Columns(table), model._terms())
    rows = PenalisedRows(columns, np.ones((len(y), 1)), numbers, design)
    data = likelihood_rows(rows, family_of(model.family), np.zeros(len(y)))
    covariances = model.random_part_.covariances
    objective = PenalisedLikelihood(data, covariances, 1.0, np.ones(columns.shape[1]))
    return objective.stand(fixed[1:], fixed[:1]).at.loglik


@pytest.mark.parametrize("penalty", list(RATIOS))
@pytest.mark.parametrize("random", RANDOM)
@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_the_conditions_of_the_marginal_likelihood_hold(
    family: str, random: str, penalty: str
) -> None:
    rho, alpha, step = RATIOS[penalty], 0.03, 1e-5
    model, table, y = fitted(
        family, random, penalty=penalty, alpha=alpha, l1_ratio=0.4,
        variances="in_sample",
    )  # fmt: skip
    beta, n = model.fixed_, len(y)
    frame = model.fixed_effects_
    penalised = frame["penalized"].to_numpy()
    pull = np.empty(len(beta))
    for k, direction in enumerate(np.eye(len(beta))):
        ahead = marginal_loglik(model, table, y, beta + step * direction)
        behind = marginal_loglik(model, table, y, beta - step * direction)
        pull[k] = (ahead - behind) / (2.0 * step * n)
    assert np.abs(pull[~penalised]).max() < 1e-6
    omega = np.zeros(len(beta))
    omega[penalised] = model.scale_
    pull -= alpha * (1.0 - rho) * omega**2 * beta
    bound = alpha * rho * omega
    selected = penalised & (beta != 0.0)
    np.testing.assert_allclose(
        pull[selected], (bound * np.sign(beta))[selected], atol=1e-6
    )
    assert (np.abs(pull) <= bound + 1e-6)[penalised & ~selected].all()
    assert selected.any()


@pytest.mark.parametrize("random", RANDOM)
@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_a_vanishing_penalty_tends_to_maximum_likelihood(
    family: str, random: str
) -> None:
    free, table, _ = fitted(family, random, alpha=0)
    tiny, _, _ = fitted(family, random, alpha=1e-7, variances="in_sample", tol=1e-7)
    np.testing.assert_allclose(tiny.fixed_, free.fixed_, atol=1e-3)
    np.testing.assert_allclose(
        tiny.variance_components_["variance"],
        free.variance_components_["variance"],
        rtol=2e-3,
        atol=1e-4,
    )
    assert tiny.loglik_ == pytest.approx(free.loglik_, abs=1e-3)
    np.testing.assert_allclose(
        tiny.predict_mean(table), free.predict_mean(table), atol=1e-3
    )


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_no_penalty_is_the_generalised_mixed_model(family: str) -> None:
    model, table, y = fitted(family, "(1 | g)", alpha=0)
    oracle = GeneralizedLinearMixedModel("g", family=family).fit(table, y)
    np.testing.assert_allclose(model.fixed_, oracle.coefficients_, atol=1e-6)
    assert model.loglik_ == pytest.approx(oracle.loglik_, abs=1e-8)
    new = table.assign(g=99)
    np.testing.assert_allclose(
        model.predict_mean(table), oracle.predict_mean(table), atol=1e-6
    )
    np.testing.assert_allclose(
        model.predict_mean(new), oracle.predict_mean(new), atol=1e-6
    )


@pytest.mark.parametrize("penalty", list(RATIOS))
def test_without_groups_it_is_scikit_learns_logistic_regression(penalty: str) -> None:
    table, y = table_of()
    X, alpha = table.drop(columns=["g", "h"]), 0.02
    model = PenalizedGeneralizedMixedModel(
        penalty=penalty, alpha=alpha, l1_ratio=0.4, standardise=False
    ).fit(X, y)
    oracle = LogisticRegression(
        l1_ratio=RATIOS[penalty], C=1.0 / (len(y) * alpha), tol=1e-10,
        solver="lbfgs" if penalty == "l2" else "saga", max_iter=100_000,
    ).fit(X, y)  # fmt: skip
    np.testing.assert_allclose(model.coef_, oracle.coef_[0], atol=1e-6)
    assert model.intercept_ == pytest.approx(oracle.intercept_[0], abs=1e-6)
    np.testing.assert_allclose(
        model.predict_proba(X), oracle.predict_proba(X), atol=1e-6
    )
    assert model.score(X, y) == oracle.score(X, y)


def test_without_groups_it_is_scikit_learns_poisson_regression() -> None:
    table, y = table_of("poisson")
    X = table.drop(columns=["g", "h"])
    model = PenalizedGeneralizedMixedModel(
        family="poisson", penalty="l2", alpha=0.1, standardise=False
    ).fit(X, y)
    oracle = PoissonRegressor(alpha=0.1, tol=1e-12, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(model.coef_, oracle.coef_, atol=1e-6)
    np.testing.assert_allclose(model.predict(X), oracle.predict(X), rtol=1e-6)


@parametrize_with_checks([PenalizedGeneralizedMixedModel(alpha=0.01)])
def test_scikit_learn_accepts_the_classifier_without_groups(estimator, check) -> None:
    check(estimator)


def test_known_groups_get_their_own_probability_and_new_ones_the_average() -> None:
    model, table, _ = fitted("binomial", "(1 | g)", alpha=0.03)
    row = table.head(1)
    fixed = model._fixed_part(Columns(row))[0]
    effect = model.random_effects_["g"].loc[row["g"].iloc[0], "Intercept"]
    known = model.predict_proba(row)[0, 1]
    assert known == pytest.approx(expit(fixed + effect))
    sd = model.variance_components_["sd"][0]
    wanted = quad(lambda b: expit(fixed + b) * norm.pdf(b, scale=sd), -9 * sd, 9 * sd)
    new = model.predict_proba(row.assign(g=99))[0, 1]
    assert new == pytest.approx(wanted[0], abs=1e-6)
    assert abs(new - 0.5) < abs(expit(fixed) - 0.5)
    model.known_groups = "population"
    assert model.predict_proba(row)[0, 1] == pytest.approx(new)


def test_counts_of_new_groups_are_averaged_too() -> None:
    model, table, _ = fitted("poisson", "(1 + x4 | g)", alpha=0.03)
    row = table.head(1).assign(g=99)
    fixed = model._fixed_part(Columns(row))[0]
    z = np.array([1.0, row["x4"].iloc[0]])
    variance = z @ model.random_part_.covariances[0] @ z
    assert model.predict(row)[0] == pytest.approx(np.exp(fixed + 0.5 * variance))


def test_the_offset_is_added_with_coefficient_one() -> None:
    table, _ = table_of("poisson")
    rng = np.random.default_rng(2)
    table = table.drop(columns="h").assign(log_time=rng.normal(size=len(table)))
    y = rng.poisson(np.exp(table["x1"] + table["log_time"]))
    model = PenalizedGeneralizedMixedModel(
        "g", family="poisson", alpha=0.01, offset="log_time"
    ).fit(table, y)
    longer = table.assign(log_time=table["log_time"] + np.log(2.0))
    np.testing.assert_allclose(model.predict(longer), 2.0 * model.predict(table))
    assert "log_time" not in model.fixed_effects_.index
    assert model.fixed_effects_.loc["x1", "estimate"] == pytest.approx(1.0, abs=0.15)


def test_the_family_decides_what_kind_of_estimator_it_is() -> None:
    binary = PenalizedGeneralizedMixedModel()
    counts = PenalizedGeneralizedMixedModel(family="poisson")
    assert (is_classifier(binary), is_regressor(binary)) == (True, False)
    assert (is_classifier(counts), is_regressor(counts)) == (False, True)
    assert hasattr(binary, "predict_proba")
    assert not hasattr(counts, "predict_proba")


def test_labels_come_back_as_they_were() -> None:
    model, table, y = fitted("binomial", "(1 | g)", alpha=0.03)
    assert list(model.classes_) == ["no", "yes"]
    predicted = model.predict(table)
    assert set(predicted) == {"no", "yes"}
    assert model.score(table, y) == np.mean(predicted == y)
    likelier = model.classes_[model.predict_proba(table).argmax(axis=1)]
    assert (likelier == predicted).all()
    assert model.predict_proba(table).sum(axis=1) == pytest.approx(1.0)


def test_probabilities_survive_cross_validation() -> None:
    rng, rows = np.random.default_rng(4), KFold(5, shuffle=True, random_state=0)
    X = table_of(groups=40)[0].drop(columns="h")
    eta = X["x2"] + 1.5 * rng.normal(size=40)[X["g"]]
    y = np.where(rng.logistic(size=len(X)) < eta, "yes", "no")
    model = PenalizedGeneralizedMixedModel("g", alpha=0.03, variances="in_sample")
    plain = PenalizedGeneralizedMixedModel(alpha=0.03)
    found = {
        name: cross_val_score(*pair, y, scoring="neg_log_loss", cv=rows).mean()
        for name, pair in {
            "mixed": (model, X),
            "plain": (plain, X.drop(columns="g")),
        }.items()
    }
    assert found["mixed"] > found["plain"] + 0.03


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_alpha_is_chosen_by_the_likelihood_of_held_out_groups(family: str) -> None:
    model, table, y = fitted(family, "(1 | g)", n_alphas=12)
    losses = model.cv_results_["loss"]
    assert losses.idxmin() == model.alpha_
    assert losses.min() < losses.iloc[0]
    assert model.fixed_effects_.loc[["x0", "x2"], "selected"].all()
    path = model.path(table, y)
    assert not path.iloc[0].drop("Intercept").abs().gt(1e-12).any()
    here = model.path(table, y, alphas=[2 * model.alpha_, model.alpha_])
    np.testing.assert_allclose(here.loc[model.alpha_], model.fixed_, atol=1e-3)


@pytest.mark.parametrize("random", RANDOM)
def test_the_order_of_rows_does_not_matter(random: str) -> None:
    model, table, y = fitted("poisson", random, alpha=0.03, variances="in_sample")
    order = np.random.default_rng(0).permutation(len(y))
    again = clone(model).fit(table.iloc[order], y.iloc[order])
    np.testing.assert_allclose(again.fixed_, model.fixed_, atol=1e-5)
    np.testing.assert_allclose(
        again.predict(table.iloc[order]), model.predict(table)[order], rtol=1e-4
    )


def test_a_level_per_row_takes_up_the_spread_of_counts() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, 6))).add_prefix("x")
    y = rng.poisson(np.exp(1.0 + table["x0"] + rng.normal(size=300)))
    model = PenalizedGeneralizedMixedModel(
        "row", family="poisson", alpha=0.02, variances="in_sample"
    ).fit(table.assign(row=np.arange(300)), y)
    assert model.variance_components_["variance"][0] == pytest.approx(1.0, abs=0.25)


def test_a_probit_is_a_probit() -> None:
    table, y = table_of()
    X = table.drop(columns="h")
    model = PenalizedGeneralizedMixedModel("g", link="probit", alpha=0.03).fit(X, y)
    row = X.head(1)
    effect = model.random_effects_["g"].loc[0, "Intercept"]
    eta = model._fixed_part(Columns(row))[0] + effect
    assert model.predict_proba(row)[0, 1] == pytest.approx(norm.cdf(eta))
    assert model.decision_function(row)[0] == pytest.approx(eta)


def test_clones_and_pickles_predict_the_same() -> None:
    model, table, y = fitted("binomial", "(1 | g)", alpha=0.03)
    again = clone(model).fit(table, y)
    np.testing.assert_array_equal(
        again.predict_proba(table), model.predict_proba(table)
    )
    thawed = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        thawed.predict_proba(table), model.predict_proba(table)
    )


def test_variance_components_have_no_residual() -> None:
    model, _, _ = fitted("binomial", "(1 | g) + (1 | h)", alpha=0.03)
    assert list(model.variance_components_["group"]) == ["g", "h"]
    assert {"g.Intercept", "h.Intercept", "loglik"} <= set(model.trace_)


@pytest.mark.slow
def test_alpha_is_tuned_in_the_chain() -> None:
    table, y = table_of("poisson", groups=18)
    alphas = {"alpha": FloatDistribution(1e-3, 0.3, log=True)}
    cv = (
        CrossValidation()
        .set_data(table.drop(columns=["g", "h"]), y, groups=table["g"])
        .set_splits("GroupKFold", n_splits_out=3, n_splits_in=3)
        .set_inner_cv(n_trials=3)
        .set_run(random_seed=1)
        .add_model(
            PenalizedGeneralizedMixedModel(family="poisson", variances="in_sample"),
            params=alphas,
            model_name="Tuned",
        )
    )
    results = cv.perform().results
    assert results.params["alpha"].between(1e-3, 0.3).all()
    assert not results.traces.empty


@pytest.mark.slow
def test_the_group_variance_of_binary_data_is_not_halved() -> None:
    found, wanted = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        codes = np.repeat(np.arange(100), 6)
        table = pd.DataFrame(rng.normal(size=(600, 20))).add_prefix("x")
        table["g"] = codes
        fixed = table["x0"].to_numpy() - table["x1"].to_numpy()
        y = (rng.logistic(size=600) < fixed + rng.normal(size=100)[codes]).astype(float)
        model = PenalizedGeneralizedMixedModel("g", alpha=0.03, n_quadrature=9)
        model.fit(table, y)
        found.append(model.variance_components_["variance"].iloc[0])
        _, design = learn_random(Columns(table), model._terms())
        oracle = refit_random_part(Binomial(), y, fixed, design, n_nodes=9)
        wanted.append(oracle.covariances[0][0, 0])
    assert 0.8 < np.mean(found) / np.mean(wanted) < 1.2


def refused(kind: type[Exception], table: pd.DataFrame, y, **options) -> str:
    model = PenalizedGeneralizedMixedModel("g", **options)
    with pytest.raises(kind) as told:
        model.fit(table, y)
    return str(told.value)


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (
            [0, 1, 2] * 64,
            {},
            "Only binary classification is supported. A binomial target must have two "
            "classes, got 3: [0, 1, 2]; merge classes, take a multiclass model, or for counts another `family`.",
        ),
        (
            [0.5, 1.7, 2.2] * 64,
            {},
            "Unknown label type: continuous; a binomial target without `weights` holds "
            "two classes, so pass the numbers of trials as `weights` beside shares.",
        ),
        (
            ["yes"] * 192,
            {},
            "a binomial target must have two classes, got only one class 'yes'; pass "
            "rows of both.",
        ),
        (
            [0.0, 1.0, np.nan] * 64,
            {},
            "Input y contains NaN.",
        ),
        (
            ["yes", "no", None] * 64,
            {},
            "`y` must have a class in every row, got missing values; drop these rows.",
        ),
        (
            [1, 2, -1] * 64,
            {"family": "poisson"},
            "a Poisson target must hold counts (0, 1, 2, ...), got -1; take another "
            "family.",
        ),
        (
            [0, 1] * 96,
            {"family": "binomal"},
            "`family` must be one of 'binomial', 'poisson', got 'binomal'; did you "
            "mean 'binomial'?",
        ),
        (
            [0, 1] * 96,
            {"family": "gamma"},
            "`family` must be one of 'binomial', 'poisson', got 'gamma'; choose one of "
            "them.",
        ),
        (
            [0, 1] * 96,
            {"n_quadrature": 5, "slopes": "x4"},
            "`n_quadrature` = 5 needs one grouping factor with one effect, got 1 with 2 "
            "in all; leave it at 1.",
        ),
        (
            [0, 1] * 96,
            {"alpha": -1.0},
            "`alpha` must lie in [0, inf), got -1.0.",
        ),
        (
            [0, 1] * 96,
            {"penalty": "L1"},
            "`penalty` must be one of 'l1', 'l2', 'elasticnet', got 'L1'; did you mean "
            "'l1'?",
        ),
    ],
)
def test_a_target_or_setting_that_does_not_fit_is_refused(
    target: list, options: dict, message: str
) -> None:
    table, _ = table_of()
    assert refused(ValueError, table.drop(columns="h"), target, **options) == message


def test_a_single_group_is_refused() -> None:
    table, y = table_of()
    table = table.drop(columns="h").assign(g="only")
    assert refused(NotIdentifiableError, table, y) == (
        "grouping factor 'g' must have at least two levels, got 1; its variance "
        "cannot be estimated from one."
    )


def test_columns_without_penalty_that_separate_the_target_are_told() -> None:
    table, _ = table_of()
    table = table.drop(columns="h")
    y = np.where(table["x3"] > 0.0, "yes", "no")
    model = PenalizedGeneralizedMixedModel(
        "g", alpha=0.05, unpenalized="x3", variances="in_sample"
    )
    with pytest.warns(SeparationWarning) as told:
        model.fit(table, y)
    sentence = (
        "unpenalised columns ['x3'] separate the target, so their estimates grow "
        "without end; penalise, drop or coarsen them."
    )
    assert sentence in [str(warning.message) for warning in told]
    assert not model.converged_
    penalised = clone(model).set_params(unpenalized=()).fit(table, y)
    assert penalised.converged_
    assert penalised.fixed_effects_.loc["x3", "selected"]


def test_a_fit_that_has_not_settled_says_so() -> None:
    table, y = table_of()
    model = PenalizedGeneralizedMixedModel("g", alpha=0.03, max_iterations=1)
    with pytest.warns(ConvergenceWarning, match="have not settled after 1 iteration"):
        model.fit(table.drop(columns="h"), y)
    assert not model.converged_


def test_random_terms_are_read_as_in_the_linear_model() -> None:
    model = PenalizedGeneralizedMixedModel(random="(1 + x4 | g)")
    assert model._terms() == random_terms(random="(1 + x4 | g)")
    assert model.grouping_columns() == ("g",)
