import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_info

from flexcv import CrossValidation
from flexcv.dataset import make_dataset
from flexcv.errors import UnitError
from flexcv.evaluation import UnitSettings
from flexcv.evaluation.parallel import (
    Shared,
    parallel_units,
    refuse_what_cannot_travel,
)
from flexcv.evaluation.tuning import TuningSettings
from flexcv.model_mapping import make_spec
from flexcv.resampling import SplitSettings, make_plan

from .test_unit import Fails

pytestmark = pytest.mark.slow


class TellsThreads(RegressorMixin, BaseEstimator):
    """Predict how many BLAS and OpenMP threads this process may use."""

    def fit(self, X, y):
        np.dot(np.ones((50, 50)), np.ones((50, 50)))
        self.threads_ = max(
            (pool["num_threads"] for pool in threadpool_info()), default=1
        )
        return self

    def predict(self, X):
        return np.full(len(X), float(self.threads_))


class TellsProcess(RegressorMixin, BaseEstimator):
    """Predict the number of the process."""

    def fit(self, X, y):
        self.process_ = os.getpid()
        time.sleep(0.05)
        return self

    def predict(self, X):
        return np.full(len(X), float(self.process_))


class Unpicklable:
    """A value that can be copied and not pickled."""

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        raise TypeError("no")


class Stubborn(Ridge):
    def __init__(self, value=None):
        super().__init__()
        self.value = value


class DiesOnce(RegressorMixin, BaseEstimator):
    """Kill the worker in the first fit of all, then behave."""

    def __init__(self, mark=""):
        self.mark = mark

    def fit(self, X, y):
        try:
            os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            self.mean_ = float(np.mean(y))
            return self
        os._exit(1)

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    groups = pd.Series(np.repeat(np.arange(12), 5), name="group")
    return make_dataset(X, X["a"] + rng.normal(size=60), groups)


def chain(data, **run):
    cv = CrossValidation().set_data(data.features, data.target, data.groups)
    cv.set_splits("GroupKFold", n_splits_out=3, n_splits_in=2).set_inner_cv(4)
    cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 10)})
    cv.add_model(RandomForestRegressor, model_kwargs={"n_estimators": 4})
    return cv.set_run(silence="groups-unused", **run)


def same(one, other):
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    drop = ["seconds"]
    pd.testing.assert_frame_equal(
        one.trials.drop(columns=drop), other.trials.drop(columns=drop), check_exact=True
    )
    pd.testing.assert_frame_equal(one.summary, other.summary, check_exact=True)


@pytest.mark.parametrize(
    "options",
    [{"n_jobs": 2}, {"n_jobs": 3}, {"n_jobs": 2, "backend": "threading"}],
    ids=str,
)
def test_results_are_those_of_a_serial_run_bit_for_bit(data, options):
    serial = chain(data).perform().results
    parallel = chain(data, **options).perform().results
    same(serial, parallel)
    assert len(parallel.estimators["Ridge"]) == 3


def units_of(model, data, n_jobs):
    spec = make_spec(model)
    plan = make_plan(data, SplitSettings(n_splits_out=6), 0, with_inner=False)
    places = [(fold, 0) for fold in range(6)]
    units = parallel_units(
        places, [spec], Shared(plan, data), UnitSettings(), n_jobs, "loky"
    )
    return [unit[0].test.predicted[0] for _, unit in units]


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_workers_times_threads_never_exceed_the_cores(data, n_jobs):
    threads = max(units_of(TellsThreads, data, n_jobs))
    assert threads * n_jobs <= max(os.cpu_count(), n_jobs)


def test_no_process_is_started_for_a_unit_or_a_trial(data):
    assert len(set(units_of(TellsProcess, data, 2))) <= 2


def test_what_travels_back_gets_its_rows_again(data):
    plan = make_plan(data, SplitSettings(n_splits_out=2), 0, with_inner=False)
    units = dict(
        parallel_units(
            [(0, 0), (1, 0)],
            [make_spec(Ridge)],
            Shared(plan, data),
            UnitSettings(),
            2,
            "loky",
        )
    )
    for number, fold in enumerate(plan):
        assert units[number, 0][0].test.rows is fold.test
        assert not isinstance(units[number, 0][0].test.predicted, np.memmap)


def test_a_failing_model_says_where_also_in_a_worker(data):
    cv = chain(data, n_jobs=2).add_model(Fails)
    with pytest.raises(
        UnitError, match="while fitting Fails on repeat 0, fold"
    ) as caught:
        cv.perform()
    assert "no luck" in str(caught.value)


def test_a_model_that_cannot_travel_is_refused_with_what_keeps_it(data):
    cv = chain(data, n_jobs=2).add_model(
        Stubborn, model_kwargs={"value": Unpicklable()}, model_name="Locked"
    )
    with pytest.raises(TypeError) as caught:
        cv.perform()
    assert str(caught.value) == (
        "model 'Locked' cannot be sent to worker processes because its parameter "
        "`value` cannot be pickled; use n_jobs=1 or backend='threading', or replace it."
    )


def test_an_objective_made_on_the_spot_travels(data):
    cv = chain(data, n_jobs=2).set_inner_cv(2, lambda y, p: float(np.abs(y - p).max()))
    assert len(cv.perform().results.trials) == 6


def test_settings_that_cannot_travel_are_refused(data):
    lock = threading.Lock()

    def sampler(seed):
        with lock:
            return RandomSampler(seed)

    settings = UnitSettings(tuning=TuningSettings(sampler=sampler))
    with pytest.raises(
        TypeError, match="objective, sampler or pruner cannot be pickled"
    ):
        refuse_what_cannot_travel([make_spec(Ridge)], settings, "loky")


def test_threads_take_what_cannot_be_pickled(data):
    cv = chain(data, n_jobs=2, backend="threading").add_model(
        Stubborn, model_kwargs={"value": Unpicklable()}, model_name="Locked"
    )
    assert len(cv.perform().results["Locked"]["model"]) == 3


class WrongType(Ridge):
    def fit(self, X, y):
        raise TypeError("a text where a number was expected")


def test_a_type_error_of_a_model_says_where_also_in_a_worker(data):
    cv = chain(data, n_jobs=2).add_model(WrongType)
    with pytest.raises(UnitError, match="while fitting WrongType on repeat 0, fold"):
        cv.perform()


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            host="127.0.0.1",
        ) as workers,
        distributed.Client(workers),
    ):
        yield


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_gives_the_serial_results(data, cluster):
    same(
        chain(data).perform().results,
        chain(data, backend="dask", n_jobs=-1).perform().results,
    )


@pytest.mark.filterwarnings("default")
def test_the_units_of_a_killed_dask_worker_are_run_again(data, cluster, tmp_path):
    def dying(mark, **run):
        cv = CrossValidation().set_data(data.features, data.target, data.groups)
        cv.set_run(silence=["groups-ignored"], **run)
        return (
            cv.add_model(DiesOnce, model_kwargs={"mark": str(mark)}).perform().results
        )

    calm = tmp_path / "calm"
    calm.touch()
    expected = dying(calm).predictions
    survived = dying(tmp_path / "mark", backend="dask", n_jobs=-1).predictions
    pd.testing.assert_frame_equal(survived, expected, check_exact=True)
    assert (tmp_path / "mark").exists()


INTERRUPTED = """
import signal, sys, time
sys.path.insert(0, {root!r})
import numpy as np
from sklearn.dummy import DummyRegressor
from flexcv import CrossValidation

class Slow(DummyRegressor):
    def fit(self, X, y):
        time.sleep(0.0 if X[:, 1].min() > 0 else 60.0)
        return super().fit(X, y)

if __name__ == "__main__":
    # A process started in the background is told to ignore Ctrl-C; this one is not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    X = np.arange(80.0).reshape(40, 2)
    X[0, 1] = -1.0  # the first fold alone trains without this row
    halves = [(np.arange(20, 40), np.arange(20)), (np.arange(20), np.arange(20, 40))]
    cv = CrossValidation().set_data(X, np.sin(np.arange(40.0)))
    cv.set_splits(halves, scale_out=False).add_model(Slow)
    print("begins", flush=True)
    try:
        cv.set_run({folder!r}, n_jobs={n_jobs}).perform()
    except KeyboardInterrupt:
        results = cv.results
        print(results.is_partial, len(results["Slow"]["model"]), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGINT")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_leaves_what_is_finished_marked_partial(tmp_path, n_jobs):
    folder = tmp_path / "run"
    root = str(Path(__file__).parents[2])
    script = tmp_path / "script.py"
    text = INTERRUPTED.format(root=root, folder=str(folder), n_jobs=n_jobs)
    script.write_text(text)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    for _ in range(1200):
        if list((folder / "units").glob("Slow-*")) or process.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(1.0)  # until the run waits for its next unit
    try:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: everybody hears it
        out, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert out.splitlines() == ["begins", "True 1"], err
