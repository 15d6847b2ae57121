import shutil

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

from flexcv import CrossValidation, CrossValidationResults
from flexcv.errors import StorageError
from flexcv.merf import MERF
from flexcv.model_postprocessing import RandomForestModelPostProcessor
from flexcv.results import load_estimators
from tests.evaluation.test_unit import Fails, GroupMean, Warns

pytestmark = pytest.mark.filterwarnings("ignore::flexcv.errors.FailedModelWarning")

TABLES = [
    "summary",
    "scores",
    "predictions",
    "params",
    "trials",
    "traces",
    "warnings",
    "seconds",
    "rows",
    "diagnostics",
]


def bias(y_true, y_pred):
    return float(np.mean(y_pred - y_true))


@pytest.fixture(scope="module")
def cv():
    rng = np.random.default_rng(0)
    group = pd.Categorical(np.repeat([f"s {n}" for n in range(10)], 5), categories=[f"s {n}" for n in range(11)])  # fmt: skip
    X = pd.DataFrame({"x": rng.normal(size=50), "z": rng.normal(size=50)})
    y = X["x"] + np.arange(10).repeat(5) + rng.normal(size=50)
    space = {"max_depth": IntDistribution(1, 4), "criterion": CategoricalDistribution(["squared_error", "absolute_error"])}  # fmt: skip
    return (
        CrossValidation()
        .set_data(X, y.rename("y"), pd.Series(group, name="subject"), dataset_name="made")
        .set_splits(n_splits_out=3, n_splits_in=2, n_repeats=2, metrics={"r2": "r2", "rmse": "rmse", "bias": bias})
        .set_inner_cv(3)
        .add_model(Ridge, model_name="ridge, plain")
        .add_model(Fails)
        .add_model(Warns)
        .add_model(DecisionTreeRegressor, params=space, post_processor=RandomForestModelPostProcessor())
        .add_model(MERF, model_kwargs={"estimator": Ridge(), "max_iterations": 3, "tol": None})
        .add_model(GroupMean)
        .set_run(silence=["groups-ignored", "groups-unused"], on_error="record", diagnostics=True)
    )  # fmt: skip


@pytest.fixture(scope="module")
def results(cv):
    return cv.perform().get_results()


@pytest.fixture(scope="module")
def saved(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "run"
    results.save(folder)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


@pytest.mark.parametrize("name", TABLES)
def test_every_table_comes_back_exactly(results, saved, name):
    back = CrossValidationResults.load(saved)
    pd.testing.assert_frame_equal(
        getattr(back, name), getattr(results, name), check_exact=True
    )


def test_lists_parameters_information_and_facts_come_back(results, saved):
    back = CrossValidationResults.load(saved)
    assert list(back) == list(results)
    for model in results:
        for name in ("parameters", "metrics", "folds_by_metrics"):
            assert str(back[model][name]) == str(results[model][name])
        for one, other in zip(
            back[model]["y_pred"], results[model]["y_pred"], strict=True
        ):
            np.testing.assert_array_equal(one, other)
    assert back.information == results.information
    assert back.facts == results.facts
    assert back.is_partial == results.is_partial


def test_findings_come_back_with_their_drawing(results, saved):
    name = "DecisionTreeRegressor"
    mine = results.findings[name]["importance"]
    back = CrossValidationResults.load(saved).findings[name]["importance"]
    pd.testing.assert_frame_equal(back.frame, mine.frame, check_exact=True)
    assert [finding.draw for finding in back] == [finding.draw for finding in mine]


def test_answers_are_the_same_after_loading(results, saved):
    back = CrossValidationResults.load(saved)
    for metric in ("r2", "mae"):
        pd.testing.assert_frame_equal(
            back.interval(metric, n_bootstrap=100),
            results.interval(metric, n_bootstrap=100),
        )


def test_a_users_own_metric_keeps_its_scores_and_says_that_its_function_is_lost(saved):
    back = CrossValidationResults.load(saved)
    assert back.interval("bias")["method"].str.startswith("corrected t").sum() == 5
    with pytest.raises(ValueError) as caught:
        back.metrics[2]([1.0], [2.0])
    assert str(caught.value) == (
        "the function of metric 'bias' was not stored with the results; pass "
        "Metric('bias', function, greater_is_better) instead of its name."
    )


def test_a_run_folder_loads_too(cv, tmp_path):
    cv.set_run(tmp_path / "run")
    try:
        results = cv.perform().get_results()
    finally:
        cv.set_run(None)
    back = CrossValidationResults.load(tmp_path / "run")
    for name in TABLES:
        pd.testing.assert_frame_equal(
            getattr(back, name), getattr(results, name), check_exact=True
        )


def test_what_is_loaded_can_be_saved_and_loaded_again(saved, tmp_path):
    first = CrossValidationResults.load(saved)
    first.save(tmp_path / "again")
    second = CrossValidationResults.load(tmp_path / "again")
    for name in TABLES:
        pd.testing.assert_frame_equal(
            getattr(second, name), getattr(first, name), check_exact=True
        )


def refused(folder):
    with pytest.raises(StorageError) as caught:
        CrossValidationResults.load(folder)
    return str(caught.value).replace(str(folder), "FOLDER")


def test_tables_for_people_are_not_read(results, copied):
    (copied / "predictions.csv").write_text("nonsense")
    back = CrossValidationResults.load(copied)
    pd.testing.assert_frame_equal(back.predictions, results.predictions)


def test_a_missing_unit_is_refused(copied):
    next((copied / "units").glob("GroupMean-r1-f2-*")).unlink()
    assert refused(copied) == (
        "'FOLDER' lacks the unit of 'GroupMean' on repeat 1, fold 2; restore the file, "
        "or perform the chain again to have it run anew."
    )


def test_units_and_table_of_other_results_are_refused(copied, cv, tmp_path):
    changed = cv.set_run(silence=["groups-ignored"], random_seed=1, on_error="record")
    changed.perform().results.save(tmp_path / "other")
    unit = next((tmp_path / "other" / "units").glob("Warns-r0-f0-*"))
    mine = next((copied / "units").glob("Warns-r0-f0-*"))
    kept = mine.read_bytes()
    shutil.copy(unit, mine)
    assert refused(copied) == (
        "the unit of 'Warns' on repeat 0, fold 0 in 'FOLDER' is not the one that these "
        "results were written with; perform the chain again."
    )
    mine.write_bytes(kept)
    shutil.copy(next((copied / "units").glob("Warns-r0-f1-*")), mine)
    assert refused(copied).endswith(
        "holds the results of 'Warns' on repeat 0, fold 1; put it back where it was, "
        "or delete it."
    )


def test_another_format_says_so(copied):
    file = copied / "results.record"
    first, _, rest = file.read_bytes().partition(b"\n")
    file.write_bytes(first.replace(b"results 2 ", b"results 7 ") + b"\n" + rest)
    assert refused(copied) == (
        "'FOLDER/results.record' was written by another version of flexcv (format 7, "
        "this one reads 2); read it with that version, or choose a new folder."
    )


def test_a_folder_of_version_0_1_says_so(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "results.json").write_text('{"format": 1}')
    assert refused(tmp_path) == (
        "'FOLDER' was written by flexcv 0.1, in format 1, which this version does not "
        "read; use that version, or perform the run again in a new folder."
    )


def test_a_folder_that_lost_its_description_says_how_to_have_it_again(copied):
    (copied / "results.record").unlink()
    assert refused(copied) == (
        "'FOLDER' holds a run but no results.record; perform the chain again, which "
        "reads the units that are there and writes it, or save the results again."
    )


def test_saving_again_changes_nothing(results, copied):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    results.save(copied)
    after = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    assert after == before


def test_saving_refuses_the_folder_of_other_results(results, copied, cv):
    other = cv.set_run(silence=["groups-ignored"], random_seed=1, on_error="record")
    with pytest.raises(StorageError) as caught:
        other.perform().results.save(copied)
    assert str(caught.value).replace(str(copied), "FOLDER") == (
        "'FOLDER' holds the results of another run; choose a new folder, or remove "
        "that one."
    )
    back = CrossValidationResults.load(copied)
    pd.testing.assert_frame_equal(back.predictions, results.predictions)


def test_files_of_the_user_survive_saving_and_models_survive_too(results, copied):
    results.save(copied, estimators=True)
    notes = [copied / name / "notes.txt" for name in ("findings", "estimators")]
    for note in notes:
        note.write_text("mine")
    results.save(copied)
    assert [note.read_text() for note in notes] == ["mine", "mine"]
    assert len(load_estimators(copied, trust_pickle=True)["GroupMean"]) == 6


def test_somebody_elses_folder_and_no_folder_are_refused(tmp_path):
    assert refused(tmp_path) == (
        "'FOLDER' holds no results.record, so it is no run folder; pass one that a run "
        "or `save` wrote."
    )
    assert refused(tmp_path / "no") == (
        "'FOLDER' is no folder; pass one that a run or `save` wrote."
    )


def test_saving_leaves_somebody_elses_folder_alone(results, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(StorageError, match="holds files but no"):
        results.save(tmp_path)


def test_fitted_models_are_kept_on_request_and_read_by_a_call_of_their_own(
    results, tmp_path
):
    results.save(tmp_path / "run", estimators=True)
    with pytest.raises(ValueError, match="load_estimators"):
        CrossValidationResults.load(tmp_path / "run").estimators  # noqa: B018
    models = load_estimators(tmp_path / "run", trust_pickle=True)
    assert "Fails" not in models
    table = pd.DataFrame({"x": [0.0], "z": [1.0], "subject": ["s 1"]})
    np.testing.assert_array_equal(
        models["GroupMean"][2].predict(table),
        results.estimators["GroupMean"][2].predict(table),
    )


def test_reading_fitted_models_asks_for_trust(results, tmp_path):
    results.save(tmp_path / "run", estimators=True)
    with pytest.raises(ValueError) as caught:
        load_estimators(tmp_path / "run")
    assert str(caught.value) == (
        "reading fitted models runs the code in their pickles; pass trust_pickle=True "
        "if you wrote this folder or trust who did."
    )
    file = next((tmp_path / "run" / "estimators").iterdir())
    file.write_bytes(b"no")
    with pytest.raises(StorageError, match="changed since it was written"):
        load_estimators(tmp_path / "run", trust_pickle=True)


def test_models_that_were_not_kept_are_named(saved, tmp_path):
    with pytest.raises(StorageError) as caught:
        load_estimators(saved, trust_pickle=True)
    assert str(caught.value) == (
        f"{str(saved)!r} holds no fitted models; perform with set_run(folder, "
        "keep_estimators=True), or save with estimators=True."
    )
    with pytest.raises(ValueError) as caught:
        CrossValidationResults.load(saved).save(tmp_path / "x", estimators=True)
    assert str(caught.value) == (
        "estimators=True needs fitted models and these results hold none; leave it "
        "out, or keep the models when performing."
    )
