import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from flexcv import CrossValidation, CrossValidationResults, compare_runs
from flexcv.datasets import load_radon
from flexcv.errors import PlanError


@pytest.fixture(scope="module")
def radon():
    return load_radon().drop(columns="basement")


def chain(table, *, seed=42, split="GroupKFold"):
    cv = CrossValidation().set_data(table, "log_radon", "county").add_model(Ridge)
    silence = ["groups-unused", "groups-ignored"]
    return cv.set_splits(split, n_splits_out=4).set_run(
        random_seed=seed, silence=silence
    )


@pytest.fixture(scope="module")
def both(radon):
    less = chain(radon.drop(columns="log_uranium")).add_model(DummyRegressor)
    return less.perform().get_results(), chain(radon).perform().get_results()


def test_pairs_are_those_of_one_run_with_all_models(radon, both):
    pairs = compare_runs(*both, "mae")
    assert pairs[["model_a", "model_b"]].to_numpy().tolist() == [
        ["a: Ridge", "b: Ridge"],
        ["a: DummyRegressor", "b: Ridge"],
    ]
    cv = chain(radon).add_model(DummyRegressor)
    together = cv.perform().get_results().compare("mae")
    same = pairs[pairs["model_a"] == "a: DummyRegressor"].iloc[0]
    other = together.iloc[0]  # Ridge with DummyRegressor
    assert same["difference"] == pytest.approx(-other["difference"])
    assert same["p_value"] == pytest.approx(other["p_value"])
    assert (same["lower"], same["upper"]) == pytest.approx(
        (-other["upper"], -other["lower"])
    )


def test_folders_give_their_names_and_metrics_of_tomorrow_are_computed(
    radon, both, tmp_path
):
    for results, name in zip(both, ("yesterday", "today"), strict=True):
        results.save(tmp_path / name)
    found = compare_runs(tmp_path / "yesterday", tmp_path / "today", "rmse")
    assert found["model_b"].to_list() == ["today: Ridge", "today: Ridge"]
    assert "yesterday: Ridge is worse than today: Ridge by" in found["sentence"][0]
    loaded = CrossValidationResults.load(tmp_path / "today")
    named = compare_runs(both[0], loaded, "rmse", names=("less", "more"))
    np.testing.assert_allclose(named["difference"], found["difference"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 7}, "their folds test other rows; run both with the same split"),
        ({"split": "KFold"}, "their folds test other rows"),
    ],
)
def test_other_splits_are_refused(radon, both, change, message):
    other = chain(radon, **change).perform().get_results()
    with pytest.raises(PlanError, match=message):
        compare_runs(both[1], other)


def test_other_tables_are_refused(radon, both):
    shifted = radon.assign(log_radon=radon["log_radon"] + 1.0)
    with pytest.raises(PlanError, match="the target of the same row differs"):
        compare_runs(both[1], chain(shifted).perform().get_results())
    high = radon.assign(log_radon=np.where(radon["log_radon"] > 1.2, "high", "low"))
    cv = CrossValidation().set_data(high, "log_radon", "county")
    cv.set_splits("GroupKFold", n_splits_out=4).add_model(LogisticRegression)
    classes = cv.set_run(silence="groups-unused").perform().get_results()
    with pytest.raises(PlanError, match="compare runs with one target"):
        compare_runs(both[1], classes)


def test_what_is_no_run_is_refused(radon, both, tmp_path):
    with pytest.raises(TypeError, match="must be its folder or its results, got int"):
        compare_runs(both[0], 3)
    plans = chain(radon, split=["KFold", "GroupKFold"]).perform().get_results()
    with pytest.raises(PlanError, match="pass the folder of a plan, or results"):
        compare_runs(both[0], plans)
