import pickle

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import IntDistribution
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import log_loss, mean_poisson_deviance
from sklearn.model_selection import GroupKFold, ShuffleSplit
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv import CrossValidation
from flexcv.datasets import load_sleepstudy
from flexcv.errors import NotIdentifiableError
from flexcv.models import LinearMixedEffectsModel, MixedEffectsBoosting
from flexcv.models.laplace.families import family_of
from flexcv.models.laplace.marginal import marginal_mean

CHANCES = {
    "binomial": lambda rng, eta: (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))) * 1.0,
    "poisson": lambda rng, eta: rng.poisson(np.exp(eta)).astype(float),
}


def drawn(seed=0, n_groups=40, n_rows=10, intercept=1.0, slope=0.0, noise=1.0):
    """A table with a bent fixed part, group effects and noise of variance 1."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), n_rows)
    x = rng.normal(size=(len(group), 2))
    effects = rng.normal(size=(n_groups, 2)) * np.sqrt([intercept, slope])
    y = 1.5 * np.tanh(2.0 * x[:, 0]) + (x[:, 1] > 0.0)
    y += noise * rng.normal(size=len(group))
    y += effects[group, 0] + effects[group, 1] * x[:, 0]
    return pd.DataFrame({"x1": x[:, 0], "x2": x[:, 1], "group": group}), y


def drawn_twice(family=None, **design):
    """Training rows and as many new rows of the same groups."""
    n_rows = design.pop("n_rows", 10)
    noise = {} if family is None else {"noise": 0.0}
    X, y = drawn(n_rows=2 * n_rows, **noise, **design)
    if family is not None:
        y = CHANCES[family](np.random.default_rng(1), y)
    first = np.arange(len(X)) % 2 == 0
    return X[first], y[first], X[~first], y[~first]


def boosting(groups="group", **settings):
    return MixedEffectsBoosting(groups, **({"random_state": 0} | settings))


def mse(model, X, y):
    return float(np.mean((y - model.predict(X)) ** 2))


# -- a scikit-learn estimator --

REASON = "folds and subsamples are drawn from rows, and rows that come twice are two"
UNEQUAL_DRAWS = {
    f"check_sample_weight_equivalence_on_{kind}_data": REASON
    for kind in ("dense", "sparse")
}


@parametrize_with_checks(
    [
        MixedEffectsBoosting(max_iterations=10),
        MixedEffectsBoosting(max_iterations=5, family="binomial"),
        MixedEffectsBoosting(max_iterations=5, learner="exact"),
    ],
    expected_failed_checks=lambda model: (
        {} if model.family == "binomial" else UNEQUAL_DRAWS
    ),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks_pass_without_groups(estimator, check):
    check(estimator)


def test_clones_have_the_same_settings():
    model = boosting(max_depth=3, family="poisson")
    assert clone(model).get_params() == model.get_params()


def test_equal_seeds_give_equal_results():
    X, y = drawn()
    first = boosting(max_iterations=30).fit(X, y).predict(X)
    np.testing.assert_array_equal(
        boosting(max_iterations=30).fit(X, y).predict(X), first
    )
    other = boosting(max_iterations=30, random_state=1).fit(X, y).predict(X)
    assert not np.array_equal(first, other)


def test_the_global_generator_is_left_alone():
    X, y = drawn()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    boosting(max_iterations=10, random_state=None).fit(X, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("family", [None, "binomial", "poisson"])
def test_a_pickled_model_predicts_the_same(family):
    X, y, new, _ = drawn_twice(family)
    model = boosting(family=family or "gaussian", max_iterations=20).fit(X, y)
    thawed = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(thawed.predict(new), model.predict(new))


def test_a_table_is_not_changed():
    X, y = drawn()
    X.loc[3, "x1"] = np.nan
    before = X.copy()
    boosting(max_iterations=10).fit(X, y).predict(X)
    pd.testing.assert_frame_equal(X, before)


def test_a_binomial_model_is_a_classifier_and_others_are_regressors():
    assert is_classifier(MixedEffectsBoosting(family="binomial"))
    assert is_regressor(MixedEffectsBoosting(family="poisson"))
    assert not hasattr(MixedEffectsBoosting(family="poisson"), "predict_proba")
    assert not hasattr(MixedEffectsBoosting(family="poisson"), "predict_interval")


# -- what is predicted --


@pytest.mark.parametrize("learner", ["histogram", "exact"])
def test_known_groups_gain_and_new_groups_lose_nothing(learner):
    X, y, known, y_known = drawn_twice(intercept=4.0)
    new, y_new = drawn(seed=9, intercept=0.0)
    new["group"] += 1000
    features = ["x1", "x2"]
    plain = HistGradientBoostingRegressor(random_state=0).fit(X[features], y)
    model = boosting(learner=learner).fit(X, y)
    assert mse(model, known, y_known) < 0.4 * mse(plain, known[features], y_known)
    shift = float(np.mean(y_new - model.predict(new)))
    assert np.var(y_new - model.predict(new)) < 1.5
    assert abs(shift) < 1.0


def test_boosting_learns_what_a_linear_mixed_model_cannot():
    X, y, new, y_new = drawn_twice(n_groups=60)
    linear = LinearMixedEffectsModel("group").fit(X, y)
    assert mse(boosting().fit(X, y), new, y_new) < 0.9 * mse(linear, new, y_new)


def test_random_slopes_are_found():
    X, y, new, y_new = drawn_twice(n_groups=60, slope=2.0)
    with_slopes = boosting(slopes="x1").fit(X, y)
    assert mse(with_slopes, new, y_new) < 0.8 * mse(boosting().fit(X, y), new, y_new)
    components = with_slopes.variance_components_.set_index("name")["variance"]
    assert components["x1"] == pytest.approx(2.0, rel=0.4)
    assert list(with_slopes.random_effects_["group"].columns) == ["Intercept", "x1"]


def test_crossed_factors_are_found():
    X, y = drawn(n_groups=30, n_rows=20)
    rng = np.random.default_rng(5)
    X["item"] = rng.integers(0, 15, len(X))
    y = y + 1.5 * rng.normal(size=15)[X["item"]]
    model = boosting(("group", "item")).fit(X, y)
    found = model.variance_components_.set_index("group")["variance"]
    assert 0.5 < found["group"] < 1.8
    assert 1.0 < found["item"] < 5.0
    interval = model.predict_interval(X)
    assert ((interval["lower"] <= y) & (y <= interval["upper"])).mean() > 0.9


def test_unknown_groups_get_the_population_prediction():
    X, y = drawn()
    model = boosting(max_iterations=30).fit(X, y)
    unseen = model.predict(X.assign(group=-1))
    model.known_groups = "population"
    np.testing.assert_array_equal(model.predict(X), unseen)


def test_missing_values_are_learned_from():
    X, y, new, y_new = drawn_twice(n_groups=60)
    rng = np.random.default_rng(0)
    y = y + 3.0 * (gone := rng.random(len(X)) < 0.3)
    y_new = y_new + 3.0 * (gone_new := rng.random(len(new)) < 0.3)
    X, new = X.copy(), new.copy()
    X.loc[gone, "x2"], new.loc[gone_new, "x2"] = np.nan, np.nan
    for learner in ("histogram", "exact"):
        assert mse(boosting(learner=learner).fit(X, y), new, y_new) < 2.2


def test_labels_are_learned_from():
    X, y, new, y_new = drawn_twice(n_groups=60)
    for table in (X, new):
        table.insert(0, "side", np.where(table["x2"] > 0.0, "above", "below"))
    model = boosting().fit(X.drop(columns="x2"), y)
    assert mse(model, new.drop(columns="x2"), y_new) < 1.7
    assert model.feature_importances_[0] > 0.05


def test_important_features_are_told():
    X, y = drawn()
    X.insert(0, "nothing", np.random.default_rng(0).normal(size=len(X)))
    for learner in ("histogram", "exact"):
        found = boosting(learner=learner).fit(X, y).feature_importances_
        assert found.sum() == pytest.approx(1.0)
        assert found.argmin() == 0


# -- what is known of the variances --


@pytest.mark.slow
def test_the_residual_variance_is_that_of_new_rows():
    ratios, noises, covered = [], [], []
    for seed in range(6):
        X, y, new, y_new = drawn_twice(seed=seed, n_groups=60)
        model = boosting().fit(X, y)
        interval = model.predict_interval(new)
        inside = (interval["lower"] <= y_new) & (y_new <= interval["upper"])
        covered.append(inside.mean())
        left = mse(model, new, y_new)
        ratios.append(model.sigma_**2 / left)
        noises.append(model.noise_**2)
    assert 0.85 < np.mean(ratios) < 1.1
    assert 0.93 < np.mean(covered) < 0.975
    assert 0.8 < np.mean(noises) < 1.1


def test_in_sample_variances_are_too_small():
    X, y = drawn()
    honest = boosting().fit(X, y)
    inside = boosting(folds=None, max_iterations=honest.n_iter_).fit(X, y)
    assert inside.sigma_ < 0.8 * honest.sigma_
    assert np.isnan(inside.noise_)


def test_without_a_group_effect_its_variance_is_almost_nothing():
    X, y = drawn(n_groups=50, n_rows=12, intercept=0.0)
    components = boosting().fit(X, y).variance_components_["variance"]
    assert components[0] < 0.05 * components[1]


def test_the_average_of_the_effects_is_moved_to_the_fixed_part():
    X, y = drawn(n_groups=60)
    model = boosting().fit(X, y)
    assert abs(model.random_effects_["group"]["Intercept"].mean()) < 1e-3
    assert abs(np.mean(y - model.predict(X))) < 0.1


# -- how far it goes --


def test_it_goes_back_to_where_the_honest_likelihood_was_largest():
    X, y = drawn()
    model = boosting(patience=30).fit(X, y)
    trace = model.trace_
    best = trace["loglik"].idxmax()
    assert model.converged_
    assert model.n_iter_ == trace["iteration"][best] == len(model.trees_.trees)
    assert trace["iteration"].iloc[-1] == model.n_iter_ + 30
    assert model.loglik_ == trace["loglik"][best]


def test_without_patience_it_goes_to_the_end():
    X, y = drawn()
    model = boosting(patience=None, max_iterations=47, refresh_every=20).fit(X, y)
    assert list(model.trace_["iteration"]) == [20, 40, 47]
    assert model.n_iter_ == 47
    assert not model.converged_


def test_fewer_rounds_are_the_beginning_of_more():
    X, y = drawn()
    short = boosting(patience=None, max_iterations=20).fit(X, y)
    long = boosting(patience=None, max_iterations=40).fit(X, y)
    for one, other in zip(short.trees_.trees, long.trees_.trees, strict=False):
        np.testing.assert_array_equal(one.of_leaf, other.of_leaf)


def test_callbacks_hear_each_row_and_may_stop():
    X, y = drawn()
    heard = []

    def callback(row):
        heard.append(row)
        return len(heard) == 3

    model = boosting(callbacks=[callback]).fit(X, y)
    assert [row["iteration"] for row in heard] == [10, 20, 30]
    assert len(model.trace_) == 3
    assert heard[-1]["loglik"] == model.trace_["loglik"].iloc[-1]
    assert {"sigma2", "group.Intercept"} <= set(heard[0])


def test_rows_can_be_held_out_by_group():
    X, y = drawn()
    model = boosting(folds=GroupKFold(4)).fit(X, y)
    assert model.sigma_ > 0.8
    assert model.variance_components_["variance"][0] > 0.4


def test_the_rounds_are_drawn():
    X, y = drawn()
    axes = boosting(max_iterations=30).fit(X, y).plot_convergence()
    assert axes[0].get_ylabel() == "log-likelihood"


def test_a_gradient_step_ends_near_a_newton_step():
    X, y, new, y_new = drawn_twice(n_groups=60)
    newton, gradient = (
        mse(boosting(step=step).fit(X, y), new, y_new)
        for step in ("newton", "gradient")
    )
    assert gradient == pytest.approx(newton, rel=0.1)


@pytest.mark.slow
def test_newton_steps_learn_a_feature_that_is_constant_in_groups():
    X, y = drawn(n_groups=100, n_rows=20, intercept=1.0)
    of_group = np.random.default_rng(3).normal(size=100)
    X["level"] = of_group[X["group"]]
    y = y + 3.0 * (X["level"] > 0.0)
    settings = {"max_iterations": 60, "patience": None}
    found = {}
    for step in ("newton", "gradient"):
        model = boosting(step=step, **settings).fit(X, y)
        found[step] = model.variance_components_["variance"][0]
    assert found["newton"] < 0.8 * found["gradient"]


# -- other families --


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "loss"),
    [("binomial", log_loss), ("poisson", mean_poisson_deviance)],
)
def test_other_families_gain_from_known_groups(family, loss):
    X, y, known, y_known = drawn_twice(family, n_groups=60, n_rows=20, intercept=1.0)
    model = boosting(family=family).fit(X, y)

    def mean(table):
        if family == "binomial":
            return model.predict_proba(table)[:, 1]
        return model.predict(table)

    population = loss(y_known, mean(known.assign(group=-1)))
    assert loss(y_known, mean(known)) < 0.96 * population
    assert population < loss(y_known, np.full(len(y_known), y.mean()))
    assert 0.4 < model.variance_components_["variance"][0] < 1.6
    assert len(model.variance_components_) == 1


def test_new_groups_get_the_marginal_probability():
    X, y, _, _ = drawn_twice("binomial", intercept=4.0)
    model = boosting(family="binomial", max_iterations=30).fit(X, y)
    new = X.assign(group=-1)
    eta = model.trees_.predict(new) + model.average_effects_["Intercept"]
    family = family_of("binomial")
    variance = np.full(len(X), model.variance_components_["variance"][0])
    found = model.predict_proba(new)[:, 1]
    np.testing.assert_allclose(found, marginal_mean(family, eta, variance))
    assert np.abs(found - family.mean(eta)).max() > 0.02


def test_classes_of_any_kind_are_given_back():
    X, y, _, _ = drawn_twice("binomial")
    labels = np.where(y == 1.0, "yes", "no")
    model = boosting(family="binomial", max_iterations=20).fit(X, labels)
    assert list(model.classes_) == ["no", "yes"]
    assert set(model.predict(X)) == {"no", "yes"}
    assert model.score(X, labels) > 0.6
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize("family", ["gamma", "negative_binomial"])
def test_families_with_a_dispersion_tell_it(family):
    rng = np.random.default_rng(0)
    X, eta = drawn(noise=0.0, n_groups=30)
    mean = np.exp(0.5 * eta)
    if family == "gamma":
        y, truth = mean * rng.gamma(2.0, 0.5, len(X)), 0.5
    else:
        y, truth = rng.negative_binomial(2, 2.0 / (2.0 + mean)).astype(float), 2.0
    model = boosting(family=family, max_iterations=40).fit(X, y)
    assert model.dispersion_ == pytest.approx(truth, rel=0.5)
    assert np.isnan(model.sigma_)


def test_crossed_factors_of_counts_are_found():
    X, y, _, _ = drawn_twice("poisson", n_groups=20, intercept=0.5)
    rng = np.random.default_rng(5)
    X["item"] = rng.integers(0, 6, len(X))
    y = rng.poisson(np.exp(0.5 * rng.normal(size=6))[X["item"]] * (1.0 + y))
    model = boosting(("group", "item"), family="poisson", max_iterations=20).fit(X, y)
    assert set(model.random_effects_) == {"group", "item"}
    assert (model.predict(X) > 0.0).all()


# -- in the chain --


@pytest.mark.slow
def test_it_is_tuned_in_the_chain():
    table = load_sleepstudy()
    cv = (
        CrossValidation()
        .set_data(table, "Reaction", groups="Subject")
        .set_splits("KFold", n_splits_out=3, n_splits_in=2, scale_out=False)
        .set_inner_cv(n_trials=2)
        .add_model(
            boosting("Subject", max_iterations=60),
            params={"max_depth": IntDistribution(1, 3)},
            model_name="Boosting",
        )
        .set_run(random_seed=1, silence="groups-ignored")
    )
    results = cv.perform().get_results()
    assert results.summary.loc[("mean", "r2"), "Boosting"] > 0.5
    assert "loglik" in results.traces


# -- what is refused --

BAD = [
    (
        {"learning_rate": 1.5},
        "`learning_rate` must lie in (0, 1], got 1.5.",
    ),
    ({"subsample": 0.0}, "`subsample` must lie in (0, 1], got 0.0."),
    (
        {"learner": "histogramm"},
        "`learner` must be one of 'histogram', 'exact', got 'histogramm'; did you mean "
        "'histogram'?",
    ),
    (
        {"family": "poison"},
        "`family` must be one of 'gaussian', 'binomial', 'poisson', 'negative_binomial', "
        "'gamma', got 'poison'; did you mean 'poisson'?",
    ),
    (
        {"step": "newtown"},
        "`step` must be one of 'newton', 'gradient', got 'newtown'; did you mean 'newton'?",
    ),
    ({"max_depth": 0}, "`max_depth` must be at least 1, got 0."),
    ({"max_leaf_nodes": 1}, "`max_leaf_nodes` must be at least 2, got 1."),
    ({"max_bins": 300}, "`max_bins` must be at most 255, got 300."),
    (
        {"l2_regularization": -1.0},
        "`l2_regularization` must lie in [0, inf), got -1.0.",
    ),
    ({"folds": 1}, "`folds` must be at least 2, got 1."),
    ({"patience": 0}, "`patience` must be at least 1, got 0."),
    (
        {"folds": ShuffleSplit(2, random_state=0)},
        "`folds` must leave out each row once, got a splitter that leaves row 0 out 0 "
        "times; pass a number of folds or a splitter such as KFold.",
    ),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    X, y = drawn()
    with pytest.raises(ValueError) as error:
        boosting(**settings).fit(X, y)
    assert str(error.value) == message


def test_a_setting_of_a_wrong_kind_is_refused():
    X, y = drawn()
    with pytest.raises(TypeError) as error:
        boosting(max_iterations=2.5).fit(X, y)
    assert str(error.value) == "`max_iterations` must be a whole number, got 2.5."


def test_a_missing_target_is_refused():
    X, y = drawn()
    y[3] = np.nan
    with pytest.raises(ValueError) as error:
        boosting().fit(X, y)
    assert str(error.value) == (
        "`y` must be finite, got missing or infinite values; drop these rows."
    )


def test_a_constant_target_is_refused():
    X, y = drawn()
    with pytest.raises(ValueError) as error:
        boosting().fit(X, np.ones(len(y)))
    assert str(error.value) == (
        "`y` must vary for random effects to be found, got the same value in all 400 "
        "rows; check the target."
    )


def test_a_single_group_is_refused():
    X, y = drawn()
    with pytest.raises(NotIdentifiableError) as error:
        boosting().fit(X.assign(group=0), y)
    assert str(error.value) == (
        "grouping factor 'group' must have at least two levels, got 1; its variance "
        "cannot be estimated from one."
    )


def test_a_table_without_features_is_refused():
    X, y = drawn()
    with pytest.raises(ValueError) as error:
        boosting().fit(X[["group"]], y)
    assert str(error.value) == (
        "`X` must have a feature beside the grouping columns, got none; add a column "
        "for the trees."
    )


def test_negative_counts_are_refused():
    X, y = drawn()
    with pytest.raises(ValueError) as error:
        boosting(family="poisson").fit(X, np.round(y) - 100.0)
    assert str(error.value).startswith(
        "a Poisson target must hold counts (0, 1, 2, ...), got -"
    )


def test_three_classes_are_refused():
    X, y = drawn()
    with pytest.raises(ValueError) as error:
        boosting(family="binomial").fit(X, np.arange(len(y)) % 3)
    assert str(error.value) == (
        "Only binary classification is supported. A binomial target must have two "
        "classes, got 3: [0, 1, 2]; merge classes, take a multiclass model, or for counts another `family`."
    )


def test_a_fit_that_fails_leaves_nothing_that_predicts():
    X, y = drawn()
    model = boosting(max_iterations=10).fit(X, y)
    with pytest.raises(ValueError):
        model.set_params(learning_rate=7.0).fit(X, y)
    with pytest.raises(ValueError, match="not fitted yet"):
        model.predict(X)


def test_a_handful_of_rows_is_enough_whatever_is_drawn():
    X = np.random.RandomState(0).normal(size=(10, 4))
    for seed in range(100):  # in one of twenty some fold draws none of its rows
        model = MixedEffectsBoosting(learner="exact", max_iterations=5)
        model.set_params(random_state=seed).fit(X, X[:, 0])
        assert np.isfinite(model.predict(X)).all()


def nearly_constant(seed, n_groups, first=0):
    """Features that hardly vary within groups, and what is true of their rows."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), 8)
    x = np.sqrt(0.98) * rng.normal(size=(n_groups, 4))[group]
    x += np.sqrt(0.02) * rng.normal(size=x.shape)
    truth = x[:, 0] + x[:, 1] + 0.7 * np.abs(x[:, 2])
    y = truth + 1.5 * rng.normal(size=n_groups)[group] + rng.normal(size=len(group))
    X = pd.DataFrame(x, columns=list("abcd"))
    return X.assign(group=group + first), y, truth


@pytest.mark.filterwarnings("ignore::flexcv.errors.UnknownGroupsWarning")
def test_features_that_hardly_vary_within_groups_are_learnt_for_new_groups():
    losses, covered = [], []
    for seed in range(5):
        X, y, _ = nearly_constant(seed, 100)
        new, y_new, truth = nearly_constant(seed + 100, 200, first=1000)
        told = boosting().fit(X, y)
        plain = boosting(groups=None).fit(X.drop(columns="group"), y)
        found = told.predict(new), plain.predict(new.drop(columns="group"))
        losses.append([np.mean((values - truth) ** 2) for values in found])
        interval = told.predict_interval(new)
        covered.append(np.mean((interval.lower < y_new) & (y_new < interval.upper)))
    with_groups, without = np.mean(losses, axis=0)
    assert with_groups < 1.02 * without
    assert 0.92 < np.mean(covered) < 0.98
