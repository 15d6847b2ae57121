import os

import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.errors import (
    NotPerformedError,
    RunInterrupted,
    StorageError,
    UnitError,
)
from flexcv.models import LinearMixedEffectsModel
from flexcv.results import CrossValidationResults, PlansCompared
from tests.evaluation.test_unit import Fails

from .conftest import SILENT


def chain(grouped, split_out=("KFold", "GroupKFold")):
    cv = CrossValidation().set_data(*grouped).set_run(silence=SILENT)
    return cv.set_splits(list(split_out), n_splits_out=3).add_model(Ridge)


@pytest.fixture(scope="module")
def plans(grouped):
    cv = chain(grouped).add_model(LinearMixedEffectsModel, model_name="LMM")
    return cv.perform().get_results()


def test_each_question_has_the_results_of_its_own_run(plans, grouped):
    assert isinstance(plans, PlansCompared)
    assert list(plans) == ["known groups", "new groups"]
    alone = chain(grouped, ["GroupKFold"]).add_model(
        LinearMixedEffectsModel, model_name="LMM"
    )
    alone = alone.perform().results
    assert isinstance(alone, CrossValidationResults)
    pd.testing.assert_frame_equal(plans["new groups"].scores, alone.scores)


def test_one_table_shows_both(plans):
    table = plans.table("r2")
    assert list(table) == ["known groups", "new groups"]
    for plan in plans:
        for model in ("Ridge", "LMM"):
            expected = plans[plan].summary.loc[("mean", "r2"), model]
            assert table.loc[model, plan] == expected
            assert plans.summary.loc[("mean", "r2"), (plan, model)] == expected
            assert plans.table().loc[model, ("r2", plan)] == expected
    assert table.loc["LMM", "known groups"] > table.loc["LMM", "new groups"]


def test_the_summary_keeps_its_layout(plans):
    summary = plans.summary
    assert summary.index.names == ["Fold", "Metric"]
    assert list(dict.fromkeys(summary.index.get_level_values(0))) == [
        0,
        1,
        2,
        "mean",
        "median",
        "std",
    ]
    for plan in plans:
        pd.testing.assert_frame_equal(
            summary[plan], plans[plan].summary, check_names=False
        )


def test_comparisons_and_tables_say_which_plan(plans):
    pairs = plans.compare("mse", n_bootstrap=100)
    assert pairs["plan"].tolist() == ["known groups", "new groups"]
    intervals = plans.interval("mse", n_bootstrap=100)
    assert intervals.index.names == ["plan", "model"]
    assert set(plans.scores["plan"]) == set(plans)
    assert list(plans.predictions)[:2] == ["plan", "model"]
    assert plans.warnings.empty
    assert repr(plans) == "<PlansCompared: known groups, new groups; 2 models>"
    assert "known groups" in plans._repr_html_()


def test_plans_of_the_same_question_are_called_by_their_split(grouped):
    cv = chain(grouped, ["KFold", "StratifiedKFold"])
    assert list(cv.perform().results) == ["KFold", "StratifiedKFold"]
    assert list(cv.plans) == ["KFold", "StratifiedKFold"]


def test_a_run_folder_has_a_folder_per_plan_and_loads(grouped, tmp_path):
    plans = chain(grouped).set_run(tmp_path / "run").perform().results
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "known-groups",
        "new-groups",
    ]
    back = PlansCompared.load(tmp_path / "run")
    for plan in plans:
        pd.testing.assert_frame_equal(back[plan].scores, plans[plan].scores)


def test_plans_are_saved_loaded_and_reported(plans, tmp_path):
    plans.save(tmp_path / "kept")
    back = PlansCompared.load(tmp_path / "kept")
    pd.testing.assert_frame_equal(back.summary, plans.summary)
    names = [path.name for path in plans.report(tmp_path / "pages")]
    assert names == ["known-groups.html", "new-groups.html"]


def test_what_was_finished_is_known_when_a_plan_stops(grouped):
    cv = chain(grouped).add_model(Fails)
    with pytest.raises(UnitError):
        cv.perform()
    assert list(cv.results) == ["known groups"]
    assert cv.results["known groups"].is_partial


class Late(Ridge):
    """Fail or stop in fits after some; the environment is no part of code."""

    def fit(self, X, y):
        os.environ["N_FITS"] = str(int(os.environ["N_FITS"]) - 1)
        if int(os.environ["N_FITS"]) < 0:
            raise KeyboardInterrupt
        return super().fit(X, y)


def test_a_first_plan_of_which_nothing_was_finished_says_so(grouped, monkeypatch):
    monkeypatch.setenv("N_FITS", "0")
    cv = stopped_chain(grouped)
    why = (
        "0 of 3 units of 'known groups' were finished; perform() starts over, and "
        "with a run folder, named in set_run, it would go on."
    )
    for shown in (
        repr(cv),
        cv._repr_html_(),
        repr(cv.results),
        cv.results._repr_html_(),
    ):
        assert why.split("'")[0] in shown
    for ask in (lambda r: r.table(), lambda r: r.summary, lambda r: r.plot):
        with pytest.raises(NotPerformedError) as caught:
            ask(cv.results)
        assert str(caught.value) == why


def test_a_second_plan_of_which_nothing_was_finished_leaves_the_first(
    grouped, monkeypatch, tmp_path
):
    monkeypatch.setenv("N_FITS", "3")
    plans = stopped_chain(grouped).results
    first = plans["known groups"]
    assert plans.is_partial
    assert repr(plans).splitlines()[0] == (
        "<PlansCompared: known groups, new groups; 1 model, partial>"
    )
    assert "new groups: 0 of 3 units of 'new groups' were finished" in repr(plans)
    assert "<table" in plans._repr_html_()
    assert "0 of 3 units" in plans._repr_html_()
    assert list(plans.table("r2")) == ["known groups"]
    assert plans.interval("r2").loc["known groups"].equals(first.interval("r2"))
    assert len(plans.plot.scores("r2")) == 1
    assert list(plans.get_predictions("Late", 0)) == ["known groups"]
    assert [p.name for p in plans.report(tmp_path)] == ["known-groups.html"]


def stopped_chain(grouped):
    cv = CrossValidation().set_data(*grouped).set_run(silence=SILENT)
    cv.set_splits(["KFold", "GroupKFold"], n_splits_out=3).add_model(Late)
    with pytest.raises(RunInterrupted):
        cv.perform()
    return cv


def test_checks_look_at_every_plan(grouped):
    cv = chain(grouped).set_run(silence=())
    names = cv.check()["name"].tolist()
    assert "groups-unused" in names or "groups-new" in names


def test_calling_again_with_one_split_gives_plain_results(grouped):
    cv = chain(grouped).set_splits("KFold")
    assert isinstance(cv.perform().results, CrossValidationResults)


def test_what_is_not_there_is_named(plans, tmp_path):
    with pytest.raises(KeyError) as caught:
        plans["new group"]
    assert (
        caught.value.args[0]
        == "no plan is called 'new group'; did you mean 'new groups'?"
    )
    with pytest.raises(ValueError) as caught:
        plans.table("rr2")
    assert str(caught.value) == "metric 'rr2' was not computed; did you mean 'r2'?"
    with pytest.raises(StorageError) as caught:
        PlansCompared.load(tmp_path)
    assert str(caught.value) == (
        f"{str(tmp_path)!r} holds no folders of plans; pass one that a run of several "
        "plans or `save` wrote."
    )


def test_trackers_take_one_plan_at_a_time(grouped):
    class Entry:
        append = extend = upload = lambda self, *a, **k: None

    class Live:
        def __getitem__(self, key):
            return Entry()

    with pytest.raises(ValueError) as caught:
        chain(grouped).set_run(Live()).perform()
    assert str(caught.value) == (
        "trackers take one plan at a time; perform each plan with a tracker of its own, "
        "or pass a folder as `run`, below which each plan has one."
    )
