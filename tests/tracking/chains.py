"""A short chain and a tracker that remembers, for the tests of this folder."""

import importlib
import importlib.util
import warnings

import pytest
from optuna.distributions import FloatDistribution
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.synthesizer import generate_regression

needs_neptune = pytest.mark.skipif(
    importlib.util.find_spec("neptune") is None, reason="neptune is not installed"
)
QUIET = {
    "source_files": [],
    "capture_stdout": False,
    "capture_stderr": False,
    "capture_traceback": False,
    "capture_hardware_metrics": False,
}


class Memory:
    """A tracker that keeps everything in dictionaries, by path and key."""

    def __init__(self, path="", store=None):
        self.path = path
        self.store = {} if store is None else store

    def child(self, name, kind, tags):
        child = Memory(f"{self.path}{name}/", self.store)
        child.set_tags(tags)
        return child

    def log_params(self, params):
        self._keep(params)

    def log_metrics(self, metrics, step=None):
        for key, value in metrics.items():
            if step is None:
                self._keep({key: value})
            else:
                self.log_series(key, [value], [step])

    def log_series(self, key, values, steps):
        points = self.store.setdefault(self.path + key, [])
        points.extend(zip(steps, values, strict=True))

    def log_figure(self, key, figure):
        self._keep({f"{key}.png": figure})

    def log_table(self, key, table):
        self._keep({f"{key}.csv": table})

    def log_text(self, key, text):
        self._keep({key: text})

    def log_artifact(self, key, path):
        self._keep({key: path})

    def set_tags(self, tags):
        self._keep(tags)

    def finish(self, status):
        self._keep({"status": status})

    def _keep(self, entries):
        for key, value in entries.items():
            self.store[self.path + key] = value


def ridge_chain(run=None, *, model=None, n_splits=2, merf=False, **settings):
    """Ridge, tuned by five trials, or another model, on two folds."""
    X, y, group, _ = generate_regression(3, 80, n_groups=5)
    cv = CrossValidation().set_data(X, y, group, dataset_name="synthetic")
    cv.set_splits("KFold", n_splits_out=n_splits, n_splits_in=2).set_inner_cv(5)
    if model is None:
        space = {"alpha": FloatDistribution(0.01, 10.0, log=True)}
        cv.add_model(Ridge, params=space)
    else:
        cv.add_model(model)
    cv.set_merf(merf, em_max_iterations=4)
    return cv.set_run(run, silence=("groups-ignored", "groups-unused"), **settings)


def forest_chain(run, **settings):
    """A forest and MERF around it, on two folds."""
    X, y, group, _ = generate_regression(3, 90, n_groups=6)
    return (
        CrossValidation()
        .set_data(X, y, group)
        .set_splits("KFold", n_splits_out=2)
        .add_model(RandomForestRegressor, model_kwargs={"n_estimators": 10})
        .set_merf(True, em_max_iterations=4)
        .set_run(run, silence="groups-ignored", **settings)
    )


def offline_run(tmp_path, monkeypatch):
    """A run of Neptune's client that writes below a folder."""
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # neptune 1.14 warns when it is imported
        neptune = importlib.import_module("neptune")
        return neptune.init_run(mode="offline", project="some/where", **QUIET)
