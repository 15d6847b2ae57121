import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.errors import StorageError, UnitError
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
