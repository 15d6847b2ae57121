import json
from pathlib import Path

import pytest

from flexcv import CrossValidation
from flexcv.errors import TrackingWarning
from flexcv.testing import check_tracker
from flexcv.tracking.neptune import adopt

from .chains import forest_chain, needs_neptune, offline_run


class FakeSeries:
    """One place of a run that has Neptune's shape."""

    def __init__(self, store, key):
        self.store, self.key = store, key

    def append(self, value, step):
        self.store.setdefault(self.key, []).append((step, value))

    def extend(self, values, steps):
        self.store.setdefault(self.key, []).extend(zip(steps, values, strict=True))

    def assign(self, value):
        self.store[self.key] = value

    def upload(self, value):
        self.store[self.key] = value


class FakeRun:
    """A fork's run: the same shape, another class, no class `File`."""

    def __init__(self):
        self.store = {}
        self.stopped = False

    def __getitem__(self, key):
        return FakeSeries(self.store, key)

    def stop(self):
        self.stopped = True


def offline_operations(folder):
    """Every operation in Neptune's offline files, in order."""
    (log,) = Path(folder).glob(".neptune/offline/run__*/data-*.log")
    text, decoder, found = log.read_text(), json.JSONDecoder(), []
    while text := text.lstrip():
        entry, end = decoder.raw_decode(text)
        found.append(entry["obj"])
        text = text[end:]
    return found


def series_of(operations, path):
    return [
        (point["step"], point["value"])
        for operation in operations
        if operation["type"] == "LogFloats" and "/".join(operation["path"]) == path
        for point in operation["values"]
    ]


@needs_neptune
@pytest.mark.slow
def test_the_neptune_tracker_keeps_the_contract(tmp_path, monkeypatch):
    run = offline_run(tmp_path, monkeypatch)

    check_tracker(lambda: adopt(run))

    run.stop()


@needs_neptune
@pytest.mark.slow
def test_the_whole_chain_is_in_neptunes_offline_file_point_by_point(
    tmp_path, monkeypatch
):
    run = offline_run(tmp_path, monkeypatch)

    results = forest_chain(run).perform().get_results()
    run["mine"] = "still open"
    run.stop()

    operations = offline_operations(tmp_path)
    model = "MERF(RandomForestRegressor)"
    traces = results.traces[results.traces["model"].eq(model)]
    for fold, trace in traces.groupby("fold"):
        for column in ("gll", "loglik", "sigma2", "trace_d", "logdet_d"):
            path = f"{model}/fold {fold}/convergence/{column}"
            wanted = list(zip(trace["iteration"], trace[column], strict=True))
            assert series_of(operations, path) == wanted
    scores = results.scores[results.scores["part"].eq("test")]
    for (name, metric), values in scores.groupby(["model", "metric"])["value"]:
        wanted = list(enumerate(values))
        assert series_of(operations, f"{name}/{metric}") == wanted
    paths = {"/".join(operation["path"]) for operation in operations}
    assert {"tables/summary", "files/residuals", "figures/scores", "mine"} <= paths
    uploads = list(tmp_path.glob(".neptune/offline/*/upload_path/tables_summary_csv*"))
    assert len(uploads) == 1
    assert uploads[0].read_text().startswith("Fold,Metric,RandomForestRegressor,MERF(")


def test_a_run_of_the_same_shape_gets_every_number_and_is_not_stopped():
    run = FakeRun()

    with pytest.warns(TrackingWarning) as caught:
        forest_chain(run).perform()

    assert len(run.store["RandomForestRegressor/mse"]) == 2
    assert [step for step, _ in run.store["MERF(RandomForestRegressor)/mse"]] == [0, 1]
    assert not run.stopped
    assert len(caught) == 1
    assert "must have a class `types.File` to upload" in str(caught[0].message)


def test_the_runs_of_neptune_scale_are_refused_in_one_sentence():
    class Run:
        def log_metrics(self, data, step):
            """Take numbers."""

    Run.__module__ = "neptune_scale.api.run"

    with pytest.raises(TypeError) as error:
        CrossValidation().set_run(Run())

    assert str(error.value) == (
        "`run` must be a run that can be subscripted, got neptune_scale's Run, "
        "which cannot; pass one of neptune.init_run() instead."
    )
