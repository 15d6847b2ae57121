import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from flexcv.dataset import make_dataset
from flexcv.errors import FailedModelWarning, TrackingWarning, UnitError
from flexcv.evaluation import (
    RunFinished,
    RunStarted,
    TraceAdvanced,
    TrialFinished,
    UnitFinished,
    UnitStarted,
)
from flexcv.merf import MERF
from flexcv.metrics import Metric
from flexcv.records import FoldResult, Score
from flexcv.resampling import SplitSettings, make_plan
from flexcv.tracking import SeveralTrackers
from flexcv.tracking.facts import dataset_rows
from flexcv.tracking.fanout import Guard
from flexcv.tracking.recorder import Recorder

from .chains import Memory, ridge_chain

FOLD = "Ridge/fold 0/"
MODELS = ("Ridge", "MERF(Ridge)")


class Broken(Memory):
    """A tracker whose numbers cannot be kept."""

    def child(self, name, kind, tags):
        return Broken(f"{self.path}{name}/", self.store)

    def log_metrics(self, metrics, step=None):
        raise ConnectionError("https://me:hunter2@example.org is gone")

    def log_series(self, key, values, steps):
        raise ConnectionError("gone")


class Stopping(LinearRegression):
    """A model that is stopped by its user."""

    def fit(self, X, y):
        raise KeyboardInterrupt


class Failing(LinearRegression):
    """A model that cannot be fitted."""

    def fit(self, X, y):
        raise ValueError("no fit")


@pytest.fixture(scope="module")
def told():
    """What a tracker holds after a tuned run, and the run's results."""
    memory = Memory()
    results = ridge_chain(memory).perform().get_results()
    return memory.store, results


@pytest.fixture(scope="module")
def told_merf():
    memory = Memory()
    results = ridge_chain(memory, merf=True).perform().get_results()
    return memory.store, results


def test_runs_are_tagged_by_kind_model_and_fold(told):
    store, _ = told

    assert store["flexcv.kind"] == "cross-validation"
    assert store["Ridge/flexcv.kind"] == "model"
    tags = {key: store[FOLD + key] for key in ("flexcv.kind", "flexcv.fold")}
    assert tags == {"flexcv.kind": "fold", "flexcv.fold": "0"}
    assert store[f"{FOLD}flexcv.repeat"] == "0"


def test_the_direction_of_each_metric_is_told(told):
    store, _ = told

    assert store["direction/mse"] == "smaller is better"
    assert store["direction/r2"] == "greater is better"
    assert store["flexcv.first_metric"] == "r2"


def test_folds_with_equal_test_rows_carry_the_same_digest(told_merf):
    store, _ = told_merf

    plain, mixed = (store[f"{m}/fold 0/flexcv.test_rows"] for m in MODELS)
    other = store[f"{MODELS[0]}/fold 1/flexcv.test_rows"]

    assert plain == mixed
    assert plain != other


def test_a_fold_carries_its_scores(told):
    store, results = told
    scores = results.scores.set_index(["fold", "part", "metric"])["value"]

    assert store[f"{FOLD}test/mse"] == scores[0, "test", "mse"]
    assert store[f"{FOLD}train/r2"] == scores[0, "train", "r2"]


def test_a_model_carries_means_and_deviations(told):
    store, results = told

    assert store["Ridge/mean/test/mse"] == results.summary["Ridge"]["mean", "mse"]
    assert store["mean/test/mse/Ridge"] == store["Ridge/mean/test/mse"]
    assert store["Ridge/std/test/mse"] == results.summary["Ridge"]["std", "mse"]


def test_the_top_run_carries_the_summary_and_no_row_of_the_data(told):
    store, results = told

    summary = results.summary.reset_index()
    pd.testing.assert_frame_equal(store["summary.csv"], summary)
    assert store["data/n_rows"] == 80
    assert store["data/n_groups"] == 5
    tables = [value for value in store.values() if isinstance(value, pd.DataFrame)]
    assert all("y_true" not in table for table in tables)
    assert "data.csv" not in store
    assert store["residuals.html"].count("<svg ") == 2
    assert not re.search("(src|href)='http", store["residuals.html"])


def test_the_rows_of_the_table_are_told_when_asked_for():
    memory = Memory()
    chain = ridge_chain(memory, log_data=True)

    chain.perform()

    told, dataset = memory.store["data.csv"], chain._design.dataset
    assert told["row"].tolist() == list(range(80))
    for name in dataset.features:
        assert told[name].tolist() == dataset.features[name].tolist()
    assert told[dataset.target.name].tolist() == dataset.target.tolist()
    assert told["group"].tolist() == dataset.groups["group"].tolist()


def test_a_feature_called_row_stays_what_it_is():
    data = make_dataset({"row": [5.0, 6.0]}, [1.0, 2.0])
    told = dataset_rows(data)
    assert list(told) == ["row_", "row", "y"]
    assert told["row_"].tolist() == [0, 1]


def test_tuning_is_two_series_a_table_and_the_chosen_parameters(told):
    store, results = told
    trials = results.trials[results.trials["fold"].eq(0)]

    values = list(zip(trials["trial"], trials["value"], strict=True))
    assert store[f"{FOLD}tuning/value"] == values
    best = [value for _, value in store[f"{FOLD}tuning/best_value"]]
    assert best == list(np.minimum.accumulate(trials["value"]))
    assert store[f"{FOLD}alpha"] == results.params.loc[0, "alpha"]
    assert len(store[f"{FOLD}trials.csv"]) == 5


def test_each_iteration_is_a_point(told_merf):
    store, results = told_merf
    trace = results.traces[results.traces["fold"].eq(1)]

    found = store["MERF(Ridge)/fold 1/convergence/sigma2"]

    assert found == list(zip(trace["iteration"], trace["sigma2"], strict=True))
    assert "MERF(Ridge)/fold 1/convergence/validation_loss" not in store
    assert "MERF(Ridge)/convergence.svg" in store


def test_points_come_while_the_fit_runs():
    seen = []

    class Live(Memory):
        def child(self, name, kind, tags):
            return Live(f"{self.path}{name}/", self.store)

        def log_metrics(self, metrics, step=None):
            if step is not None:
                seen.append((self.path, step, f"{self.path}status" in self.store))

    ridge_chain(Live(), merf=True).perform()

    first = [entry for entry in seen if entry[0] == "MERF(Ridge)/fold 0/"]
    assert [step for _, step, _ in first] == list(range(1, len(first) + 1))
    assert not any(is_done for _, _, is_done in first)


@pytest.mark.slow
def test_parallel_runs_tell_the_same_curves(told_merf):
    store, _ = told_merf
    parallel = Memory()

    ridge_chain(parallel, merf=True, n_jobs=2).perform()

    curves = [key for key in store if "convergence/" in key and "seconds" not in key]
    assert len(curves) >= 10
    assert {key: parallel.store[key] for key in curves} == {
        key: store[key] for key in curves
    }


def test_results_are_equal_with_and_without_a_tracker(tmp_path):
    plain = ridge_chain(merf=True).perform().get_results()

    tracked = ridge_chain([tmp_path / "run", Memory()], merf=True).perform().results

    for name in ("predictions", "scores", "params", "warnings"):
        pd.testing.assert_frame_equal(getattr(plain, name), getattr(tracked, name))
    timed = ["learner_seconds", "effects_seconds"]
    pd.testing.assert_frame_equal(
        plain.traces.drop(columns=timed), tracked.traces.drop(columns=timed)
    )


def test_a_failing_tracker_warns_once_and_keeps_what_it_can():
    broken = Broken()

    with pytest.warns(TrackingWarning) as caught:
        results = ridge_chain(broken, merf=True).perform().get_results()

    assert [str(entry.message) for entry in caught] == [
        "the tracker 'broken' could not keep everything: log_metrics failed with "
        "ConnectionError: https://***@example.org is gone; the cross-validation goes "
        "on, and this is said once."
    ]
    assert results.warnings.empty
    assert "summary.csv" in broken.store
    assert f"{FOLD}residuals.svg" in broken.store


def test_scores_are_read_and_no_metric_is_computed():
    def refuse(*_):
        raise AssertionError("a score was computed")

    result = FoldResult("Ridge", 0, 0, scores=(Score("test", "mse", 2.0, 3),))
    memory = Memory()
    recorder = Recorder(SeveralTrackers([memory]), [], [Metric("mse", refuse)], {})
    data = make_dataset({"a": range(6)}, range(6))
    plan = make_plan(data, SplitSettings(n_splits_out=2), 0, with_inner=False)

    recorder(RunStarted(plan, (), data, 0))
    recorder(UnitFinished("Ridge", 0, 0, (result,)))
    recorder(RunFinished(1.0))

    assert memory.store["Ridge/fold 0/test/mse"] == 2.0
    assert memory.store["Ridge/mean/test/mse"] == 2.0


def test_a_number_passes_one_guard_on_its_way(monkeypatch):
    passed = []
    real = Guard.call

    def count(guard, verb, action, *arguments):
        passed.append((guard.label, verb))
        return real(guard, verb, action, *arguments)

    guard = Guard("memory")
    recorder = Recorder(SeveralTrackers([Memory()], [guard]), [guard], [], {})
    data = make_dataset({"a": range(6)}, range(6))
    plan = make_plan(data, SplitSettings(n_splits_out=2), 0, with_inner=False)
    recorder(RunStarted(plan, (), data, 0))
    recorder(UnitStarted("MERF", 0, 0))
    monkeypatch.setattr(Guard, "call", count)

    recorder(TraceAdvanced("MERF", 0, 0, 1, {"gll": 2.0, "loglik": float("nan")}))
    recorder(TrialFinished("MERF", 0, 0, 0, 5, 1.0, 1.0))

    assert passed == [("memory", "log_metrics")] * 2


def test_the_callbacks_of_a_fitted_model_do_not_hold_the_tracker():
    chain = ridge_chain(Memory(), model=MERF(LinearRegression(), max_iterations=2))

    fitted = chain.perform().get_results().estimators["MERF"][0]

    assert fitted[-1].callbacks is None


def test_a_failed_fold_says_why(tmp_path):
    memory = Memory()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrackingWarning)
        warnings.simplefilter("ignore", FailedModelWarning)
        ridge_chain(memory, model=Failing, on_error="record").perform()

    assert memory.store["Failing/fold 0/status"] == "failed"
    assert "ValueError: no fit" in memory.store["Failing/fold 0/error.txt"]
    assert "Failing/mean/test/mse" not in memory.store
    assert memory.store["Failing/status"] == "failed"
    assert memory.store["status"] == "failed"


@pytest.mark.parametrize(
    ("model", "error", "status"),
    [(Failing, UnitError, "failed"), (Stopping, KeyboardInterrupt, "killed")],
)
def test_a_run_that_stops_early_says_so(model, error, status):
    memory = Memory()

    with pytest.raises(error):
        ridge_chain(memory, model=model).perform()

    assert memory.store["status"] == status
    assert memory.store[f"{model.__name__}/fold 0/status"] == status


def test_flat_series_are_kept_for_trackers_that_ask():
    class Flat(Memory):
        keeps_flat_keys = True

        def child(self, name, kind, tags):
            return Flat(f"{self.path}{name}/", self.store)

    flat = Flat()
    results = ridge_chain(flat).perform().get_results()

    scores = results.scores.query("part == 'test' and metric == 'mse'")["value"]
    assert flat.store["Ridge/mse"] == list(enumerate(scores))


@pytest.mark.slow
def test_a_tracked_run_loads_no_plotting_library(tmp_path):
    code = (
        "import sys\n"
        "from tests.tracking.chains import ridge_chain\n"
        "ridge_chain(sys.argv[1]).perform()\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    here = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, str(tmp_path / "run")]

    done = subprocess.run(command, cwd=here, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "run/tracking/Ridge/fold 0/residuals.svg").is_file()
