"""The model that is kept is what the folds did, done by hand on all rows."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from flexcv import CrossValidation, CrossValidationResults, FinalModel
from flexcv.dataset import make_dataset
from flexcv.errors import FlexcvError, NotPerformedError
from flexcv.evaluation.early_stopping import held_out
from flexcv.evaluation.thresholds import youden_threshold
from flexcv.evaluation.unit_tuning import model_seed
from flexcv.merf import MERF
from flexcv.models import LinearMixedEffectsModel
from flexcv.preprocessing import GroupMeans
from flexcv.resampling import (
    CrossValMethod,
    SplitSettings,
    make_plan,
)
from flexcv.resampling.whole import whole_fold

SILENT = ("groups-unused", "groups-new", "contextual-effects", "merf-left-out")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    group = pd.Series(np.repeat(np.arange(20), 6), name="group")
    X = pd.DataFrame(rng.normal(size=(120, 3)) * [1, 5, 20] + 3, columns=list("abc"))
    y = X["a"] + X["b"] / 5 + rng.normal(size=20)[group] + rng.normal(size=120)
    return X, y.rename("y"), group


def chain(table, *, seed=5, data=None, **splits):
    cv = CrossValidation().set_data(*table, **(data or {}))
    cv = cv.set_splits("GroupKFold", n_splits_out=3, n_splits_in=3, **splits)
    return cv.set_run(random_seed=seed, silence=SILENT, progress=False)


def scaled(X):
    values = StandardScaler().fit_transform(np.ascontiguousarray(X))
    return pd.DataFrame(values, X.index, X.columns, copy=False)


def forest(final, **settings):
    return RandomForestRegressor(10, random_state=final.card.random_state, **settings)


def test_scaling_and_fit_are_those_of_a_hand_written_fit(table):
    X, y, _ = table
    cv = chain(table).add_model(RandomForestRegressor(10), model_name="Forest")
    final = cv.perform().fit_final("Forest")
    by_hand = forest(final).fit(scaled(X), y).predict(scaled(X))
    assert isinstance(final, FinalModel)
    assert np.array_equal(final.predict(X), by_hand)
    assert np.array_equal(cv.results.final("Forest").predict(X), by_hand)


def test_unscaled_features_stay_so(table):
    X, y, _ = table
    cv = chain(table, scale_out=False).add_model(Ridge)
    final = cv.perform().fit_final("Ridge")
    assert np.array_equal(final.predict(X), Ridge().fit(X, y).predict(X))


def test_tuning_takes_the_best_on_inner_splits_of_all_rows(table):
    X, y, group = table
    depths = {"max_depth": CategoricalDistribution([1, 2, 4, 8])}
    cv = chain(table, seed=11).set_inner_cv(30)
    cv = cv.add_model(DecisionTreeRegressor, model_name="Tree", params=depths)
    final = cv.perform().fit_final("Tree")
    splitter = GroupKFold(3, shuffle=True, random_state=11)
    splits = list(splitter.split(X, y, group))
    state = final.card.random_state
    losses = {}
    for depth in (1, 2, 4, 8):
        errors = []
        for train, test in splits:
            scaler = StandardScaler().fit(X.iloc[train])
            tree = DecisionTreeRegressor(max_depth=depth, random_state=state)
            tree.fit(scaler.transform(X.iloc[train]), y.iloc[train])
            miss = tree.predict(scaler.transform(X.iloc[test])) - y.iloc[test]
            errors.append(np.mean(miss**2))
        losses[depth] = np.mean(errors)
    best = min(losses, key=losses.get)
    assert final.agreement.set_index("parameter").loc["max_depth", "final"] == best
    by_hand = DecisionTreeRegressor(max_depth=best, random_state=state)
    by_hand.fit(scaled(X).to_numpy(), y)
    assert np.array_equal(final.predict(X), by_hand.predict(scaled(X).to_numpy()))


def test_merf_goes_around_what_was_chosen(table):
    X, y, group = table
    leaves = {"min_samples_leaf": CategoricalDistribution([2, 10])}
    cv = (
        chain(table).set_inner_cv(4).set_merf(add_merf_global=True, em_max_iterations=3)
    )
    cv = cv.add_model(RandomForestRegressor(10), model_name="Forest", params=leaves)
    final = cv.perform().fit_final("MERF(Forest)")
    leaf = final.agreement["final"].iloc[0]
    inside = scaled(X).assign(group=group)
    state = final.card.random_state
    by_hand = MERF(
        forest(final, min_samples_leaf=leaf),
        "group",
        max_iterations=3,
        tol=None,
        random_state=state,
    )
    by_hand.fit(inside, y)
    assert np.array_equal(final.predict(X.assign(group=group)), by_hand.predict(inside))
    base = cv.fit_final("Forest")
    alone = forest(final, min_samples_leaf=leaf).fit(scaled(X), y)
    assert np.array_equal(base.predict(X), alone.predict(scaled(X)))


def test_early_stopping_holds_groups_out_of_all_rows(table):
    X, y, group = table
    boosting = GradientBoostingRegressor(n_estimators=80)
    cv = chain(table).add_model(boosting, model_name="Trees", early_stopping=4)
    final = cv.perform().fit_final("Trees")
    model = final.estimator[-1]
    rounds = final.agreement.set_index("parameter").loc["n_estimators", "final"]
    assert model.n_estimators_ == rounds < 80
    data = make_dataset(X, y, group)
    settings = SplitSettings(CrossValMethod.GROUP_KFOLD, None, 3, 3)
    fold = whole_fold(data, settings, make_plan(data, settings, 5), 5)
    held = held_out(fold.train, data, 4, model_seed(fold, "early stopping"))
    assert group.iloc[held].nunique() == 4
    rest = np.setdiff1d(np.arange(120), held)
    by_hand = clone(model).fit(scaled(X).iloc[rest], y.iloc[rest])
    assert np.array_equal(final.predict(X), by_hand.predict(scaled(X)))


def test_a_threshold_is_chosen_on_inner_splits_of_all_rows(table):
    X, y, group = table
    state = pd.Series(np.where(y > y.quantile(0.7), "ill", "well"), name="state")
    cv = chain((X, state, group), data={"positive": "ill"})
    cv = cv.add_model(LogisticRegression, model_name="Logit", threshold="youden")
    final = cv.perform().fit_final("Logit")
    truth, found = [], []
    splitter = GroupKFold(3, shuffle=True, random_state=5)
    for train, test in splitter.split(X, state, group):
        scaler = StandardScaler().fit(X.iloc[train])
        model = LogisticRegression().fit(scaler.transform(X.iloc[train]), state[train])
        found.append(model.predict_proba(scaler.transform(X.iloc[test]))[:, 0])
        truth.append(state[test] == "ill")
    cut = youden_threshold(np.concatenate(truth), np.concatenate(found))
    chosen = final.agreement.set_index("parameter").loc["decision_threshold", "final"]
    assert chosen == cut != 0.5
    whole = LogisticRegression().fit(scaled(X), state).predict_proba(scaled(X))[:, 0]
    assert final.classes == ("well", "ill")
    assert np.array_equal(final.predict_proba(X)[:, 1], whole)
    assert np.array_equal(final.predict(X) == "ill", whole >= cut)


def test_means_of_groups_are_added_as_in_the_folds(table):
    X, y, group = table
    cv = chain(table, data={"between": True}).add_model(Ridge)
    final = cv.perform().fit_final("Ridge")
    means = GroupMeans("group").fit_transform(X.assign(group=group))
    means = scaled(means.drop(columns="group"))
    by_hand = Ridge().fit(means, y).predict(means)
    predicted = final.predict(X.assign(group=group))
    np.testing.assert_allclose(predicted, by_hand, rtol=1e-12)  # columns lie otherwise


def test_weights_reach_the_fit(table):
    X, y, _ = table
    weights = np.linspace(0.1, 3.0, len(X))
    data = {"weights": weights, "weights_in": "fit"}
    final = chain(table, data=data).add_model(Ridge).perform().fit_final("Ridge")
    by_hand = Ridge().fit(scaled(X), y, sample_weight=weights).predict(scaled(X))
    assert np.array_equal(final.predict(X), by_hand)


def test_it_depends_on_the_seed_alone_and_not_on_what_stands_beside(table):
    X, *_ = table
    alone = chain(table).add_model(RandomForestRegressor(5), model_name="Forest")
    beside = chain(table, n_repeats=2).add_model(Ridge)
    beside = beside.add_model(RandomForestRegressor(5), model_name="Forest")
    other = chain(table, seed=6).add_model(
        RandomForestRegressor(5), model_name="Forest"
    )
    finals = [cv.perform().fit_final("Forest") for cv in (alone, beside, other)]
    predicted = [final.predict(X) for final in finals]
    assert np.array_equal(predicted[0], predicted[1])
    assert not np.array_equal(predicted[0], predicted[2])


def test_its_score_is_that_of_the_run(table):
    cv = chain(table).add_model(Ridge).perform()
    final = cv.fit_final("Ridge")
    scores = final.scores.set_index("metric")
    for metric in ("r2", "mse", "mae"):
        expected = cv.results.interval(metric).loc["Ridge"]
        for name in ("mean", "pooled", "lower", "upper", "method"):
            assert scores.loc[metric, name] == expected[name]


def test_post_processors_look_at_folds_only(table):
    seen = []
    cv = chain(table).add_model(Ridge, post_processor=lambda fold: seen.append(1) or ())
    cv.perform().fit_final("Ridge")
    assert len(seen) == 3


def test_warnings_of_the_fit_are_told_with_it(table):
    X, y, group = table
    cv = chain((X.assign(twice=X["a"]), y, group))
    cv = cv.add_model(LinearMixedEffectsModel, model_name="LMM")
    final = cv.perform().fit_final("LMM")
    [(category, message)] = final.card.warnings
    assert category == "RankDeficiencyWarning"
    assert message in set(final.summary()["sentence"])


def test_a_model_that_fails_says_on_which_rows(table):
    class Fails(Ridge):
        def fit(self, X, y):
            if len(X) == 120:
                raise ValueError("too many rows")
            return super().fit(X, y)

    cv = chain(table).add_model(Fails).perform()
    with pytest.raises(ValueError, match="too many rows") as caught:
        cv.fit_final("Fails")
    assert caught.value.__notes__ == ["while fitting Fails on all rows"]


def test_nothing_is_kept_that_was_not_measured(table):
    cv = chain(table).add_model(Ridge)
    with pytest.raises(NotPerformedError) as caught:
        cv.fit_final("Ridge")
    assert str(caught.value) == (
        "'Ridge' has no score of this chain: there are no results yet; call perform() "
        "first."
    )
    cv.perform().set_inner_cv(7)
    with pytest.raises(NotPerformedError, match="tuning changed since perform"):
        cv.fit_final("Ridge")
    with pytest.raises(KeyError, match="no model is called 'Rigde'; did you mean"):
        cv.perform().fit_final("Rigde")


def test_a_run_that_is_read_again_gives_the_same_model(table, tmp_path):
    X, *_ = table
    first = chain(table).add_model(RandomForestRegressor(5), model_name="Forest")
    final = first.set_run(tmp_path / "run").perform().fit_final("Forest")
    loaded = CrossValidationResults.load(tmp_path / "run")
    with pytest.raises(FlexcvError) as caught:
        loaded.final("Forest")
    assert str(caught.value) == (
        "'Forest' cannot be fitted to all rows: these results were read from a folder, "
        "which keeps neither the features nor the settings; describe the chain with "
        "set_run(folder) and perform() again, which reads what is finished there, then "
        "call cv.fit_final('Forest')."
    )
    again = chain(table).add_model(RandomForestRegressor(5), model_name="Forest")
    again = again.set_run(tmp_path / "run").perform().fit_final("Forest")
    assert np.array_equal(again.predict(X), final.predict(X))
    pd.testing.assert_frame_equal(again.scores, final.scores)


def test_of_several_plans_one_is_named(table):
    cv = CrossValidation().set_data(*table).add_model(DummyRegressor, model_name="Mean")
    cv = cv.set_splits(["KFold", "GroupKFold"]).set_run(
        silence=(*SILENT, "groups-ignored")
    )
    cv.perform()
    final = cv.fit_final("Mean", plan="new groups")
    assert final.card.question == "new groups"
    assert list(cv.results.final("Mean")) == ["known groups", "new groups"]
    with pytest.raises(ValueError, match="`plan` must be one of 'known groups'"):
        cv.fit_final("Mean")
