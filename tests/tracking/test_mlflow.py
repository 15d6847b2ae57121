from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")

from flexcv.testing import check_tracker  # noqa: E402
from flexcv.tracking import name_of, open_tracker  # noqa: E402
from flexcv.tracking.keys import key_of  # noqa: E402
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
    told = {"var(a)": 1.0, "var[a]": 2.0, "var_a": 3.0, "/var//a": 4.0}
    tracker.log_metrics(told)
    tracker.log_params({name: name for name in told})

    data = client.get_run(tracker.run_id).data
    assert {name_of(key): value for key, value in data.metrics.items()} == told
    assert {name_of(key): value for key, value in data.params.items()} == {n: n for n in told}  # fmt: skip


def test_a_name_has_the_same_key_in_every_run(client, tracker):
    tracker.log_metrics({"var[a]": 2.0})
    other = tracker.child("Ridge", "model", {})
    other.log_metrics({"var(a)": 1.0, "var[a]": 2.0})

    for run in (tracker, other):
        assert client.get_run(run.run_id).data.metrics[key_of("var[a]")] == 2.0


def test_an_experiment_that_was_deleted_is_told(uri, client):
    number = client.create_experiment("gone")
    client.delete_experiment(number)

    with pytest.raises(ValueError, match="was deleted") as refusal:
        open_tracker("mlflow", experiment="gone", uri=uri)

    assert str(refusal.value) == (
        "the experiment 'gone' was deleted in this store, and MLflow keeps its name; "
        f"client.restore_experiment({number!r}) brings it back, or take another name, "
        "which is that of the run folder."
    )
    client.restore_experiment(number)
    assert open_tracker("mlflow", experiment="gone", uri=uri).run_id


@pytest.mark.parametrize("name", ["", "a" * 501])
def test_a_name_that_mlflow_refuses_is_told(uri, name):
    with pytest.raises(ValueError) as refusal:
        open_tracker("mlflow", experiment=name, uri=uri)
    assert str(refusal.value) == (
        "`experiment` must be a name of 1 to 500 characters for MLflow, got "
        f"{len(name)}; a run folder's name is taken for it."
    )


@pytest.mark.parametrize("name", ["a/b: 1 %", "étude #2", "  ", "../up", "a" * 500])
def test_any_other_name_is_an_experiment(uri, client, name):
    tracker = open_tracker("mlflow", experiment=name, uri=uri)
    tracker.log_text("note.txt", "text")
    assert client.get_run(tracker.run_id).info.experiment_id == (
        client.get_experiment_by_name(name).experiment_id
    )


def test_two_processes_may_make_an_experiment_at_once(uri, client, monkeypatch):
    client.create_experiment("at once")
    found = mlflow.MlflowClient.get_experiment_by_name
    answers = iter([None])
    monkeypatch.setattr(
        mlflow.MlflowClient,
        "get_experiment_by_name",
        lambda self, name: next(answers, found(self, name)),
    )
    assert open_tracker("mlflow", experiment="at once", uri=uri).run_id


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
