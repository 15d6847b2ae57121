"""Runs that stopped, in a run folder, and what trackers are told when they go on."""

import pytest
from sklearn.linear_model import LinearRegression

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")

from flexcv.errors import TrackingWarning  # noqa: E402
from flexcv.tracking import open_tracker, read_metrics, read_run  # noqa: E402
from flexcv.tracking.ledger import LEDGER_FILE, Ledger  # noqa: E402
from flexcv.tracking.mlflow import sqlite_uri  # noqa: E402
from flexcv.tracking.recorder import Recorder  # noqa: E402

from .chains import Memory, ridge_chain  # noqa: E402

# mlflow 3.17 with sqlalchemy 2.1
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


FITS_OF_A_FOLD = 25  # of the learner itself and in MERF around it


class Stopping(LinearRegression):
    """A learner whose fit can be made to stop the process."""


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """One store for all tests here: making one takes seconds."""
    return sqlite_uri(tmp_path_factory.mktemp("mlflow") / "mlflow.db")


@pytest.fixture(autouse=True)
def at(uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)


@pytest.fixture
def client(uri):
    return mlflow.MlflowClient(uri)


def chain(folder, **settings):
    return ridge_chain(folder, model=Stopping, merf=True, **settings)


def stopping_at(n_fits):
    """Fit as ever, and stop the process at one of the fits."""
    fit, done = LinearRegression.fit, []

    def stops(self, X, y, sample_weight=None):
        done.append(1)
        if len(done) == n_fits:
            raise KeyboardInterrupt
        return fit(self, X, y, sample_weight)

    return stops


def kill(folder, monkeypatch, **settings):
    """Perform a run that is killed in the second fold: nobody ends what it began."""
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "_run_failed", lambda recorder, event: None)
        patch.setattr(LinearRegression, "fit", stopping_at(FITS_OF_A_FOLD + 8))
        with pytest.raises(KeyboardInterrupt):
            chain(folder, **settings).perform()


def runs_of(client, folder):
    """Everything that MLflow holds of a folder's runs, by name."""
    number = client.get_experiment_by_name(folder.name).experiment_id
    found = client.search_runs([number])
    return {run.info.run_id: run for run in found}


def told(client, folder):
    """What was told of each run: every point of every metric, and the settings."""
    return {
        number: (
            run.data.params,
            {
                key: [(p.step, p.value) for p in client.get_metric_history(number, key)]
                for key in run.data.metrics
            },
        )
        for number, run in runs_of(client, folder).items()
    }


def statuses(client, folder):
    runs = runs_of(client, folder).values()
    return sorted((run.data.tags["mlflow.runName"], run.info.status) for run in runs)


def test_a_killed_run_goes_on_in_the_same_runs(client, tmp_path, monkeypatch):
    folder = tmp_path / "goes-on"
    kill(folder, monkeypatch, tracker="mlflow")
    before = statuses(client, folder)

    chain(folder, tracker="mlflow").perform()

    assert dict(before)["cross-validation"] == "RUNNING"
    assert dict(before)["MERF(Stopping), fold 0"] == "FINISHED"
    assert statuses(client, folder) == [
        ("MERF(Stopping)", "FINISHED"),
        ("MERF(Stopping), fold 0", "FINISHED"),
        ("MERF(Stopping), fold 1", "FINISHED"),
        ("Stopping", "FINISHED"),
        ("Stopping, fold 0", "FINISHED"),
        ("Stopping, fold 1", "FINISHED"),
        ("cross-validation", "FINISHED"),
    ]
    for _, histories in told(client, folder).values():
        for key, points in histories.items():
            steps = [step for step, _ in points]
            assert len(steps) == len(set(steps)), key


def test_a_finished_run_tells_nothing_twice(client, tmp_path):
    folder = tmp_path / "twice"
    chain(folder, tracker="mlflow").perform()
    before, lines = told(client, folder), read_metrics(folder / "tracking")

    chain(folder, tracker="mlflow").perform()

    assert told(client, folder) == before
    assert read_metrics(folder / "tracking") == lines
    assert {status for _, status in statuses(client, folder)} == {"FINISHED"}


def test_a_tracker_that_joins_later_is_told_all(client, tmp_path):
    folder, memory = tmp_path / "later", Memory()
    results = chain(folder).perform().get_results()

    chain(folder, tracker=["mlflow", memory]).perform()

    names = [name for name, _ in statuses(client, folder)]
    assert names.count("MERF(Stopping), fold 1") == 1
    score = results.summary["Stopping"]["mean", "mse"]
    assert memory.store["Stopping/mean/test/mse"] == score
    assert memory.store["Stopping/fold 0/flexcv.resumed"] == "true"


def test_another_target_ends_a_killed_run(client, tmp_path, monkeypatch):
    folder = tmp_path / "killed"
    kill(folder, monkeypatch, tracker="mlflow")

    chain(folder).perform()

    found = dict(statuses(client, folder))
    assert found["cross-validation"] == "KILLED"
    assert found["Stopping, fold 1"] == "KILLED"
    assert found["Stopping, fold 0"] == "FINISHED"
    assert read_run(folder / "tracking").status == "finished"


def test_a_server_that_is_gone_is_one_warning(tmp_path):
    folder = tmp_path / "gone"
    chain(folder).perform()
    address = "http://127.0.0.1:9", "1"
    Ledger(folder / "tracking" / LEDGER_FILE, address).put("", "abc", "running")

    with pytest.warns(TrackingWarning) as caught:
        chain(folder).perform()

    assert len(caught) == 1
    assert str(caught[0].message).startswith(
        "the tracker 'mlflow of an earlier run' could not keep everything: ending it "
        "as killed failed with URLError: "
    )


def test_starting_over_begins_a_new_run_and_ends_the_killed_one(
    client, tmp_path, monkeypatch
):
    folder = tmp_path / "over"
    kill(folder, monkeypatch, tracker="mlflow")

    chain(folder, tracker="mlflow").perform(resume=False)

    found = statuses(client, folder)
    assert found.count(("cross-validation", "FINISHED")) == 1
    assert found.count(("cross-validation", "KILLED")) == 1
    assert found.count(("Stopping, fold 0", "FINISHED")) == 2
    assert "RUNNING" not in dict(found).values()


def test_a_run_that_somebody_deleted_is_begun_anew(client, tmp_path):
    folder = tmp_path / "deleted"
    chain(folder, tracker="mlflow").perform()
    for number in runs_of(client, folder):
        client.delete_run(number)

    chain(folder, tracker="mlflow").perform()

    assert len(runs_of(client, folder)) == 7


def test_an_opened_tracker_goes_on_too(client, uri, tmp_path, monkeypatch):
    folder = tmp_path / "opened"
    kill(
        folder,
        monkeypatch,
        tracker=open_tracker("mlflow", experiment="opened", uri=uri),
    )

    chain(
        folder, tracker=open_tracker("mlflow", experiment="opened", uri=uri)
    ).perform()

    assert len(runs_of(client, folder)) == 7
    assert {status for _, status in statuses(client, folder)} == {"FINISHED"}


def test_the_folder_of_a_killed_run_keeps_its_finished_folds(tmp_path, monkeypatch):
    folder = tmp_path / "local"
    kill(folder, monkeypatch)
    fold = folder / "tracking" / "MERF(Stopping)"
    before = (fold / "fold 0" / "run.json").read_text()

    chain(folder).perform()

    assert (fold / "fold 0" / "run.json").read_text() == before
    steps = [
        row["step"]
        for row in read_metrics(fold / "fold 1")
        if row["key"] == "convergence/gll"
    ]
    assert steps == [1, 2, 3, 4]
    assert read_run(folder / "tracking").status == "finished"
