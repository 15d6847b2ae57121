import dataclasses
import json
import os
import platform
import subprocess
import sys

import pandas as pd
import pytest

from flexcv.errors import StorageError
from flexcv.testing import check_tracker
from flexcv.tracking import open_tracker, read_metrics, read_run


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


def test_a_users_files_survive_a_new_run(tmp_path):
    folder = tmp_path / "run"
    tracker = open_tracker("local", folder=folder)
    tracker.log_text("findings/effects.txt", "text")
    tracker.child("Old", "model", {}).log_metrics({"mse": 1.0})
    mine = [folder / "notes.txt", folder / "Old" / "mine.csv", folder / "findings/a.md"]
    for path in mine:
        path.write_text("mine")

    open_tracker("local", folder=folder).child("Old", "model", {})

    assert [path.read_text() for path in mine] == ["mine"] * 3
    assert not (folder / "findings" / "effects.txt").exists()
    assert not (folder / "Old" / "metrics.jsonl").exists()


def test_a_record_cannot_name_files_outside_its_folder(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")
    (tmp_path / "mine.txt").write_text("mine")
    record = dataclasses.asdict(read_run(tracker.folder))
    record["files"], record["children"] = ["../mine.txt"], [".."]
    (tracker.folder / "run.json").write_text(json.dumps(record))

    open_tracker("local", folder=tmp_path / "run")

    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_tables_that_are_kept_above_are_not_written(tmp_path):
    folder = tmp_path / "run"
    tracker = open_tracker("local", folder=folder, kept_above=["summary"])

    tracker.log_table("summary", pd.DataFrame({"a": [1]}))
    tracker.log_table("trials", pd.DataFrame({"a": [1]}))

    assert [path.name for path in folder.glob("*.csv")] == ["trials.csv"]


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


def rewritten(folder, **changes):
    """Read a run again after its record was changed."""
    record = dataclasses.asdict(read_run(folder)) | {"status": "running"} | changes
    (folder / "run.json").write_text(json.dumps(record))
    return read_run(folder)


def test_a_later_process_with_the_same_number_is_another_one(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")
    if not read_run(tracker.folder).process_mark:
        pytest.skip("the system does not tell when a process began")

    record = rewritten(tracker.folder, process_mark="1")

    assert record.status == "killed"


def test_a_run_on_another_machine_is_what_its_record_says(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")

    record = rewritten(tracker.folder, host=platform.node() + "2", process_mark="1")

    assert record.status == "running"


@pytest.mark.parametrize("status", ["finished", "failed", "killed"])
def test_a_run_that_ended_says_how(tmp_path, status):
    tracker = open_tracker("local", folder=tmp_path / "run")

    tracker.finish(status)

    assert read_run(tracker.folder).status == status
    assert read_run(tracker.folder).finished >= read_run(tracker.folder).started


def test_fields_of_a_later_version_are_passed_over(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run", name="demo")

    assert rewritten(tracker.folder, colour="red").name == "demo"


DAMAGED = [
    '{"name": "a',
    "[]",
    '{"status": "finished"}',
    "3",
    "[" * 100_000,
    '{"name": "a", "kind": "fold", "process": 1e400}',
    '{"name": "a", "kind": "fold", "process": -1}',
    '{"name": "a", "kind": "fold", "files": [5]}',
    '{"name": "a", "kind": "fold", "children": null}',
]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_record_is_said_in_one_sentence(tmp_path, text):
    (tmp_path / "run.json").write_text(text)

    with pytest.raises(StorageError) as error:
        read_run(tmp_path)

    assert str(error.value).startswith(
        f"{str(tmp_path / 'run.json')!r} must be the record of a tracked run, but is "
        "damaged or another file ("
    )
    assert str(error.value).endswith("); perform the run again in a new folder.")


def test_a_folder_without_a_run_is_said_in_one_sentence(tmp_path):
    with pytest.raises(StorageError) as error:
        read_run(tmp_path)

    assert str(error.value) == (
        f"{str(tmp_path)!r} must hold the run.json of a tracked run, and has none; "
        "pass the folder `tracking` of a run folder, or one below it."
    )


@pytest.mark.parametrize(
    "content", [b'{"key": "ms\n{}\n', b'{"key": "\xff"}\n', b"[5]\n", b"{}\n"], ids=str
)
def test_a_damaged_line_of_numbers_is_said_in_one_sentence(tmp_path, content):
    (tmp_path / "metrics.jsonl").write_bytes(content)

    with pytest.raises(StorageError, match="must hold one JSON object a line"):
        read_metrics(tmp_path)


def test_half_a_line_of_a_killed_run_is_cut_off_when_it_goes_on(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")
    tracker.log_metrics({"mse": 1.0})
    with (tracker.folder / "metrics.jsonl").open("a") as file:
        file.write('{"key": "ms')

    later = open_tracker("local", folder=tmp_path / "run", goes_on=True)
    later.log_metrics({"mse": 1.0, "r2": 0.5})

    assert [row["key"] for row in read_metrics(later.folder)] == ["mse", "r2"]


def test_half_a_last_line_is_skipped(tmp_path):
    tracker = open_tracker("local", folder=tmp_path / "run")
    tracker.log_metrics({"mse": 1.0})
    with (tracker.folder / "metrics.jsonl").open("a") as file:
        file.write('{"key": "ms')

    assert len(read_metrics(tracker.folder)) == 1
