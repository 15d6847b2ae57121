"""The chain with real models: what the README and the issues promise."""

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import CrossValidation
from flexcv.datasets import load_penicillin, load_sleepstudy
from flexcv.errors import GroupsWarning
from flexcv.merf import MERF
from flexcv.model_postprocessing import RandomForestModelPostProcessor
from flexcv.models import LinearMixedEffectsModel, LinearModel
from flexcv.synthesizer import generate_regression


def test_the_first_example_runs_and_the_mixed_model_wins():
    X, y, group, random_slopes = generate_regression(
        3, 100, n_slopes=1, noise_level=9.1e-2
    )
    cv = CrossValidation()
    with pytest.warns(GroupsWarning):
        results = (
            cv.set_data(X, y, group, random_slopes)
            .set_splits(n_splits_out=3)
            .add_model(LinearMixedEffectsModel)
            .add_model(LinearModel)
            .perform()
            .get_results()
        )
    r2 = results.summary.loc[("mean", "r2")]
    assert r2["LinearMixedEffectsModel"] > 0.95 > r2["LinearModel"] + 0.5


def test_the_second_example_runs_and_holds_both_models():
    X, y, group, random_slopes = generate_regression(
        3, 50, n_slopes=1, noise_level=9.1e-2
    )
    params = {
        "max_depth": optuna.distributions.IntDistribution(5, 100),
        "n_estimators": optuna.distributions.CategoricalDistribution([10]),
    }
    cv = CrossValidation().set_run(silence="groups-ignored")
    results = (
        cv.set_data(X, y, group, random_slopes)
        .set_inner_cv(3)
        .set_splits(n_splits_out=3)
        .add_model(
            model_class=RandomForestRegressor, requires_inner_cv=True, params=params,
            post_processor=RandomForestModelPostProcessor,
        )
        .set_merf(True, em_max_iterations=5)
        .perform()
        .get_results()
    )  # fmt: skip
    names = ["RandomForestRegressor", "MERF(RandomForestRegressor)"]
    assert list(results) == names
    assert len(results.findings["RandomForestRegressor"]["importance"]) == 3
    for base, mixed in zip(*(results.estimators[name] for name in names), strict=True):
        assert mixed[-1].estimator.max_depth == base[-1].max_depth
        assert mixed[-1].estimator.n_estimators == 10
    assert set(results.traces["model"]) == {"MERF(RandomForestRegressor)"}
    assert results.traces.groupby("fold").size().tolist() == [5, 5, 5]
    assert results.warnings.empty  # five iterations were asked for


@pytest.fixture
def sleep():
    table = load_sleepstudy()
    cv = CrossValidation().set_data(table, "Reaction", "Subject", "Days")
    return cv.set_run(silence="groups-ignored")


def test_known_groups_can_be_predicted_as_the_population(sleep):
    sleep.add_model(LinearMixedEffectsModel).add_model(LinearModel)
    mse = sleep.set_lmer(False).perform().results.summary.loc[("mean", "mse")]
    assert mse["LinearMixedEffectsModel"] == pytest.approx(mse["LinearModel"], rel=0.02)
    known = sleep.set_lmer(True).perform().results.summary.loc[("mean", "mse")]
    assert known["LinearMixedEffectsModel"] < mse["LinearModel"] / 2


def test_the_global_merf_switch_leaves_mixed_models_alone(sleep):
    sleep.add_model(Ridge).add_model(LinearMixedEffectsModel).set_merf(True, 3)
    notes = sleep.check().set_index("name")["message"]
    assert "'LinearMixedEffectsModel'" in notes["merf-left-out"]
    assert list(sleep.perform().results) == [
        "Ridge",
        "MERF(Ridge)",
        "LinearMixedEffectsModel",
    ]


def test_em_settings_keep_their_meaning(sleep):
    sleep.set_splits(n_splits_out=2).add_model(Ridge)

    def iterations():
        return sleep.perform().results.traces.groupby("fold").size().max()

    sleep.set_merf(True)
    assert iterations() < 100
    sleep.set_merf(em_max_iterations=7)
    assert iterations() == 7
    sleep.set_merf(em_stopping_threshold=1.0, em_stopping_window=2)
    assert iterations() < 7


def test_a_models_own_switch_overrides_the_global_one(sleep):
    sleep.add_model(Ridge, add_merf=False).add_model(LinearModel).set_merf(True, 3)
    assert list(sleep.perform().results) == [
        "Ridge",
        "LinearModel",
        "MERF(LinearModel)",
    ]


def test_merf_as_a_model_is_tuned_with_its_groups(sleep):
    leaves = optuna.distributions.IntDistribution(1, 30)
    forest = RandomForestRegressor(n_estimators=10)
    sleep.set_inner_cv(2).set_splits(n_splits_out=3, n_splits_in=3)
    sleep.add_model(forest, params={"min_samples_leaf": leaves}, model_name="Bare")
    sleep.add_model(
        MERF(forest, max_iterations=2), params={"estimator__min_samples_leaf": leaves}
    )
    tried = sleep.perform().results.trials.groupby("model")["value"].mean()
    assert tried["MERF"] < 0.7 * tried["Bare"]


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), Ridge()),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        VotingRegressor([("a", Ridge()), ("b", LinearModel())]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_pipelines_ensembles_and_transformed_targets_run_with_merf_around_them(
    sleep, model
):
    results = sleep.add_model(model).set_merf(True, 3).perform().results
    assert results.summary.loc["mean"].notna().all(axis=None)
    assert len(results) == 2


def test_categorical_groups_with_unused_levels_run_through_every_model():
    table = load_sleepstudy()
    table["Subject"] = pd.Categorical(
        table["Subject"], categories=[*table["Subject"].unique(), "nobody"]
    )
    cv = (
        CrossValidation()
        .set_data(table, "Reaction", "Subject", "Days")
        .set_splits(n_splits_out=3)
    )
    cv.add_model(LinearMixedEffectsModel).add_model(Ridge).set_merf(True, 3)
    r2 = (
        cv.set_run(silence="groups-ignored")
        .perform()
        .results.summary.loc[("mean", "r2")]
    )
    assert r2["LinearMixedEffectsModel"] > 0.6
    assert r2["MERF(Ridge)"] > 0.6


def test_callbacks_reach_xgboost(sleep):
    xgboost = pytest.importorskip("xgboost", reason="needs the extra `xgboost`")
    rounds = []

    class Counts(xgboost.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            rounds.append(epoch)
            return False

    sleep.set_splits(n_splits_out=2)
    sleep.add_model(
        xgboost.XGBRegressor, callbacks=[Counts()], model_kwargs={"n_estimators": 3}
    )
    assert sleep.perform().results.summary.loc["mean"].notna().all(axis=None)
    assert rounds == [0, 1, 2] * 2


@pytest.mark.parametrize(
    "model",
    [
        LinearMixedEffectsModel(random="(1 | sample)"),
        LinearMixedEffectsModel(formula="constant + (1 | sample)"),
        MERF(Ridge(), random="(1 | sample)"),
    ],
    ids=["random", "formula", "merf"],
)
def test_a_random_part_written_out_gets_its_own_columns(model):
    table = load_penicillin().assign(constant=np.arange(144) % 2)
    cv = CrossValidation().set_data(table, "diameter", ["plate", "sample"])
    results = cv.add_model(model).set_run(silence="groups-ignored").perform().results
    fitted = results.estimators[next(iter(results))][0]
    assert list(fitted[0].columns_) == ["constant", "sample"]
    assert results.summary.loc[("mean", "r2")].iloc[0] > 0.5


def test_several_grouping_columns_become_crossed_random_effects():
    table = load_penicillin().assign(constant=np.arange(144) % 2)
    cv = CrossValidation().set_data(table, "diameter", ["plate", "sample"])
    results = (
        cv.add_model(LinearMixedEffectsModel)
        .set_run(silence="groups-ignored")
        .perform()
        .results
    )
    components = results.estimators["LinearMixedEffectsModel"][0][
        -1
    ].variance_components_
    assert set(components["group"]) == {"plate", "sample", "Residual"}
    assert results.summary.loc[("mean", "r2"), "LinearMixedEffectsModel"] > 0.8
