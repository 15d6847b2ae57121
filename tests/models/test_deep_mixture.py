"""The deep mixture of linear mixed models as an estimator."""

import functools
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv import CrossValidation
from flexcv.errors import (
    ConvergenceWarning,
    ExtrapolationWarning,
    ModelError,
    NotIdentifiableError,
    RankDeficiencyWarning,
)
from flexcv.evaluation.watching import can_be_watched, trace_of
from flexcv.models import DeepMixtureLMM, LinearMixedEffectsModel
from flexcv.testing import check_mixed_model
from tests.models.curve_tables import curves

SMALL = {"n_components": (3, 1), "n_basis": 6, "tol": 1e-4, "random_state": 0}


def mixture(**options):
    columns = {"groups": "subject", "time": "time"}
    return DeepMixtureLMM(**(columns | SMALL | options))


@pytest.fixture(scope="module")
def table():
    frame, _ = curves()
    return frame[["subject", "time"]]


@pytest.fixture(scope="module")
def target():
    return curves()[0]["y"]


@pytest.fixture(scope="module")
def fitted(table, target):
    return mixture().fit(table, target)


# -- a scikit-learn estimator and a mixed model --


@pytest.mark.filterwarnings("ignore::flexcv.errors.RankDeficiencyWarning")
@parametrize_with_checks([DeepMixtureLMM()])
def test_scikit_learns_checks_pass_without_groups(estimator, check):
    check(estimator)


def test_it_keeps_the_contract_of_mixed_models():
    small = {"time": "a b", "n_basis": 4, "random_state": 0, "tol": 1e-4}
    check_mixed_model(functools.partial(DeepMixtureLMM, **small))


def test_without_groups_and_time_it_is_least_squares():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(30, 2)), columns=["a", "b"])
    y = X["a"] - 2.0 * X["b"] + 3.0 + rng.normal(size=30)
    model, oracle = DeepMixtureLMM().fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.predict(X), oracle.predict(X))
    effects = model.fixed_effects_["estimate"]
    np.testing.assert_allclose(effects[["a", "b"]], oracle.coef_)
    assert model.random_effects_ == {}
    assert list(model.variance_components_["group"]) == ["Residual"]


def test_without_groups_the_time_has_one_curve_for_all(table, target):
    X = table[["time"]]
    model = DeepMixtureLMM(time="time", n_basis=6).fit(X, target)
    design = model.basis_.design(X["time"].to_numpy())
    oracle = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(model.predict(X), oracle, atol=1e-10)


def test_parameters_survive_and_nothing_given_is_changed(table, target):
    before = table.copy(), target.copy()
    model = mixture()
    parameters = model.get_params()
    model.fit(table, target)
    assert model.get_params() == parameters
    pd.testing.assert_frame_equal(table, before[0])
    pd.testing.assert_series_equal(target, before[1])
    assert clone(model).get_params() == parameters


def test_a_pickle_predicts_the_same(fitted, table):
    thawed = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(thawed.predict(table), fitted.predict(table))


def test_equal_seeds_give_equal_fits(fitted, table, target):
    again = mixture().fit(table, target)
    np.testing.assert_array_equal(again.predict(table), fitted.predict(table))
    pd.testing.assert_frame_equal(again.trace_, fitted.trace_)


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_generators_of_either_kind_seed_it(table, target, kind):
    one, other = (
        mixture(random_state=kind(3), max_iter=30, tol=1e-2).fit(table, target)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.predict(table), other.predict(table))


def test_units_of_target_and_time_do_not_matter(fitted, table, target):
    other = table.assign(time=1e3 * table["time"] - 50.0)
    model = mixture().fit(other, 1e6 * target - 3e7)
    assert model.n_components_ == fitted.n_components_
    expected = 1e6 * fitted.predict(table) - 3e7
    np.testing.assert_allclose(model.predict(other), expected, rtol=1e-6)
    assert model.sigma_ == pytest.approx(1e6 * fitted.sigma_)
    np.testing.assert_allclose(model.means_, 1e6 * fitted.means_ - 3e7, rtol=1e-5)


def test_the_order_of_rows_and_names_of_subjects_do_not_matter(fitted, table, target):
    order = np.random.default_rng(0).permutation(len(table))
    renamed = table.assign(subject="s" + table["subject"].astype(str).str.zfill(3))
    model = mixture().fit(renamed.iloc[order], target.iloc[order])
    np.testing.assert_allclose(
        model.predict(renamed), fitted.predict(table), rtol=1e-6, atol=1e-8
    )


# -- what is learned --


def test_clusters_and_noise_are_found(fitted):
    _, cluster = curves()
    assert fitted.n_components_ == (2, 1)
    assert adjusted_rand_score(cluster, fitted.cluster_) == 1.0
    assert fitted.sigma_ == pytest.approx(0.2, rel=0.1)
    np.testing.assert_allclose(fitted.cluster_proba_.sum(axis=1), 1.0)
    sizes = fitted.cluster_.value_counts()
    assert sizes[0] >= sizes[1]


def test_the_mixture_is_told_on_the_scale_of_the_target(fitted, table):
    weights, means = fitted.weights_, fitted.means_
    assert weights.sum() == pytest.approx(1.0)
    x = fitted.basis_.design(np.array([0.3]))[0]
    new = pd.DataFrame({"subject": ["new"], "time": [0.3]})
    assert fitted.predict(new)[0] == pytest.approx(weights @ means @ x)
    centre = weights @ means
    spread = sum(
        w * (cov + np.outer(m - centre, m - centre))
        for w, m, cov in zip(weights, means, fitted.covariances_, strict=True)
    )
    variances = fitted.variance_components_["variance"]
    np.testing.assert_allclose(variances[:-1], np.diag(spread))


def test_random_effects_are_what_the_curves_add_to_the_population(fitted, table):
    effects = fitted.random_effects_["subject"]
    new = table.assign(subject="nobody")
    design = fitted.basis_.design(table["time"].to_numpy())
    own = (design * effects.loc[table["subject"]].to_numpy()).sum(axis=1)
    np.testing.assert_allclose(fitted.predict(table), fitted.predict(new) + own)


def test_fixed_effects_beside_the_curves_are_found():
    frame, _ = curves(n=60)
    rng = np.random.default_rng(1)
    dose = rng.normal(5.0, 2.0, len(frame))
    sex = np.array(["f", "m"])[rng.integers(0, 2, 60)][frame["subject"]]
    X = frame[["subject", "time"]].assign(dose=dose, sex=sex)
    y = 10.0 * (frame["y"] + 0.5 * dose + 0.4 * (sex == "m"))
    model = mixture().fit(X, y)
    table = model.fixed_effects_
    assert list(table.index) == ["dose", "sex[T.m]"]
    off = (table["estimate"] - [5.0, 4.0]) / table["std_error"]
    assert off.abs().max() < 3.0
    assert table["std_error"]["dose"] < 0.1
    gains = model.trace_["gain"].dropna()
    assert gains.min() > -1e-8


def test_a_single_gaussian_is_the_linear_mixed_model_where_priors_are_weak():
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(150), 6)
    x = rng.normal(size=900)
    effects = rng.normal(size=(150, 2)) @ np.array([[1.0, 0.4], [0.0, 0.8]])
    y = 2.0 + effects[subject, 0] + effects[subject, 1] * x + rng.normal(size=900)
    X = pd.DataFrame({"subject": subject, "one": 1.0, "x": x})
    model = DeepMixtureLMM(
        "subject", basis=["one", "x"], n_components=1, n_factors=1, tol=1e-7
    ).fit(X, y)
    oracle = LinearMixedEffectsModel("subject", "x", reml=False).fit(
        X[["subject", "x"]], y
    )
    np.testing.assert_allclose(model.predict(X), oracle.predict(X), atol=0.1)
    assert model.sigma_ == pytest.approx(oracle.sigma_, rel=0.01)
    np.testing.assert_allclose(
        model.random_part_.covariances[0], oracle.random_part_.covariances[0], atol=0.1
    )


def test_the_number_of_factors_is_chosen_by_the_bound(table, target):
    model = mixture(n_factors="auto").fit(table, target)
    tried = model.selection_
    assert set(tried["n_factors"]) == {(1, 1), (2, 1), (4, 1)}
    assert model.bound_ == tried["bound"].max()
    width = model.parameters_.layers[0].mean.shape[2] - 1
    assert width == tried["n_factors"][0][0]


@pytest.mark.slow
def test_several_sizes_are_tried_and_the_best_bound_is_kept(table, target):
    model = mixture(n_components="auto").fit(table, target)
    tried = model.selection_
    assert list(tried["bound"]) == sorted(tried["bound"], reverse=True)
    assert set(tried["n_components"]) == {(2, 1), (4, 2), (10, 5)}
    assert model.bound_ == tried["bound"][0]
    assert model.n_components_ == tried["left"][0] == (2, 1)
    assert set(model.trace_["start"]) == {1, 2, 3}


def test_the_trace_is_what_the_callbacks_heard(table, target):
    heard = []
    model = mixture(callbacks=lambda row: heard.append(dict(row))).fit(table, target)
    frame = pd.DataFrame(heard).set_index("iteration")
    pd.testing.assert_frame_equal(frame, model.trace_)
    assert model.trace_["bound"].iloc[-1] == model.bound_
    assert model.trace_["sigma2"].iloc[-1] == pytest.approx(model.sigma_**2)


def test_the_chain_can_watch_it(fitted):
    assert can_be_watched(DeepMixtureLMM())
    assert list(trace_of(fitted)) == [
        *("iteration", "start", "bound", "gain", "sigma2", "n_paths")
    ]


def test_a_callback_stops_the_fit(table, target):
    model = mixture(callbacks=[lambda row: row["iteration"] == 5]).fit(table, target)
    assert (model.n_iter_, model.converged_) == (5, False)


# -- predictions --


def test_known_subjects_are_predicted_by_their_curves(fitted, table, target):
    known = np.mean((target - fitted.predict(table)) ** 2)
    new = np.mean((target - fitted.predict(table.assign(subject="nobody"))) ** 2)
    assert known < 0.1 * new


def test_population_predictions_turn_the_curves_off(table, target, fitted):
    model = mixture(known_groups="population").fit(table, target)
    expected = fitted.predict(table.assign(subject="nobody"))
    np.testing.assert_allclose(model.predict(table), expected)
    interval = model.predict_interval(table.head(3))
    np.testing.assert_allclose(interval["prediction"], expected[:3])


def test_a_new_subject_with_points_gets_a_curve_through_them(fitted):
    frame, _ = curves(seed=9, n=1, rows=20)
    frame = frame.assign(subject="new")
    X, y = frame[["subject", "time"]], frame["y"]
    seen, hidden = X.iloc[:10], X.iloc[10:]
    blind = np.mean((y[10:] - fitted.predict(hidden)) ** 2)
    told = fitted.predict(hidden, condition_on=(seen, y[:10]))
    assert np.mean((y[10:] - told) ** 2) < 0.2 * blind
    wide = fitted.predict_interval(hidden, of="curve")
    narrow = fitted.predict_interval(hidden, condition_on=(seen, y[:10]), of="curve")
    np.testing.assert_allclose(narrow["prediction"], told)
    width = (narrow["upper"] - narrow["lower"]) / (wide["upper"] - wide["lower"])
    assert width.max() < 0.7


def test_points_of_other_subjects_change_nothing(fitted, table, target):
    other = table.head(8).assign(subject="other")
    told = fitted.predict(table, condition_on=(other, target.head(8)))
    np.testing.assert_allclose(told, fitted.predict(table), atol=1e-10)


def test_known_subjects_learn_from_further_points(fitted, table, target):
    first = table["subject"].eq(0)
    up = fitted.predict(table[first], condition_on=(table[first], target[first] + 3.0))
    assert (up > fitted.predict(table[first])).all()


def test_no_points_are_the_population(fitted, table, target):
    new = table.head(4).assign(subject="new")
    told = fitted.predict(new, condition_on=(table.head(1).assign(subject="x"), [0.0]))
    np.testing.assert_allclose(told, fitted.predict(new))


def test_intervals_of_observations_are_wider_than_of_curves(fitted, table):
    rows = table.head(5)
    curve = fitted.predict_interval(rows, of="curve")
    seen = fitted.predict_interval(rows)
    np.testing.assert_allclose(curve["prediction"], fitted.predict(rows))
    assert (seen["lower"] < curve["lower"]).all()
    assert (seen["upper"] > curve["upper"]).all()
    assert list(seen.index) == list(rows.index)


def test_quantiles_and_draws_agree(fitted, table):
    rows = pd.concat([table.head(2), table.head(2).assign(subject="nobody")])
    asked = [0.1, 0.5, 0.9]
    quantiles = fitted.predict_quantiles(rows, asked)
    drawn = fitted.sample(rows, 20_000, of="observation", random_state=0)
    below = (drawn[:, :, None] < quantiles.to_numpy()).mean(axis=0)
    np.testing.assert_allclose(below, np.tile(asked, (4, 1)), atol=0.015)
    assert list(quantiles.columns) == asked


def test_rows_of_one_unknown_subject_share_a_curve(fitted):
    new = pd.DataFrame({"subject": ["u", "u", "v"], "time": [0.25, 0.25, 0.25]})
    drawn = fitted.sample(new, 50, random_state=0)
    np.testing.assert_allclose(drawn[:, 0], drawn[:, 1])
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1]) < 0.5


def test_intervals_cover_new_points_of_known_and_new_subjects():
    frame, _ = curves(seed=3, n=150, rows=9)
    part = frame.groupby("subject").cumcount()
    known = frame["subject"] < 100
    train, X = known & (part < 6), frame[["subject", "time"]]
    model = mixture().fit(X[train], frame["y"][train])
    for rows in (known & (part >= 6), ~known):
        interval = model.predict_interval(X[rows], 0.9)
        inside = frame["y"][rows].between(interval["lower"], interval["upper"])
        assert 0.86 < inside.mean() < 0.94


def test_clusters_are_predicted_for_rows(fitted, table, target):
    expected = fitted.cluster_.loc[table["subject"]].to_numpy()
    np.testing.assert_array_equal(fitted.predict_cluster(table), expected)
    new = table.head(1).assign(subject="nobody")
    share = fitted.predict_cluster_proba(new)[0]
    np.testing.assert_allclose(share, fitted.weights_)
    first = table["subject"].eq(3)
    copied = table[first].assign(subject="copy")
    told = fitted.predict_cluster(copied, (copied, target[first]))
    assert set(told) == {fitted.cluster_[3]}


def test_the_log_score_is_the_density_of_a_gaussian_mixture(fitted, table, target):
    densities = []
    for subject in (0, 1, 2):
        own = table["subject"].eq(subject)
        X = fitted.basis_.design(table["time"][own].to_numpy())
        noise = fitted.sigma_**2 * np.eye(len(X))
        parts = [
            np.log(weight)
            + multivariate_normal(X @ mean, X @ cov @ X.T + noise).logpdf(target[own])
            for weight, mean, cov in zip(
                fitted.weights_, fitted.means_, fitted.covariances_, strict=True
            )
        ]
        densities.append(logsumexp(parts))
    rows = table["subject"] < 3
    score = fitted.log_score(table[rows], target[rows])
    assert score == pytest.approx(np.mean(densities), abs=1e-6)


def test_trajectories_are_the_predictions(fitted):
    frame = fitted.trajectories(7)
    new = frame.rename(columns={"mean": "y"})[["subject", "time"]]
    np.testing.assert_allclose(frame["mean"], fitted.predict(new))
    clusters = fitted.cluster_trajectories(7)
    weighted = clusters["mean"] * clusters["weight"]
    population = weighted.groupby(clusters["time"]).sum()
    nobody = new.head(7).assign(subject="nobody")
    np.testing.assert_allclose(population, fitted.predict(nobody))
    axes = fitted.plot_trajectories()
    assert axes.get_xlabel() == "time"
    assert len(axes.lines) == 42


# -- in the chain and in scikit-learn's tools --


def last_times(frame):
    """One split: the last three times of each subject are tested."""
    rank = frame.groupby("subject")["time"].rank(ascending=False)
    return PredefinedSplit(np.where(rank <= 3, 0, -1))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rows", "last times", "subjects"])
@pytest.mark.filterwarnings("ignore::flexcv.errors.GroupsWarning")
def test_it_cross_validates_in_the_chain(kind):
    frame, _ = curves(n=40, rows=10)
    splits = {
        "rows": KFold(3, shuffle=True, random_state=0),
        "last times": last_times(frame),
        "subjects": GroupKFold(3),
    }
    results = (
        CrossValidation()
        .set_data(frame[["time", "y"]], "y", groups=frame["subject"])
        .set_splits(splits[kind], scale_out=False)
        .add_model(
            DeepMixtureLMM(time="time", **SMALL, time_range=(0, 1)), model_name="curves"
        )
        .add_model(LinearMixedEffectsModel(), model_name="lines")
        .perform()
        .results
    )
    r2 = results.summary.loc["mean"].loc["r2"]
    if kind == "subjects":
        assert r2["curves"] > r2["lines"]
    else:
        assert r2["curves"] > 0.5 > r2["lines"]
    assert {"bound", "sigma2", "n_paths"} <= set(results.traces.columns)


@pytest.mark.slow
def test_scikit_learn_scores_it_with_the_subjects_as_a_column(table, target):
    folds = KFold(3, shuffle=True, random_state=0)
    assert (
        cross_val_score(mixture(time_range=(0, 1)), table, target, cv=folds).min() > 0.7
    )


# -- bad input, one sentence each --


def broken(**columns):
    frame, _ = curves(n=6, rows=5)
    X = frame[["subject", "time"]].assign(**columns)
    return X, frame["y"]


@pytest.mark.parametrize(
    ("options", "columns", "kind", "message"),
    [
        (
            {"n_components": (9, 2)},
            {},
            ValueError,
            "`n_components` asks for 9 components in layer 1 and the table has 6 "
            "subjects; ask for at most one per subject.",
        ),
        (
            {"n_components": (2, 2), "n_factors": (2,)},
            {},
            ValueError,
            "`n_factors` must have a number for each layer of `n_components`, got (2,) "
            "for 2 layer(s).",
        ),
        (
            {"n_components": (2, 2), "n_factors": (1, 2)},
            {},
            ValueError,
            "`n_factors` must not grow from layer to layer nor exceed the 6 "
            "coefficients of a curve, got (1, 2); ask for fewer.",
        ),
        (
            {"n_components": "many"},
            {},
            ValueError,
            "`n_components` must be 'auto', got 'many'.",
        ),
        (
            {"n_factors": "all"},
            {},
            ValueError,
            "`n_factors` must be 'auto', got 'all'.",
        ),
        (
            {"n_components": 0},
            {},
            ValueError,
            "`n_components` must be at least 1, got 0.",
        ),
        (
            {"n_components": 2.5},
            {},
            TypeError,
            "`n_components` must be a whole number or one for each layer, got 2.5.",
        ),
        (
            {"time": "tme"},
            {},
            ValueError,
            "`time` names column 'tme', which is not in the table; did you mean "
            "'time'?",
        ),
        (
            {"time": None},
            {},
            ValueError,
            "`time` must name the column of times, got None; name it, or the columns "
            "of a curve in `basis`.",
        ),
        (
            {"basis": ["c"]},
            {},
            ValueError,
            "`basis` names column 'c', which is not in the table; check the name.",
        ),
        (
            {"groups": ("subject", "time")},
            {},
            ValueError,
            "`groups` must name one column of subjects, got ('subject', 'time'); a "
            "curve belongs to one kind of subject.",
        ),
        (
            {"knots": "quantil"},
            {},
            ValueError,
            "`knots` must be one of 'uniform', 'quantile', got 'quantil'; did you mean "
            "'quantile'?",
        ),
        (
            {"extrapolation": "none"},
            {},
            ValueError,
            "`extrapolation` must be one of 'linear', 'error', got 'none'; choose one of them.",
        ),
        (
            {"time_range": (1, 0)},
            {},
            ValueError,
            "`time_range` must run from a smaller to a larger number, got (1, 0).",
        ),
        (
            {"time_range": 3},
            {},
            TypeError,
            "`time_range` must be two numbers, got 3.",
        ),
        (
            {"noise_scale": 0.0},
            {},
            ValueError,
            "`noise_scale` must lie in (0, inf), got 0.0.",
        ),
        ({"tol": "x"}, {}, TypeError, "`tol` must be a number, got 'x'."),
        (
            {"simplify": "yes"},
            {},
            TypeError,
            "`simplify` must be True or False, got 'yes'.",
        ),
        (
            {"n_init": True},
            {},
            TypeError,
            "`n_init` must be a whole number, got True.",
        ),
        (
            {},
            {"time": np.nan},
            ValueError,
            "column 'time' must be finite, got missing values; fill them or drop the "
            "rows.",
        ),
        (
            {},
            {"time": "noon"},
            TypeError,
            "time column 'time' must be numeric, got str values; convert it to "
            "numbers.",
        ),
        (
            {},
            {"time": 1.0},
            ValueError,
            "time column 'time' must vary, got 1.0 in every row; curves need at least "
            "two times.",
        ),
        (
            {},
            {"dose": np.nan},
            ValueError,
            "column 'dose' must be finite, got missing values; fill them or drop the "
            "rows.",
        ),
        (
            {},
            {"subject": np.arange(30)},
            NotIdentifiableError,
            "grouping factor 'subject' has one row per level, so its variance cannot "
            "be told from the residual; group more coarsely.",
        ),
        (
            {},
            {"subject": "only"},
            NotIdentifiableError,
            "grouping factor 'subject' must have at least two levels, got 1; its "
            "variance cannot be estimated from one.",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, columns, kind, message):
    X, y = broken(**columns)
    with pytest.raises(kind) as caught:
        mixture(**({"n_components": (2, 1)} | options)).fit(X, y)
    assert str(caught.value) == message


def test_a_constant_or_missing_target_is_refused():
    X, y = broken()
    with pytest.raises(ValueError) as caught:
        mixture().fit(X, np.full(len(y), 2.0))
    assert str(caught.value) == (
        "`y` must vary for curves to be found, got the same value in all 30 rows; "
        "check the target."
    )
    with pytest.raises(ValueError) as caught:
        mixture().fit(X, y.where(y.index > 0))
    assert str(caught.value) == (
        "`y` must be finite, got missing or infinite values; drop these rows."
    )


def test_a_target_without_residuals_is_refused():
    X, _ = broken()
    with pytest.raises(ModelError) as caught:
        mixture(n_components=(2, 1)).fit(X, 2.0 * X["time"] + 1.0)
    assert str(caught.value) == (
        "the curves fit the target exactly, so no residual variance is left to "
        "estimate; ask for fewer splines or check the target."
    )


def test_constant_and_repeated_features_are_dropped_with_a_warning():
    X, y = broken(one=3.0)
    X = X.assign(square=X["time"] ** 2)
    with pytest.warns(RankDeficiencyWarning) as caught:
        model = mixture(n_components=(2, 1)).fit(X, y)
    assert str(caught[0].message) == (
        "fixed columns ['one', 'square'] are determined by the curves or by earlier "
        "columns and were dropped; remove them to silence this."
    )
    assert model.fixed_effects_.empty


def test_subjects_with_a_single_point_are_shrunk_to_the_population(table, target):
    single = table["subject"].eq(0) & table["subject"].duplicated()
    X, y = table[~single], target[~single]
    model = mixture().fit(X, y)
    assert (X["subject"] == 0).sum() == 1
    first, grid = X.head(1), np.linspace(0.05, 0.95, 9)
    known = pd.DataFrame({"subject": 0, "time": grid})
    interval = model.predict_interval(known, of="curve")
    many = model.predict_interval(known.assign(subject=1), of="curve")
    assert np.isfinite(interval.to_numpy()).all()
    assert (interval["upper"] - interval["lower"] > many["upper"] - many["lower"]).all()
    assert abs(model.predict(first)[0] - y.iloc[0]) < 1.0


def test_times_outside_the_range_warn_or_are_refused(fitted, table, target):
    late = table.head(2).assign(time=[0.5, 1.2])
    with pytest.warns(ExtrapolationWarning) as caught:
        predicted = fitted.predict(late)
    low, high = table["time"].min(), table["time"].max()
    said = f"1 of 2 times lie outside the curves' range [{low:g}, {high:g}], the farthest at"
    assert str(caught[0].message) == (
        f"{said} 1.2; their curves go on as straight lines."
    )
    assert np.isfinite(predicted).all()
    refused = (
        f"{said} 7; pass a `time_range` that covers them, or leave these rows out."
    )
    with pytest.raises(ValueError) as error:
        fitted.predict_interval(late.assign(time=[0.5, 7.0]))
    assert str(error.value) == refused
    strict = mixture(extrapolation="error").fit(table, target)
    with pytest.raises(ValueError, match=r"^1 of 2 times lie outside"):
        strict.predict(late)


def test_a_fit_that_has_not_settled_warns(table, target):
    with pytest.warns(ConvergenceWarning) as caught:
        mixture(max_iter=3).fit(table, target)
    said = str(caught[0].message)
    assert said.startswith("the bound had not settled after 3 sweep(s): the last one")
    assert said.endswith("raise `max_iter` or `tol`.")


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda m, X: m.predict(X.drop(columns="time")),
            ValueError,
            "column 'time' was in training but is not in this table; pass the training "
            "columns.",
        ),
        (
            lambda m, X: m.predict(X, condition_on=X),
            TypeError,
            "`condition_on` must be a pair (table, y) of observed rows, got DataFrame.",
        ),
        (
            lambda m, X: m.predict(X, condition_on=(X, [1.0])),
            ValueError,
            "`y` has 1 rows but `X` has 320; pass one target value per row of `X`.",
        ),
        (
            lambda m, X: m.predict(X, (X.assign(subject=None), np.zeros(320))),
            ValueError,
            "`condition_on` column 'subject' must have a label in every row, got "
            "missing values; fill them or drop the rows.",
        ),
        (
            lambda m, X: m.predict_quantiles(X, [0.5, 1.0]),
            ValueError,
            "`quantiles` must lie between 0 and 1, got [0.5, 1.0].",
        ),
        (
            lambda m, X: m.predict_interval(X, 95),
            ValueError,
            "`level` must lie between 0 and 1, got 95; 0.95 is usual.",
        ),
        (
            lambda m, X: m.predict_interval(X, of="mean"),
            ValueError,
            "`of` must be one of 'observation', 'curve', got 'mean'; choose one of them.",
        ),
        (
            lambda m, X: m.sample(X, 0),
            ValueError,
            "`n_samples` must be at least 1, got 0.",
        ),
    ],
)
def test_what_cannot_be_predicted_is_refused(fitted, table, call, kind, message):
    with pytest.raises(kind) as caught:
        call(fitted, table)
    assert str(caught.value) == message


def test_a_population_model_takes_no_points(table, target):
    model = mixture(known_groups="population").fit(table, target)
    with pytest.raises(ValueError) as caught:
        model.predict(table, condition_on=(table, target))
    assert str(caught.value) == (
        "`condition_on` needs known_groups='conditional', got 'population'."
    )


def test_without_subjects_there_is_no_distribution_of_curves(table, target):
    X = table[["time"]]
    model = DeepMixtureLMM(time="time").fit(X, target)
    with pytest.raises(ModelError) as caught:
        model.predict_interval(X)
    assert str(caught.value) == (
        "the distribution of curves needs subjects; name their column in `groups` and "
        "fit again."
    )


def test_own_columns_have_no_trajectory(table, target):
    X = table.assign(one=1.0, slope=table["time"])
    model = DeepMixtureLMM(
        "subject", "time", basis=["one", "slope"], n_components=(2,), random_state=0
    ).fit(X, target)
    assert list(model.random_effects_["subject"]) == ["one", "slope"]
    with pytest.raises(ModelError) as caught:
        model.trajectories()
    assert str(caught.value) == (
        "trajectories are drawn along `time`, and this model has a basis of its own "
        "columns; predict a table with these columns instead."
    )


def test_an_unfitted_model_says_so(table):
    with pytest.raises(NotFittedError):
        mixture().predict_interval(table)


# -- weights --


def test_a_weight_is_a_precision_and_zero_is_no_row(table, target):
    kept = np.arange(len(table)) % 7 > 0
    plain = mixture().fit(table[kept], target[kept])
    weighted = mixture().fit(table, target, kept.astype(float))
    np.testing.assert_allclose(weighted.predict(table), plain.predict(table), atol=1e-8)
    rng = np.random.default_rng(0)
    weights = np.where(np.arange(len(table)) % 2, 25.0, 1.0)
    noisy = target + 2.0 * rng.normal(size=len(table)) / np.sqrt(weights)
    errors = [
        float(np.mean((model.predict(table) - target) ** 2))
        for model in (
            mixture().fit(table, noisy),
            mixture().fit(table, noisy, sample_weight=weights),
        )
    ]
    assert errors[1] < 0.7 * errors[0]
