from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")

from flexcv.testing import check_tracker  # noqa: E402
from flexcv.tracking import open_tracker  # noqa: E402
from flexcv.tracking.mlflow import sqlite_uri  # noqa: E402

# mlflow 3.17 with sqlalchemy 2.1
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """One store for all tests here: making one takes seconds."""
    return sqlite_uri(tmp_path_factory.mktemp("mlflow") / "mlflow.db")


@pytest.fixture
def client(uri):
    return mlflow.MlflowClient(uri)


@pytest.fixture
def tracker(uri):
    return open_tracker("mlflow", experiment="tests", uri=uri)


def series(client, tracker, key):
    history = client.get_metric_history(tracker.run_id, key)
    return sorted((point.step, point.value) for point in history)


@pytest.mark.slow
def test_the_mlflow_tracker_keeps_the_contract(uri, client):
    check_tracker(
        lambda: open_tracker("mlflow", experiment="contract", uri=uri),
        lambda tracker, key: series(client, tracker, key),
    )


def test_runs_are_nested_and_named_for_a_flat_list(client, tracker):
    model = tracker.child("MERF(Forest)", "model", {"flexcv.kind": "model"})
    fold = model.child("fold 0", "fold", {"flexcv.fold": "0"})

    tags = client.get_run(fold.run_id).data.tags

    assert tags["mlflow.parentRunId"] == model.run_id
    assert tags["mlflow.runName"] == "MERF(Forest), fold 0"
    assert tags["flexcv.fold"] == "0"


def test_points_are_held_back_until_the_run_closes(client, tracker):
    tracker.log_metrics({"loglik": -1.0}, 1)
    before = series(client, tracker, "loglik")

    tracker.finish("finished")

    assert before == []
    assert series(client, tracker, "loglik") == [(1, -1.0)]


def test_names_that_mlflow_refuses_are_rewritten_and_never_merged(client, tracker):
    tracker.log_metrics({"var(a)": 1.0, "var[a]": 2.0})

    assert client.get_run(tracker.run_id).data.metrics == {"var_a": 1.0, "var_a_2": 2.0}


def test_a_status_is_told(client, tracker):
    tracker.finish("killed")

    assert client.get_run(tracker.run_id).info.status == "KILLED"


def test_the_active_run_of_the_user_stays_what_it_is(uri, tracker):
    before = mlflow.active_run()

    tracker.child("Ridge", "model", {}).finish("finished")

    assert mlflow.active_run() is before


def test_texts_are_kept_as_artifacts(client, tracker, tmp_path):
    tracker.log_text("residuals.html", "<p>é</p>")

    path = client.download_artifacts(tracker.run_id, "residuals.html", str(tmp_path))

    assert Path(path).read_text(encoding="utf-8") == "<p>é</p>"
