import logging
import subprocess
import sys

import merf
import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.utils.estimator_checks import parametrize_with_checks
from xgboost import XGBRegressor

from flexcv import CrossValidation
from flexcv._rounding import on_grid
from flexcv.datasets import load_penicillin, load_sleepstudy
from flexcv.errors import (
    ConvergenceWarning,
    ModelError,
    NotIdentifiableError,
    UnitError,
)
from flexcv.merf import MERF
from flexcv.models import LinearMixedEffectsModel

logging.getLogger("merf").setLevel(logging.ERROR)


def drawn(seed=0, n_groups=30, n_rows=12, intercept=1.0, slope=0.0):
    """A table with a bent fixed part, group effects and noise of variance 1."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), n_rows)
    x = rng.normal(size=(len(group), 2))
    effects = rng.normal(size=(n_groups, 2)) * np.sqrt([intercept, slope])
    y = 1.5 * np.tanh(2.0 * x[:, 0]) + (x[:, 1] > 0.0) + rng.normal(size=len(group))
    y += effects[group, 0] + effects[group, 1] * x[:, 0]
    return pd.DataFrame({"x1": x[:, 0], "x2": x[:, 1], "group": group}), pd.Series(y)


def forest(trees=30, **settings):
    return RandomForestRegressor(trees, random_state=1, **settings)


class Stumbles(RegressorMixin, BaseEstimator):
    """Fails as soon as the target is no longer the first one."""

    def __init__(self, first=0.0):
        self.first = first

    def fit(self, X, y):
        if y[0] != self.first:
            raise RuntimeError("stumbled")
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


# -- a scikit-learn estimator --


@parametrize_with_checks(
    [MERF(Ridge()), MERF(RandomForestRegressor(5, random_state=0))],
    expected_failed_checks={},
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks_pass_without_groups(estimator, check):
    check(estimator)


def test_without_groups_it_is_the_plain_learner():
    X, y = drawn()
    features = X[["x1", "x2"]]
    expected = forest().fit(features, y).predict(features)
    np.testing.assert_array_equal(
        MERF(forest()).fit(features, y).predict(features), expected
    )


def test_without_iterations_it_is_the_plain_learner():
    X, y = drawn()
    features = X[["x1", "x2"]]
    model = MERF(forest(), "group", max_iterations=0).fit(X, y)
    expected = forest().fit(features, y).predict(features)
    np.testing.assert_array_equal(model.predict(X), expected)
    assert model.trace_.empty
    assert model.n_iter_ == 0


def test_the_default_learner_is_made_in_fit():
    X, y = drawn(n_groups=5)
    model = MERF(groups="group", random_state=0).fit(X, y)
    assert model.estimator is None
    assert isinstance(model.learner_, RandomForestRegressor)


def test_the_learner_given_is_cloned():
    X, y = drawn(n_groups=5)
    learner = forest(10)
    MERF(learner, "group").fit(X, y)
    assert not hasattr(learner, "estimators_")
    assert learner.oob_score is False


def test_nested_parameters_are_tuned_by_name():
    X, y = drawn()
    grid = {"estimator__alpha": [0.1, 1e4]}
    search = GridSearchCV(MERF(Ridge(), "group"), grid, cv=KFold(3, shuffle=True))
    assert search.fit(X, y).best_params_ == {"estimator__alpha": 0.1}


@pytest.mark.parametrize(
    "learner",
    [
        LinearRegression(),
        SVR(),
        KNeighborsRegressor(),
        HistGradientBoostingRegressor(max_iter=20),
        GradientBoostingRegressor(n_estimators=20),
        XGBRegressor(n_estimators=20, max_depth=2, n_jobs=1),
        BaggingRegressor(n_estimators=30),
        make_pipeline(StandardScaler(), RandomForestRegressor(30)),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_any_regressor_gains_from_the_groups(learner):
    X, y = drawn(intercept=4.0)
    train, test = X.index % 4 > 0, X.index % 4 == 0
    model = MERF(learner, "group", random_state=0).fit(X[train], y[train])
    plain = MERF(learner, random_state=0).fit(X[train][["x1", "x2"]], y[train])
    gained = model.score(X[test], y[test])
    assert gained > plain.score(X[test][["x1", "x2"]], y[test]) + 0.1


def test_equal_seeds_give_equal_fits_and_leave_the_global_generator_alone():
    X, y = drawn(n_groups=8)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fits = [
        MERF(RandomForestRegressor(10), "group", random_state=3).fit(X, y).predict(X)
        for _ in range(2)
    ]
    MERF(forest(5), "group", max_iterations=3, tol=None).fit(X, y)
    np.testing.assert_array_equal(*fits)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_importing_it_loads_no_picture_library():
    code = (
        "import sys, types; sys.modules['flexcv'] = m = types.ModuleType('flexcv');"
        "import importlib.util as u;"
        "m.__path__ = [u.find_spec('sklearn').origin and p for p in [%r]];"
        "import flexcv.merf; print('matplotlib' in sys.modules)"
    )
    folder = str(__import__("pathlib").Path(sys.modules["flexcv"].__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-c", code % folder],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "False"


# -- agreement with the merf package 1.0: sigma^2, D, b and GLL, step by step --


def standardised(y):
    """The package starts at variances of one, here in units of the target's."""
    return (y - y.mean()) / y.std(ddof=0)


def package_fit(X, y, columns, iterations):
    model = merf.MERF(LinearRegression(), max_iterations=iterations)
    Z = np.column_stack([np.ones(len(X)), X[columns]])
    return model.fit(X[["x1", "x2"]].to_numpy(), Z, X["group"], y.to_numpy())


@pytest.mark.parametrize("slopes", [(), ("x1",), ("x1", "x2")])
def test_each_em_step_equals_that_of_the_merf_package(slopes):
    X, y = drawn(slope=0.5)
    y = standardised(y)
    expected = package_fit(X, y, list(slopes), 6)
    model = MERF(
        LinearRegression(),
        "group",
        slopes,
        solver="em",
        fit_prediction="in_sample",
        max_iterations=6,
        tol=None,
        keep_random_effects=True,
    ).fit(X, y)
    trace = model.trace_
    np.testing.assert_allclose(
        trace["sigma2"], expected.sigma2_hat_history[1:], rtol=1e-8
    )
    np.testing.assert_allclose(trace["gll"], expected.gll_history, rtol=1e-8)
    np.testing.assert_allclose(
        model.random_part_.covariances[0], expected.D_hat_history[-1], atol=1e-8
    )
    for iteration, theirs in enumerate(expected.b_hat_history[1:], start=1):
        mine = model.random_effects_trace_.loc[iteration, "group"]
        np.testing.assert_allclose(mine, theirs.sort_index(), atol=1e-8)
    Z = np.column_stack([np.ones(len(X)), X[list(slopes)]])
    np.testing.assert_allclose(
        model.predict(X),
        expected.predict(X[["x1", "x2"]].to_numpy(), Z, X["group"]),
        atol=1e-8,
    )


def test_a_forest_gives_the_em_step_of_the_merf_package_at_equal_fitted_values():
    X, y = drawn(slope=0.5)
    y[:] = on_grid(standardised(y).to_numpy())
    package = merf.MERF(forest(), max_iterations=1)
    Z = np.column_stack([np.ones(len(X)), X["x1"]])
    package.fit(X[["x1", "x2"]].to_numpy(), Z, X["group"], y.to_numpy())
    model = MERF(
        forest(), "group", "x1", solver="em", fit_prediction="in_sample", tol=None
    )
    model.set_params(max_iterations=1).fit(X, y)
    np.testing.assert_allclose(
        model.fitted_, package.fe_model.predict(X[["x1", "x2"]].to_numpy()), rtol=1e-10
    )
    assert model.sigma_**2 == pytest.approx(package.sigma2_hat_history[-1], rel=1e-8)


# -- laws --


@pytest.mark.parametrize("slopes", [(), ("Days",)])
def test_around_least_squares_it_is_the_ml_mixed_model(slopes):
    sleep = load_sleepstudy()
    X, y = sleep[["Days", "Subject"]], sleep["Reaction"]
    model = MERF(LinearRegression(), "Subject", slopes).fit(X, y)
    expected = LinearMixedEffectsModel("Subject", slopes, reml=False).fit(X, y)
    np.testing.assert_allclose(
        model.variance_components_["variance"],
        expected.variance_components_["variance"],
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        [model.learner_.intercept_, *model.learner_.coef_],
        expected.coefficients_,
        rtol=1e-4,
    )
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-6)


def test_around_least_squares_with_unequal_groups_it_becomes_the_ml_mixed_model():
    X, y = drawn(1, slope=0.3)
    rows = np.random.default_rng(0).choice(len(X), 200, replace=False)
    X, y = X.iloc[rows], y.iloc[rows]
    model = MERF(LinearRegression(), "group", "x1").fit(X, y)
    expected = LinearMixedEffectsModel("group", "x1", reml=False).fit(X, y)
    np.testing.assert_allclose(
        model.variance_components_["variance"],
        expected.variance_components_["variance"],
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        model.learner_.coef_, expected.coefficients_[1:], rtol=1e-3
    )
    assert model.converged_


def test_crossed_factors_go_through_the_mixed_models_engine():
    table = load_penicillin()
    X, y = table.drop(columns="diameter").assign(one=1.0), table["diameter"]
    random = "(1 | plate) + (1 | sample)"
    model = MERF(LinearRegression(), random=random).fit(X, y)
    expected = LinearMixedEffectsModel(random=random, reml=False, formula="1").fit(X, y)
    np.testing.assert_allclose(
        model.variance_components_["variance"],
        expected.variance_components_["variance"],
        rtol=1e-4,
    )
    assert model.grouping_columns() == ("plate", "sample")


def test_new_names_of_the_groups_change_nothing():
    X, y = drawn(n_groups=10)
    named = X.assign(group="group " + (99 - X["group"]).astype(str))
    one = MERF(Ridge(), "group").fit(X, y).predict(X)
    other = MERF(Ridge(), "group").fit(named, y).predict(named)
    np.testing.assert_allclose(one, other, rtol=1e-8)


def test_the_order_of_the_rows_changes_nothing_for_a_deterministic_learner():
    X, y = drawn(slope=0.5)
    order = np.random.default_rng(0).permutation(len(X))
    one = MERF(LinearRegression(), "group", "x1").fit(X, y)
    other = MERF(LinearRegression(), "group", "x1").fit(X.iloc[order], y.iloc[order])
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-8)


def test_the_fitted_variances_scale_with_the_target():
    X, y = drawn()
    one = MERF(LinearRegression(), "group").fit(X, y)
    other = MERF(LinearRegression(), "group").fit(X, 1000.0 * y)
    np.testing.assert_allclose(
        other.variance_components_["variance"],
        1e6 * one.variance_components_["variance"],
        rtol=1e-6,
    )
    assert one.n_iter_ == other.n_iter_


def test_unknown_groups_get_the_fixed_part():
    X, y = drawn()
    model = MERF(forest(), "group").fit(X, y)
    unknown = model.predict(X.assign(group=X["group"] + 1000))
    population = model.set_params(known_groups="population").predict(X)
    np.testing.assert_array_equal(unknown, population)


# -- honest variances --


@pytest.mark.slow
@pytest.mark.parametrize(("intercept", "slope"), [(1.0, 0.0), (1.0, 0.5)])
def test_out_of_bag_variances_are_those_of_new_rows(intercept, slope):
    """Means of 12 replications; benchmarks/merf_accuracy.py runs 50 of 9 designs."""
    rows = []
    for seed in range(12):
        X, y = drawn(seed, 80, 10, intercept, slope)
        model = MERF(forest(60, min_samples_leaf=3), "group", ("x1",) if slope else ())
        model.fit(X, y)
        rng = np.random.default_rng(1000 + seed)
        new = X.assign(x1=rng.normal(size=len(X)), x2=rng.normal(size=len(X)))
        truth = 1.5 * np.tanh(2.0 * new["x1"]) + (new["x2"] > 0.0)
        fixed = model.set_params(known_groups="population").predict(new)
        error = np.mean((truth - fixed) ** 2) + 1.0
        components = model.variance_components_["variance"].to_list()
        rows.append([model.sigma_**2 / error, *components[:-1]])
    ratio, *variances = np.mean(rows, axis=0)
    assert ratio == pytest.approx(1.0, abs=0.1)
    np.testing.assert_allclose(
        variances, [intercept, slope][: len(variances)], rtol=0.2
    )


@pytest.mark.slow
def test_in_bag_variances_collapse():
    X, y = drawn(0, 80, 10)
    model = MERF(forest(60), "group", fit_prediction="in_sample").fit(X, y)
    assert model.sigma_**2 < 0.5


@pytest.mark.slow
def test_no_group_effect_is_invented():
    shares = []
    for seed in range(12):
        X, y = drawn(seed, 200, 4, intercept=0.0)
        model = MERF(forest(60, min_samples_leaf=3), "group").fit(X, y)
        variances = model.variance_components_["variance"]
        shares.append(variances.iloc[0] / variances.sum())
    assert np.mean(shares) < 0.02  # 50 replications in the benchmark: below 0.01


def test_what_the_forest_missed_of_a_slope_goes_to_the_fixed_part():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=400), "group": np.repeat(range(40), 10)})
    y = 5.0 * X["x"] + rng.normal(size=40)[X["group"]] + rng.normal(size=400)
    model = MERF(forest(min_samples_leaf=20), "group", "x").fit(X, y)
    assert model.average_effects_["x"] > 0.05
    assert model.random_part_.effects[0][:, 1].mean() == pytest.approx(0.0, abs=1e-8)


def test_a_poor_learner_is_no_worse_for_new_groups():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(4500, 6)), columns=list("abcdef"))
    X["group"] = np.arange(4500) % 900
    y = (
        4.0 * (X["a"] > 0.0)
        + X["b"] ** 2
        + 2.0 * X["c"] * X["d"]
        + rng.normal(size=4500)
    )
    y += rng.normal(size=900)[X["group"]]
    known = X["group"] < 100
    features = list("abcdef")
    plain = forest().fit(X.loc[known, features], y[known])
    model = MERF(forest(), "group").fit(X[known], y[known])
    gain = model.score(X[~known], y[~known]) - plain.score(
        X.loc[~known, features], y[~known]
    )
    assert gain > -0.01


def test_few_trees_leave_rows_without_a_value_and_still_fit():
    X, y = drawn()
    model = MERF(forest(3), "group", max_iterations=3, tol=None, fit_prediction="oob")
    model.fit(X, y)
    assert 0 < np.isnan(model.fitted_).sum() < len(X) / 3
    assert np.isfinite(model.predict(X)).all()


def test_whole_groups_may_be_held_out():
    X, y = drawn()
    model = MERF(
        KNeighborsRegressor(), "group", fit_prediction="cv", folds=GroupKFold(3)
    )
    assert model.fit(X, y).fit_prediction_ == "cv"


# -- solvers and stopping --


def test_the_profile_needs_few_refits_where_em_needs_many():
    X, y = drawn(1, 50, 10, intercept=0.1)
    settings = {"fit_prediction": "in_sample", "tol": None}
    learner = LinearRegression()
    long = MERF(learner, "group", max_iterations=200, **settings).fit(X, y)
    goal = long.trace_["group.Intercept"].iloc[-1]
    refits = {}
    for solver in ("em", "profile"):
        model = MERF(learner, "group", solver=solver, max_iterations=100, **settings)
        found = model.fit(X, y).trace_["group.Intercept"]
        near = (found / goal - 1.0).abs() < 0.01
        refits[solver] = int(near[near].index.min()) if near.any() else 101
    assert refits["profile"] <= 3
    assert refits["em"] > 40


def test_it_stops_close_to_where_a_long_run_ends():
    X, y = drawn(3, slope=0.5)
    model = MERF(LinearRegression(), "group", "x1").fit(X, y)
    long = MERF(LinearRegression(), "group", "x1", tol=None, max_iterations=300)
    long.fit(X, y)
    assert model.n_iter_ < 20
    assert model.loglik_ == pytest.approx(long.loglik_, abs=1e-3)


def test_no_tolerance_means_a_fixed_number_of_iterations_and_no_warning():
    X, y = drawn(n_groups=5)
    model = MERF(LinearRegression(), "group", tol=None, max_iterations=7).fit(X, y)
    assert len(model.trace_) == model.n_iter_ == 7


def test_it_stops_after_patience_small_changes():
    X, y = drawn()
    model = MERF(LinearRegression(), "group", tol=1e9, patience=4).fit(X, y)
    assert model.n_iter_ == 5  # the first iteration has no change
    assert model.converged_


def test_an_unsettled_fit_warns():
    X, y = drawn(n_groups=5)
    model = MERF(LinearRegression(), "group", max_iterations=1)
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    assert str(caught[0].message) == (
        "MERF has not settled after 1 iteration(s): the likelihood per row last changed "
        "by nan and `tol` is 1e-06; raise `max_iterations` or `tol`, or pass tol=None "
        "for a fixed number."
    )
    assert caught[0].filename == __file__
    assert not model.converged_


# -- watching --


def test_the_trace_has_a_row_per_iteration():
    X, y = drawn()
    model = MERF(LinearRegression(), "group", "x1", tol=None, max_iterations=3)
    trace = model.fit(X, y).trace_
    assert list(trace.columns) == [
        "loglik",
        "gll",
        "sigma2",
        "trace_d",
        "logdet_d",
        "group.Intercept",
        "group.x1",
        "change",
        "validation_loss",
        "learner_seconds",
        "effects_seconds",
    ]
    assert list(trace.index) == [1, 2, 3]
    last = trace.iloc[-1]
    assert last["trace_d"] == pytest.approx(last["group.Intercept"] + last["group.x1"])
    assert last["loglik"] == model.loglik_


def test_histories_do_not_grow_on_a_second_fit():
    X, y = drawn(n_groups=5)
    model = MERF(LinearRegression(), "group", tol=None, max_iterations=3)
    model.fit(X, y).fit(X, y)
    assert len(model.trace_) == 3


def test_effects_of_each_iteration_are_kept_on_request():
    X, y = drawn(n_groups=5)
    model = MERF(LinearRegression(), "group", tol=None, max_iterations=2)
    model.set_params(keep_random_effects=True).fit(X, y)
    kept = model.random_effects_trace_
    assert kept.index.names == ["iteration", "group", "level"]
    np.testing.assert_array_equal(
        kept.loc[2, "group"], model.random_effects_["group"].to_numpy()
    )


def test_effects_that_were_not_kept_say_so():
    X, y = drawn(n_groups=5)
    model = MERF(LinearRegression(), "group").fit(X, y)
    with pytest.raises(AttributeError) as caught:
        model.random_effects_trace_  # noqa: B018
    assert str(caught.value) == (
        "`random_effects_trace_` is kept with keep_random_effects=True."
    )


def test_callbacks_see_each_iteration_and_may_stop():
    X, y = drawn(n_groups=5)
    seen = []
    callbacks = [seen.append, lambda row: row["iteration"] == 2]
    MERF(LinearRegression(), "group", callbacks=callbacks, tol=None).fit(X, y)
    assert [row["iteration"] for row in seen] == [1, 2]
    assert set(seen[0]) >= {"loglik", "sigma2", "group.Intercept", "change"}


def test_validation_rows_stay_out_of_training_and_show_their_loss():
    X, y = drawn()
    model = MERF(LinearRegression(), "group", validation_fraction=0.25, random_state=0)
    model.fit(X, y)
    assert len(model.fitted_) == 270
    assert model.trace_["validation_loss"].iloc[-1] == pytest.approx(1.2, abs=0.4)


def test_the_convergence_is_drawn():
    X, y = drawn(n_groups=5)
    model = MERF(LinearRegression(), "group", validation_fraction=0.2).fit(X, y)
    axes = model.plot_convergence()
    np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), model.trace_["loglik"])
    assert len(axes) == 4


# -- prediction intervals --


@pytest.mark.slow
def test_intervals_cover_known_and_new_groups():
    """Means of 10 replications; the benchmark runs 50."""
    covered = []
    for seed in range(10):
        X, y = drawn(seed, 100, 12)
        train, known = X.index % 12 < 8, X.index % 12 >= 8
        new = X["group"] >= 70
        model = MERF(forest(60, min_samples_leaf=3), "group").fit(
            X[train & ~new], y[train & ~new]
        )
        for rows in (known & ~new, new):
            found = model.predict_interval(X[rows], 0.9)
            covered.append(y[rows].between(found["lower"], found["upper"]).mean())
    known_share, new_share = np.reshape(covered, (10, 2)).mean(axis=0)
    assert known_share == pytest.approx(0.9, abs=0.02)
    assert new_share == pytest.approx(0.9, abs=0.04)


def test_intervals_are_wider_for_new_groups():
    X, y = drawn()
    model = MERF(forest(), "group").fit(X, y)
    known = model.predict_interval(X)
    new = model.predict_interval(X.assign(group=-1))
    width = [(found["upper"] - found["lower"]).iloc[0] for found in (known, new)]
    assert width[0] < width[1]
    population = model.set_params(known_groups="population").predict_interval(X)
    np.testing.assert_allclose(population, new)


# -- bad input --


def failing(error, X, y, **settings):
    model = MERF(**{"estimator": LinearRegression(), "groups": "group"} | settings)
    with pytest.raises(error) as caught:
        model.fit(X, y)
    return str(caught.value)


def test_rows_without_a_group_label_are_refused():
    X, y = drawn()
    X["group"] = X["group"].astype(float).mask(X.index == 3)
    assert failing(ValueError, X, y) == (
        "grouping column 'group' must have a label in every row, got missing values; "
        "fill them or drop the rows."
    )


def test_groups_of_one_row_are_refused_when_all_are():
    X, y = drawn()
    message = failing(NotIdentifiableError, X.assign(group=range(len(X))), y)
    assert message == (
        "grouping factor 'group' has one row per level, so its variance cannot be told "
        "from the residual; group more coarsely."
    )


def test_some_groups_of_one_row_are_no_trouble():
    X, y = drawn()
    X.loc[:20, "group"] = 1000 + np.arange(21)
    assert MERF(LinearRegression(), "group").fit(X, y).converged_


def test_a_constant_target_is_refused():
    X, y = drawn()
    assert failing(ValueError, X, 0 * y) == (
        "`y` must vary for random effects to be found, got the same value in all 360 "
        "rows; check the target."
    )


def test_a_learner_that_memorises_rows_is_refused():
    X, y = drawn()
    learner = KNeighborsRegressor(1)
    message = failing(ModelError, X, y, estimator=learner, fit_prediction="in_sample")
    assert message == (
        "the fitted values equal the target in every row, so no variance is left to "
        "divide; use fit_prediction='cv' or a learner that cannot memorise rows."
    )


def test_unused_categories_change_nothing():
    X, y = drawn(n_groups=6)
    categories = pd.Categorical(X["group"], categories=range(50))
    model = MERF(LinearRegression(), "group").fit(X.assign(group=categories), y)
    expected = MERF(LinearRegression(), "group").fit(X, y)
    assert len(model.random_effects_["group"]) == 6
    np.testing.assert_allclose(model.predict(X), expected.predict(X))


def test_no_feature_beside_the_groups_is_refused():
    X, y = drawn()
    assert failing(ValueError, X[["group"]], y) == (
        "`X` must have a feature beside the grouping columns, got none; add a column "
        "for the learner."
    )


def test_a_failing_learner_leaves_the_finished_iterations():
    X, y = drawn()
    y[0] = 1.0
    model = MERF(Stumbles(y[0]), "group", fit_prediction="in_sample")
    with pytest.raises(RuntimeError, match="stumbled") as caught:
        model.fit(X, y)
    assert caught.value.__notes__ == [
        "in iteration 2 of MERF; the 1 finished iteration(s) are kept in the estimator"
    ]
    assert len(model.trace_) == 1
    assert np.isfinite(model.predict(X)).all()


def test_a_learner_that_fails_at_once_leaves_nothing_of_an_earlier_fit():
    X, y = drawn()
    model = MERF(LinearRegression(), "group").fit(X, y)
    model.set_params(estimator=Stumbles(np.inf))
    with pytest.raises(RuntimeError):
        model.fit(X, y)
    assert not hasattr(model, "learner_")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_iterations": -1}, "`max_iterations` must be at least 0, got -1."),
        ({"patience": 0}, "`patience` must be at least 1, got 0."),
        ({"tol": -1.0}, "`tol` must be at least 0.0, got -1.0."),
        (
            {"solver": "profil"},
            "`solver` must be one of 'auto', 'profile', 'em', got 'profil'; did you "
            "mean 'profile'?",
        ),
        (
            {"fit_prediction": "obb"},
            "`fit_prediction` must be one of 'auto', 'oob', 'cv', 'in_sample', got "
            "'obb'; did you mean 'oob'?",
        ),
        (
            {"validation_fraction": 1.5},
            "`validation_fraction` must lie between 0 and 1, got 1.5; 0.2 keeps a fifth "
            "of the rows apart.",
        ),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    assert failing(ValueError, *drawn(), **settings) == message


# -- in the chain --


def chain(X, y, **settings):
    return (
        CrossValidation()
        .set_data(X[["x1", "x2"]], y, X["group"].rename("group"))
        .set_splits("KFold", n_splits_out=3, n_splits_in=3)
        .set_run(random_seed=1, silence=["groups-ignored"], **settings)
    )


def test_set_merf_adds_it_beside_every_model_that_can_take_it():
    X, y = drawn()
    results = (
        chain(X, y)
        .add_model(Ridge)
        .add_model(RandomForestRegressor, model_kwargs={"n_estimators": 10})
        .add_model(LinearMixedEffectsModel)
        .add_model(LinearRegression, add_merf=False)
        .set_merf(True, em_max_iterations=5)
        .perform()
        .get_results()
    )
    assert list(results) == [
        "Ridge",
        "MERF(Ridge)",
        "RandomForestRegressor",
        "MERF(RandomForestRegressor)",
        "LinearMixedEffectsModel",
        "LinearRegression",
    ]
    scores = results.summary.loc[("mean", "r2")]
    assert scores["MERF(Ridge)"] > scores["Ridge"]
    assert scores["MERF(RandomForestRegressor)"] > scores["RandomForestRegressor"]


def test_one_model_may_ask_for_it_alone():
    X, y = drawn()
    cv = chain(X, y).add_model(Ridge, add_merf=True).add_model(LinearRegression)
    assert list(cv.perform().get_results()) == [
        "Ridge",
        "MERF(Ridge)",
        "LinearRegression",
    ]


def test_keyword_arguments_and_tuned_parameters_reach_the_wrapped_learner():
    X, y = drawn()
    results = (
        chain(X, y)
        .add_model(
            RandomForestRegressor,
            model_kwargs={"n_estimators": 12},
            params={"max_depth": IntDistribution(2, 3)},
            n_trials=2,
        )
        .set_merf(True, 3, 0.5, 1)
        .perform()
        .get_results()
    )
    fitted = results["MERF(RandomForestRegressor)"]
    for model, params in zip(fitted["model"], fitted["parameters"], strict=True):
        wrapped = model.named_steps["model"]
        assert wrapped.learner_.n_estimators == 12
        assert wrapped.learner_.max_depth == params["max_depth"]
        assert (wrapped.max_iterations, wrapped.tol, wrapped.patience) == (3, 0.5, 1)


def test_as_a_model_of_its_own_it_is_tuned_with_its_groups():
    X, y = drawn()
    results = (
        chain(X, y)
        .add_model(
            MERF(Ridge()),
            params={"estimator__alpha": FloatDistribution(0.1, 10.0)},
            n_trials=2,
        )
        .perform()
        .get_results()
    )
    assert results.summary.loc[("mean", "r2"), "MERF"] > 0.5
    assert "estimator__alpha" in results["MERF"]["parameters"][0]


def test_the_trace_and_an_unsettled_fit_are_in_the_results():
    X, y = drawn()
    cv = chain(X, y).add_model(Ridge).set_merf(True, 1, em_stopping_threshold=1e-9)
    results = cv.perform().get_results()
    assert set(results.warnings["category"]) == {"ConvergenceWarning"}
    traces = results.traces
    assert set(traces["model"]) == {"MERF(Ridge)"}
    assert len(results["MERF(Ridge)"]["model"]) == 3


def test_without_groups_it_is_refused_before_the_first_fit():
    X, y = drawn()
    cv = CrossValidation().set_data(X[["x1", "x2"]], y).add_model(Ridge).set_merf(True)
    with pytest.raises(ValueError, match="MERF around 'Ridge' needs groups"):
        cv.perform()


def test_around_a_mixed_model_it_is_refused_before_the_first_fit():
    X, y = drawn()
    cv = chain(X, y).add_model(MERF(Ridge()), add_merf=True)
    with pytest.raises(ValueError, match="'MERF' has random effects of its own"):
        cv.perform()


def test_a_failing_learner_has_its_address_and_iteration():
    X, y = drawn()
    cv = chain(X, y).add_model(MERF(Stumbles(np.inf)))
    with pytest.raises(UnitError) as caught:
        cv.perform()
    text = str(caught.value) + str(getattr(caught.value, "__notes__", ""))
    assert "MERF" in text
    assert "fold 0" in text


def test_a_warm_forest_keeps_its_newer_trees():
    X, y = drawn()
    model = MERF(forest(20), "group", warm_start=True, tol=None, max_iterations=3)
    model.fit(X, y)
    cold = MERF(forest(20), "group", tol=None, max_iterations=3).fit(X, y)
    assert len(model.learner_.estimators_) == 20
    assert model.sigma_ == pytest.approx(cold.sigma_, rel=0.1)


def test_a_learner_that_cannot_go_on_is_refused_a_warm_start():
    assert failing(ValueError, *drawn(), warm_start=True) == (
        "`warm_start` needs a forest with `warm_start` of its own, got "
        "LinearRegression(); leave it False."
    )
