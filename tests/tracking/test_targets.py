import json
from pathlib import Path

import pytest

from flexcv import CrossValidation
from flexcv.errors import TrackingWarning
from flexcv.tracking.local import read_run
from flexcv.tracking.targets import Sink, make_recorder, sort_targets

from .chains import Memory, ridge_chain


def test_a_folder_a_tracker_and_a_name_are_told_apart():
    folder, targets = sort_targets(["runs/radon", Memory()], None)

    assert folder == Path("runs/radon")
    assert [target.label for target in targets] == ["memory"]


def test_two_folders_are_one_too_many():
    with pytest.raises(ValueError) as error:
        sort_targets(["a", "b"])

    assert str(error.value) == (
        "`run` must name one folder at most, got 2; pass further places as trackers."
    )


@pytest.mark.parametrize("given", [3, {"a": 1}, object()])
def test_anything_else_is_refused(given):
    with pytest.raises(TypeError) as error:
        CrossValidation().set_run(given)

    assert str(error.value) == (
        "`run` must be a folder, a Tracker, a live Neptune run or a list of them, got "
        f"{type(given).__name__}; `tracker` also takes mlflow, neptune, wandb."
    )


def test_an_unknown_backend_is_refused_with_the_near_miss():
    with pytest.raises(ValueError) as error:
        CrossValidation().set_run("run", tracker="mlfow")

    assert "did you mean 'mlflow'?" in str(error.value)


def test_the_local_backend_is_asked_for_by_its_folder():
    with pytest.raises(ValueError) as error:
        sort_targets(None, "local")

    assert str(error.value) == (
        "the local tracker writes into the run folder; "
        "pass the folder as `run` and leave `tracker` out."
    )


def test_a_run_folder_holds_the_tables_and_the_tracking(tmp_path):
    ridge_chain(tmp_path / "radon").perform()

    assert json.loads((tmp_path / "radon" / "run.json").read_text())
    tracking = tmp_path / "radon" / "tracking"
    assert read_run(tracking).status == "finished"
    assert read_run(tracking).name == "radon"
    assert (tracking / "Ridge" / "fold 1" / "residuals.svg").is_file()


def test_a_target_that_cannot_be_opened_is_left_out_with_a_warning():
    def fail(experiment):
        raise OSError("no server")

    memory = Memory()
    targets = [Sink("far", fail), Sink("near", lambda _: memory)]
    recorder = make_recorder(None, targets, metrics=(), information={})

    with pytest.warns(TrackingWarning, match="opening failed with OSError: no server"):
        recorder._warn()
