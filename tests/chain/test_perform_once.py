"""What a run needs once is asked once."""

import collections

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from flexcv import CrossValidation, CrossValidationResults
from flexcv.chain import compile as compile_module
from flexcv.chain import design as design_module
from flexcv.results import PlansCompared

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(200, 3)), columns=list("abc"))
Y = X["a"] + RNG.normal(size=200)
GROUPS = np.arange(200) % 20
SILENT = ["groups-ignored", "groups-unused"]


@pytest.fixture
def counts(monkeypatch):
    counted = collections.Counter()
    for module, name in ((design_module, "decide_task"), (compile_module, "make_plan")):
        real = getattr(module, name)

        def call(*args, real=real, name=name, **kwargs):
            counted[name] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, call)
    return counted


def chain(folder, metric, splits="KFold", target=Y, model=Ridge):
    cv = CrossValidation().set_data(X, target, groups=GROUPS).add_model(model)
    cv = cv.set_splits(splits, n_splits_out=5, metrics={"mine": metric})
    return cv.set_run(folder, progress=False, silence=SILENT)


@pytest.mark.parametrize("kind", ["number", "class"])
@pytest.mark.parametrize("has_folder", [False, True])
def test_ten_scores_are_ten_calls_of_the_metric(counts, tmp_path, has_folder, kind):
    def mine(y_true, y_pred):
        counts["calls"] += 1
        return float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))

    given = {"target": Y > 0, "model": LogisticRegression} if kind == "class" else {}
    cv = chain(tmp_path if has_folder else None, mine, **given)
    results = cv.perform().get_results()
    results.summary, results.scores, results.warnings  # noqa: B018
    results["Ridge" if kind == "number" else "LogisticRegression"]
    assert counts["calls"] == 11  # five folds, two parts; one before the first fit
    assert counts["decide_task"] == counts["make_plan"] == 1


def test_two_plans_are_two_plans(counts):
    cv = chain(None, lambda y, p: 0.0, ["KFold", "GroupKFold"])
    cv.plan, cv.plans, cv.check(), repr(cv)
    cv.perform()
    assert (counts["decide_task"], counts["make_plan"]) == (1, 2)
    cv.set_splits(n_splits_out=3).perform()
    assert (counts["decide_task"], counts["make_plan"]) == (2, 4)


def test_a_finished_run_is_scored_by_nobody_when_it_is_read(counts, tmp_path):
    def mine(y_true, y_pred):
        counts["calls"] += 1
        return 0.5

    chain(tmp_path, mine).perform()
    counts.clear()
    again = chain(tmp_path, mine).perform().results
    assert again.summary.loc["mean"].loc["mine", "Ridge"] == 0.5
    assert counts["calls"] == 1  # whether it fits the target


def test_code_for_one_split_runs_for_two():
    silent = {"silence": SILENT, "progress": False, "diagnostics": True}
    cv = CrossValidation().set_data(X, Y, groups=GROUPS).add_model(Ridge)
    plans = cv.set_splits(["KFold", "GroupKFold"]).set_run(**silent).perform().results
    assert isinstance(plans, PlansCompared)
    members = [name for name in dir(CrossValidationResults) if name[0] != "_"]
    missing = [name for name in members if not hasattr(plans, name)]
    assert missing == []
    for table in ("scores", "predictions", "params", "trials", "traces", "seconds", "warnings", "diagnostics"):  # fmt: skip
        assert next(iter(getattr(plans, table))) == "plan"
    assert len(plans.estimators["new groups"]["Ridge"]) == 5
    assert plans.get_predictions("Ridge", 0)["known groups"].shape == (40,)
    assert list(plans.by_known_group()) == [("known groups", "Ridge"), ("new groups", "Ridge")]  # fmt: skip


def test_pictures_of_two_plans_stand_side_by_side():
    cv = CrossValidation().set_data(X, Y, groups=GROUPS).add_model(Ridge)
    cv = cv.set_splits(["KFold", "GroupKFold"]).set_run(silence=SILENT, progress=False)
    plans = cv.perform().results
    axes = plans.plot.scores("r2")
    assert [ax.get_title() for ax in axes] == ["known groups", "new groups"]
    assert "scores" in dir(plans.plot)
    with pytest.raises(AttributeError, match="did you mean 'scores'"):
        plans.plot.score("r2")
