"""Lasso, ridge and elastic net with random effects."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.base import clone
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from sklearn.model_selection import GroupShuffleSplit
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv import CrossValidation
from flexcv.errors import (
    ConvergenceWarning,
    ModelError,
    NotIdentifiableError,
    RankDeficiencyWarning,
)
from flexcv.models import LinearMixedEffectsModel, PenalizedLinearMixedModel
from flexcv.testing import check_mixed_model

RATIOS = {"l1": 1.0, "l2": 0.0, "elasticnet": 0.4}
RANDOM = ["(1 | g)", "(1 + x4 | g)", "(1 | g) + (1 | h)"]


def table_of(
    n_columns: int = 12, groups: int = 20, each: int = 6, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series]:
    """Draw columns of which x0 and x1 are constant within groups; g and h are groups."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(groups), each)
    values = rng.normal(size=(len(codes), n_columns)) * np.geomspace(0.3, 3, n_columns)
    values[:, :2] = rng.normal(size=(groups, 2))[codes]
    table = pd.DataFrame(values).add_prefix("x")
    table["g"], table["h"] = codes, rng.integers(0, 6, len(codes))
    slopes = 1.0 + 0.5 * rng.normal(size=groups)
    y = 2.0 + table["x0"] + table["x2"] + slopes[codes] * table["x4"]
    y += rng.normal(size=groups)[codes] + 0.7 * rng.normal(size=6)[table["h"]]
    return table, y + 0.8 * rng.normal(size=len(codes))


def options_of(random: str) -> dict:
    return {"random": random} | {"tol": 1e-9}


def features(table: pd.DataFrame, random: str) -> pd.DataFrame:
    return table if "h)" in random else table.drop(columns="h")


def marginal_inverse(model: PenalizedLinearMixedModel, table: pd.DataFrame):
    """Return (V / sigma^2)^-1 by brute force."""
    n, total = len(table), np.eye(len(table))
    columns = {"Intercept": np.ones(n)} | {c: table[c].to_numpy() for c in table}
    for (name, effects), d in zip(
        model.random_effects_.items(), model.random_part_.covariances, strict=True
    ):
        z = np.column_stack([columns[effect] for effect in effects])
        same = np.equal.outer(table[name].to_numpy(), table[name].to_numpy())
        total += same * (z @ d @ z.T) / model.sigma_**2
    return np.linalg.inv(total)


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("penalty", list(RATIOS))
@pytest.mark.parametrize("random", RANDOM)
def test_the_conditions_of_the_marginal_objective_hold(
    random: str, penalty: str, standardise: bool
) -> None:
    table, y = table_of()
    table, rho, alpha = features(table, random), RATIOS[penalty], 0.15
    model = PenalizedLinearMixedModel(
        random=random, penalty=penalty, alpha=alpha, l1_ratio=0.4,
        standardise=standardise,
    ).fit(table, y)  # fmt: skip
    inverse, n = marginal_inverse(model, table), len(y)
    frame = model.fixed_effects_
    X = np.column_stack([np.ones(n), table[frame.index[1:]]])
    beta, penalised = frame["estimate"].to_numpy(), frame["penalized"].to_numpy()
    pull = X.T @ inverse @ (y - X @ beta) / n
    assert np.abs(pull[~penalised]).max() < 1e-9
    free = X[:, ~penalised]
    around = inverse - inverse @ free @ np.linalg.solve(
        free.T @ inverse @ free, free.T @ inverse
    )
    omega = np.ones(len(beta))
    if standardise:
        omega = np.sqrt(np.maximum(np.diag(X.T @ around @ X), 0.0) / n)
    pull -= alpha * (1.0 - rho) * omega**2 * beta
    bound = alpha * rho * omega
    selected = penalised & (beta != 0.0)
    np.testing.assert_allclose(
        pull[selected], (bound * np.sign(beta))[selected], atol=1e-9
    )
    assert (np.abs(pull) <= bound + 1e-9)[penalised & ~selected].all()
    assert selected.any()


@pytest.mark.parametrize("random", RANDOM)
def test_no_penalty_is_maximum_likelihood(random: str) -> None:
    table, y = table_of()
    table = features(table, random)
    model = PenalizedLinearMixedModel(random=random, alpha=0).fit(table, y)
    oracle = LinearMixedEffectsModel(random=random, reml=False).fit(table, y)
    np.testing.assert_allclose(model.fixed_, oracle.coefficients_, atol=1e-8)
    np.testing.assert_allclose(
        model.variance_components_["variance"],
        oracle.variance_components_["variance"],
        rtol=1e-8,
    )
    np.testing.assert_allclose(model.predict(table), oracle.predict(table), atol=1e-8)
    assert model.loglik_ == pytest.approx(oracle.loglik_, abs=1e-8)


@pytest.mark.parametrize("random", RANDOM)
@pytest.mark.parametrize("penalty", list(RATIOS))
def test_a_vanishing_penalty_tends_to_maximum_likelihood(
    random: str, penalty: str
) -> None:
    table, y = table_of()
    table = features(table, random)
    model = PenalizedLinearMixedModel(
        random=random, penalty=penalty, alpha=1e-8, variances="in_sample", tol=1e-9
    ).fit(table, y)
    oracle = LinearMixedEffectsModel(random=random, reml=False).fit(table, y)
    np.testing.assert_allclose(model.fixed_, oracle.coefficients_, atol=1e-5)
    np.testing.assert_allclose(
        model.variance_components_["variance"],
        oracle.variance_components_["variance"],
        rtol=1e-4,
    )


@pytest.mark.parametrize("penalty", list(RATIOS))
def test_without_groups_it_is_scikit_learns_model(penalty: str) -> None:
    table, y = table_of(40)
    X, alpha, n = table.drop(columns=["g", "h"]), 0.07, len(y)
    model = PenalizedLinearMixedModel(
        penalty=penalty, alpha=alpha, l1_ratio=0.4, standardise=False
    ).fit(X, y)
    oracle = {
        "l1": Lasso(alpha, tol=1e-14, max_iter=1_000_000),
        "l2": Ridge(n * alpha),
        "elasticnet": ElasticNet(alpha, l1_ratio=0.4, tol=1e-14, max_iter=1_000_000),
    }[penalty].fit(X, y)
    np.testing.assert_allclose(model.coef_, oracle.coef_, atol=1e-7)
    assert model.intercept_ == pytest.approx(oracle.intercept_, abs=1e-7)
    np.testing.assert_allclose(model.predict(X), oracle.predict(X), atol=1e-6)


@parametrize_with_checks(
    [
        PenalizedLinearMixedModel(),
        PenalizedLinearMixedModel(penalty="l2"),
        PenalizedLinearMixedModel(penalty="elasticnet", alpha=0.01),
    ],
    expected_failed_checks=lambda model: (
        {"check_sample_weight_equivalence_on_dense_data": "alpha is chosen on rows"}
        if model.alpha == "cv"
        else {}
    ),
)
def test_scikit_learn_accepts_the_estimator_without_groups(estimator, check) -> None:
    check(estimator)


@pytest.mark.parametrize("penalty", list(RATIOS))
def test_it_keeps_the_contract_of_mixed_models(penalty: str) -> None:
    check_mixed_model(
        lambda **options: PenalizedLinearMixedModel(penalty=penalty, **options),
        exceptions=["order_of_rows_decides_nothing"],
    )


@pytest.mark.parametrize("alpha", ["cv", 0.2])
def test_a_variance_of_zero_leaves_the_plain_lasso(alpha: float | str) -> None:
    table, _ = table_of()
    rng = np.random.default_rng(3)
    table, y = table.drop(columns="h"), table["x2"] + rng.normal(size=len(table))
    y -= y.groupby(table["g"]).transform("mean")
    model = PenalizedLinearMixedModel("g", alpha=alpha).fit(table, y)
    plain = PenalizedLinearMixedModel(alpha=model.alpha_)
    plain.fit(table.drop(columns="g"), y)
    assert model.variance_components_["variance"][0] == 0.0
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-10)


def test_intercept_named_columns_and_slopes_have_no_penalty() -> None:
    table, y = table_of()
    table["kind"] = np.where(table["h"] < 3, "a", "b")
    model = PenalizedLinearMixedModel(
        "g", "x4", alpha=100.0, unpenalized=("x3", "kind")
    ).fit(table.drop(columns="h"), y)
    free = model.fixed_effects_.query("not penalized")
    assert list(free.index) == ["Intercept", "x3", "x4", "kind[T.b]"]
    assert free["selected"].all()
    assert not model.fixed_effects_.query("penalized")["selected"].any()


def test_a_path_passes_through_the_fit_and_ends_with_everything() -> None:
    table, y = table_of()
    table = table.drop(columns="h")
    model = PenalizedLinearMixedModel("g", alpha=0.1).fit(table, y)
    path = model.path(table, y)
    assert path.index.is_monotonic_decreasing
    assert list(path.columns) == list(model.fixed_effects_.index)
    assert not path.iloc[0].drop("Intercept").abs().gt(1e-12).any()
    assert np.count_nonzero(path.iloc[-1]) > 0.9 * path.shape[1]
    here = model.path(table, y, alphas=[0.05, 0.1]).loc[0.1]
    np.testing.assert_allclose(here, model.fixed_, atol=5e-3)


def test_alpha_is_chosen_where_held_out_groups_are_predicted_best() -> None:
    table, y = table_of(30)
    model = PenalizedLinearMixedModel("g").fit(table.drop(columns="h"), y)
    losses = model.cv_results_["loss"]
    assert losses.idxmin() == model.alpha_
    assert losses.min() < losses.iloc[0]
    assert losses.min() < losses.iloc[-1]
    assert (model.cv_results_["standard_error"] > 0).all()


def test_effects_constant_within_groups_are_found() -> None:
    table, y = table_of(40, groups=60)
    model = PenalizedLinearMixedModel("g").fit(table.drop(columns="h"), y)
    frame = model.fixed_effects_
    assert frame.loc[["x0", "x2"], "selected"].all()
    assert frame.loc["x0", "estimate"] == pytest.approx(1.0, abs=0.5)


def test_the_trace_has_a_row_per_round_and_callbacks_see_it() -> None:
    table, y = table_of()
    seen: list[float] = []
    model = PenalizedLinearMixedModel(
        "g", alpha=0.1, callbacks=lambda row: seen.append(row["sigma2"])
    ).fit(table.drop(columns="h"), y)
    assert model.trace_.index.name == "iteration"
    assert list(model.trace_.index) == list(range(1, model.n_iter_ + 1))
    assert model.trace_["sigma2"].tolist() == seen
    assert {"loglik", "g.Intercept", "change", "alpha", "selected"} <= set(model.trace_)
    assert model.converged_
    assert model.trace_["change"].iloc[-1] < model.tol


def test_a_callback_that_returns_true_stops_the_fit() -> None:
    table, y = table_of()
    model = PenalizedLinearMixedModel(
        "g", alpha=0.1, callbacks=[lambda row: row["iteration"] == 2], tol=0
    ).fit(table.drop(columns="h"), y)
    assert model.n_iter_ == 2
    assert not model.converged_


def test_a_fit_that_has_not_settled_says_so() -> None:
    table, y = table_of()
    model = PenalizedLinearMixedModel("g", alpha=0.1, max_iterations=1)
    with pytest.warns(ConvergenceWarning) as told:
        model.fit(table.drop(columns="h"), y)
    change = model.trace_["change"].iloc[-1]
    assert str(told[0].message) == (
        "the variances have not settled after 1 iteration(s): they last changed by "
        f"{change:.2g} of their sum and `tol` is 1e-05; raise `max_iterations` or `tol`."
    )
    assert not model.converged_


def test_rows_held_out_raise_the_residual_variance_and_groups_that_of_groups() -> None:
    table, y = table_of(60)
    table = table.drop(columns="h")
    found = {
        variances: PenalizedLinearMixedModel("g", alpha=0.05, variances=variances)
        .fit(table, y)
        .variance_components_["variance"]
        for variances in ("in_sample", "out_of_fold", "held_out_groups")
    }
    assert found["in_sample"][1] < found["out_of_fold"][1]
    assert found["out_of_fold"][0] < found["held_out_groups"][0]


def test_clones_and_pickles_predict_the_same() -> None:
    table, y = table_of()
    table = table.drop(columns="h")
    model = PenalizedLinearMixedModel("g").fit(table, y)
    again = clone(model).fit(table, y)
    np.testing.assert_array_equal(again.predict(table), model.predict(table))
    thawed = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(thawed.predict(table), model.predict(table))


def test_alpha_is_tuned_in_the_chain() -> None:
    table, y = table_of(20, groups=60)
    alphas = {"alpha": FloatDistribution(1e-3, 1.0, log=True)}
    cv = (
        CrossValidation()
        .set_data(table.drop(columns=["g", "h"]), y, groups=table["g"])
        .set_splits("GroupKFold", n_splits_out=3, n_splits_in=3)
        .set_inner_cv(n_trials=4)
        .set_run(random_seed=1)
        .add_model(PenalizedLinearMixedModel(), params=alphas, model_name="Tuned")
        .add_model(PenalizedLinearMixedModel(alpha=1.0), model_name="Empty")
    )
    results = cv.perform().results
    assert results.params["alpha"].nunique() == 3
    mse = results.summary.loc[("mean", "mse")]
    assert mse["Tuned"] < 0.8 * mse["Empty"]
    assert set(results.traces["model"]) == {"Tuned", "Empty"}


def refused(kind: type[Exception], table: pd.DataFrame, y, **options) -> str:
    with pytest.raises(kind) as told:
        PenalizedLinearMixedModel(**options).fit(table, y)
    return str(told.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -0.1}, "`alpha` must lie in [0, inf), got -0.1."),
        ({"alpha": np.nan}, "`alpha` must lie in [0, inf), got nan."),
        (
            {"alpha": "CV"},
            "`alpha` must be 'cv' or a number, got 'CV'; did you mean 'cv'?",
        ),
        (
            {"penalty": "elastic-net"},
            "`penalty` must be one of 'l1', 'l2', 'elasticnet', got 'elastic-net'; "
            "did you mean 'elasticnet'?",
        ),
        (
            {"penalty": "scad"},
            "`penalty` must be one of 'l1', 'l2', 'elasticnet', got 'scad'; choose "
            "one of them.",
        ),
        ({"l1_ratio": 1.5}, "`l1_ratio` must lie in [0, 1], got 1.5."),
        (
            {"variances": "insample"},
            "`variances` must be one of 'out_of_fold', 'held_out_groups', 'in_sample'"
            ", got 'insample'; did you mean 'in_sample'?",
        ),
        ({"folds": 1}, "`folds` must be at least 2, got 1."),
        ({"n_alphas": 1}, "`n_alphas` must be at least 2, got 1."),
        ({"max_iterations": 0}, "`max_iterations` must be at least 1, got 0."),
        (
            {"unpenalized": "x33"},
            "`unpenalized` names column 'x33', which is not among the features; did "
            "you mean 'x3'?",
        ),
        (
            {"unpenalized": "g"},
            "`unpenalized` names column 'g', which is not among the features; check "
            "the name.",
        ),
        (
            {"known_groups": "conditionl"},
            "`known_groups` must be one of 'conditional', 'population', got 'conditionl'; "
            "did you mean 'conditional'?",
        ),
    ],
)
def test_a_setting_that_means_nothing_is_refused(options: dict, message: str) -> None:
    table, y = table_of(6)
    options = {"groups": "g"} | options
    assert refused(ValueError, table.drop(columns="h"), y, **options) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": None}, "`alpha` must be a number, got None."),
        ({"alpha": True}, "`alpha` must be a number, got True."),
        ({"standardise": 1}, "`standardise` must be True or False, got 1."),
        (
            {"folds": 2.5},
            "`folds` must be a whole number or a splitter, got 2.5.",
        ),
        ({"n_alphas": 10.0}, "`n_alphas` must be a whole number, got 10.0."),
    ],
)
def test_a_setting_of_a_wrong_kind_is_refused(options: dict, message: str) -> None:
    table, y = table_of(6)
    assert refused(TypeError, table.drop(columns="h"), y, **options) == message


def test_more_unpenalised_columns_than_rows_are_refused() -> None:
    table, y = table_of(12)
    few, target = table.drop(columns="h").iloc[:12], y.iloc[:12]
    names = [f"x{k}" for k in range(12)]
    assert refused(ValueError, few, target, groups="g", unpenalized=names) == (
        "a fit needs more rows than columns without a penalty (the intercept among "
        "them), got n_samples = 12 and 13 columns; penalise some of them."
    )
    assert refused(ValueError, few, target, groups="g", alpha=0) == (
        "a fit needs more rows than columns without a penalty (the intercept among "
        "them), got n_samples = 12 and 13 columns; take a positive alpha."
    )


def test_residuals_of_held_out_groups_need_each_row_once() -> None:
    table, y = table_of(6)
    options = {"folds": GroupShuffleSplit(2, test_size=0.2, random_state=0)}
    told = refused(
        ValueError, table.drop(columns="h"), y,
        groups="g", variances="held_out_groups", **options,
    )  # fmt: skip
    assert told == (
        "variances='held_out_groups' needs `folds` that leave every row out once, got "
        "36 of 120 rows in 2 folds; pass a number or a GroupKFold."
    )
    model = PenalizedLinearMixedModel("g", **options).fit(table.drop(columns="h"), y)
    assert len(model.cv_results_) == 100
    assert not hasattr(model.set_params(alpha=0.1).fit(table, y), "cv_results_")


def test_constant_columns_are_told_and_get_zero() -> None:
    table, y = table_of(6)
    table = table.drop(columns="h")
    plain = PenalizedLinearMixedModel("g", alpha=0.1).fit(table, y)
    model = PenalizedLinearMixedModel("g", alpha=0.1)
    with pytest.warns(RankDeficiencyWarning) as told:
        model.fit(table.assign(c=7.0), y)
    assert str(told[0].message) == (
        "columns ['c'] do not vary, so their coefficients are zero; remove them to "
        "silence this."
    )
    assert model.fixed_effects_.loc["c", "estimate"] == 0.0
    np.testing.assert_allclose(model.fixed_[:-1], plain.fixed_)


def test_redundant_unpenalised_columns_are_told_and_dropped() -> None:
    table, y = table_of(6)
    table = table.drop(columns="h").assign(twice=lambda t: 2.0 * t["x1"])
    model = PenalizedLinearMixedModel("g", alpha=0.1, unpenalized=("x1", "twice"))
    with pytest.warns(RankDeficiencyWarning) as told:
        model.fit(table, y)
    assert str(told[0].message) == (
        "unpenalised columns ['twice'] are determined by earlier ones and were "
        "dropped; remove them to silence this."
    )
    assert model.fixed_effects_.loc["twice", "estimate"] == 0.0


def test_missing_values_are_refused() -> None:
    table, y = table_of(6)
    table = table.drop(columns="h")
    gap = table.copy()
    gap.loc[3, "x1"] = np.nan
    assert refused(ValueError, gap, y, groups="g") == (
        "column 'x1' must be finite, got missing values; fill them or drop the rows."
    )
    assert refused(ValueError, table, y.where(y > y.min()), groups="g") == (
        "`y` must be finite, got missing or infinite values; drop these rows."
    )


def test_a_single_group_is_refused() -> None:
    table, y = table_of(6)
    table = table.drop(columns="h").assign(g="only")
    assert refused(NotIdentifiableError, table, y, groups="g") == (
        "grouping factor 'g' must have at least two levels, got 1; its variance "
        "cannot be estimated from one."
    )


def test_a_target_without_variance_is_refused() -> None:
    table, y = table_of(6)
    assert refused(ModelError, table.drop(columns="h"), 0 * y + 3, groups="g") == (
        "the fixed part fits the target exactly, so no variance is left to estimate; "
        "use a model without random effects."
    )


def test_fits_are_quiet_and_leave_the_table_alone() -> None:
    table, y = table_of(8)
    table = table.drop(columns="h")
    before = table.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PenalizedLinearMixedModel("g").fit(table, y)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.slow
def test_two_thousand_columns_take_seconds() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(500, 2000))).add_prefix("x")
    table["g"] = np.repeat(np.arange(50), 10)
    y = table[["x0", "x1", "x2"]].sum(axis=1) + rng.normal(size=50)[table["g"]]
    model = PenalizedLinearMixedModel("g", n_alphas=40)
    model.fit(table, y + rng.normal(size=500))
    assert model.fixed_effects_.loc[["x0", "x1", "x2"], "selected"].all()
    assert model.converged_


def test_a_fit_leaves_the_global_generator_alone():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    table["g"] = np.arange(60) % 6
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    PenalizedLinearMixedModel("g", alpha=0.05).fit(
        table, table["a"] + rng.normal(size=60)
    )
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
