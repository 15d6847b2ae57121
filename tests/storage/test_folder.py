import json
import os

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.errors import StorageError, UnitError
from tests.evaluation.test_unit import Fails


@pytest.fixture
def cv():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    cv = CrossValidation().set_data(X, X[:, 0] + rng.normal(size=30))
    return cv.set_splits(n_splits_out=2).add_model(Ridge)


def test_the_run_folder_holds_the_tables_and_says_it_is_finished(cv, tmp_path):
    folder = tmp_path / "study" / "run-1"
    results = cv.set_run(folder, random_seed=3, diagnostics=True).perform().results
    run = json.loads((folder / "run.json").read_text())
    assert run["status"] == "finished"
    assert (run["random_seed"], run["plan"], run["models"]) == (
        3,
        cv.plan.fingerprint,
        ["Ridge"],
    )
    assert "numpy" in run["versions"]
    predictions = pd.read_csv(folder / "predictions.csv")
    np.testing.assert_allclose(
        predictions["y_pred"], results.predictions["y_pred"], rtol=1e-12
    )
    summary = pd.read_csv(folder / "summary.csv", index_col=[0, 1])
    np.testing.assert_allclose(summary.to_numpy(), results.summary.to_numpy())
    assert len(pd.read_csv(folder / "diagnostics.csv")) == 4
    assert not [name for name in os.listdir(folder) if name.startswith("tmp")]


def test_without_a_folder_nothing_is_written(cv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv.perform()
    assert os.listdir(tmp_path) == []


def test_a_failed_run_keeps_what_was_finished_and_says_so(cv, tmp_path):
    cv.add_model(Fails).set_run(tmp_path / "run")
    with pytest.raises(UnitError):
        cv.perform()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"
    assert set(pd.read_csv(tmp_path / "run" / "scores.csv")["model"]) == {"Ridge"}
    assert cv.results.is_partial


def test_somebody_elses_folder_is_left_alone(cv, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(StorageError) as caught:
        cv.set_run(tmp_path).perform()
    assert str(caught.value) == (
        f"{str(tmp_path)!r} holds files but no run, so it is no run folder; "
        "choose an empty or new one."
    )
    assert os.listdir(tmp_path) == ["letter.txt"]


def test_a_folder_that_cannot_be_made_is_one_clear_error(cv, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        cv.set_run(tmp_path / "file" / "run").perform()


def test_what_a_run_killed_at_its_start_leaves_behind_locks_nobody_out(cv, tmp_path):
    (tmp_path / ".lock").write_text("123")
    (tmp_path / ".unfinished-9-run.json").write_text("{")
    assert cv.set_run(tmp_path).perform().results
    assert not (tmp_path / ".unfinished-9-run.json").exists()
