import json
import os
import subprocess
import sys

import pytest

from flexcv.errors import StorageError
from flexcv.testing import check_tracker
from flexcv.tracking import open_tracker
from flexcv.tracking.local import read_metrics, read_run


def points(tracker, key):
    found = read_metrics(tracker.folder)
    return [(row["step"], row["value"]) for row in found if row["key"] == key]


def test_the_local_tracker_keeps_the_contract(tmp_path):
    numbers = iter(range(100))

    check_tracker(
        lambda: open_tracker("local", folder=tmp_path / f"run {next(numbers)}"), points
    )


def test_everything_is_a_plain_file(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run", experiment="radon")
    tracker.log_params({"alpha": 1.0})
    tracker.log_text("pages/residuals.html", "<p>")

    content = json.loads((tmp_path / "run" / "run.json").read_text())

    assert content["status"] == "running"
    assert content["params"] == {"alpha": 1.0}
    assert content["tags"] == {"flexcv.experiment": "radon"}
    assert (tmp_path / "run" / "pages" / "residuals.html").read_text() == "<p>"


def test_numbers_that_json_lacks_become_null(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")

    tracker.log_metrics({"mse": float("inf"), "r2": float("nan")})

    assert [row["value"] for row in read_metrics(tracker.folder)] == [None, None]


def test_a_key_cannot_leave_the_folder(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")

    tracker.log_text("../../outside.txt", "text")

    assert not list(tmp_path.glob("outside.txt"))
    assert sorted(path.name for path in tracker.folder.rglob("*.txt")) == [
        "outside.txt"
    ]


def test_names_that_differ_by_case_only_stay_apart(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")

    folders = [tracker.child(name, "model", {}).folder.name for name in ("svr", "SVR")]

    assert folders == ["svr", "SVR 2"]


def test_a_new_run_replaces_an_earlier_one(tmp_path):
    open_tracker("local", folder=tmp_path / "run").child("Old", "model", {})

    open_tracker("local", folder=tmp_path / "run")

    assert not (tmp_path / "run" / "Old").exists()


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "run.json").write_text('{"status": "finished", "plan": "ab"}')
    (tmp_path / "scores.csv").write_text("mine")

    with pytest.raises(StorageError) as error:
        open_tracker("local", folder=tmp_path)

    assert str(error.value) == (
        f"{str(tmp_path)!r} holds files that no local tracker wrote; "
        "choose an empty or new folder."
    )
    assert (tmp_path / "scores.csv").read_text() == "mine"


def test_a_killed_process_leaves_a_readable_run_that_says_so(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from flexcv.tracking import open_tracker\n"
        "tracker = open_tracker('local', folder=sys.argv[1])\n"
        "tracker.log_metrics({'convergence/loglik': -3.0}, 1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    folder = tmp_path / "run"

    subprocess.run([sys.executable, "-c", code, str(folder)], check=False, timeout=60)

    assert read_run(folder).status == "killed"
    assert [row["value"] for row in read_metrics(folder)] == [-3.0]


def test_a_run_of_a_living_process_is_running(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")

    record = read_run(tracker.folder)

    assert (record.status, record.process) == ("running", os.getpid())


def test_half_a_last_line_is_skipped(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")
    tracker.log_metrics({"mse": 1.0})
    with (tracker.folder / "metrics.jsonl").open("a") as file:
        file.write('{"key": "ms')

    assert len(read_metrics(tracker.folder)) == 1
