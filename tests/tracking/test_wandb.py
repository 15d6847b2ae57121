import json
import struct

import pytest

wandb = pytest.importorskip("wandb", reason="wandb is not installed")

from wandb.proto import wandb_internal_pb2  # noqa: E402

from flexcv.testing import check_tracker  # noqa: E402
from flexcv.tracking import name_of, open_tracker  # noqa: E402
from flexcv.tracking.keys import PANELS, key_of  # noqa: E402


@pytest.fixture
def offline(tmp_path, monkeypatch):
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    return {"mode": "offline", "dir": str(tmp_path)}


@pytest.mark.slow
def test_the_wandb_tracker_keeps_the_contract_offline(offline):
    check_tracker(lambda: open_tracker("wandb", experiment="tests", **offline))


@pytest.mark.slow
def test_a_fold_is_a_run_of_its_own_with_its_series(offline, tmp_path):
    tracker = open_tracker("wandb", experiment="tests", name="demo", **offline)
    fold = tracker.child("Ridge", "model", {}).child("fold 0", "fold", {"a": "b"})
    fold.log_series("tuning/value", [3.0, 2.0], [0, 1])
    run = fold._run
    fold.finish("finished")
    tracker.finish("finished")

    files = list(tmp_path.glob(f"wandb/offline-run-*-{run.id}/run-{run.id}.wandb"))
    assert len(files) == 1
    assert recorded(files[0], "tuning/value") == [(0, 3.0), (1, 2.0)]


@pytest.mark.slow
def test_a_project_may_have_any_name_and_two_metrics_never_share_a_key(
    offline, tmp_path
):
    tracker = open_tracker("wandb", experiment="a/b: 50 % #1", **offline)
    tracker.log_metrics({"f*": 1.0, "f_0x2A_": 2.0, "step": 3.0}, 4)
    tracker.log_series("a*b", [5.0], [6])
    run = tracker._run
    tracker.finish("finished")

    assert name_of(run.project) == "a/b: 50 % #1"
    [file] = tmp_path.glob(f"wandb/offline-run-*-{run.id}/run-{run.id}.wandb")
    told = {"f*": (4, 1.0), "f_0x2A_": (4, 2.0), "step": (4, 3.0), "a*b": (6, 5.0)}
    for name, point in told.items():
        assert recorded(file, key_of(name, PANELS)) == [point]


def recorded(path, key):
    """Read the points of one key from W&B's offline file."""
    found = []
    for content in logged(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        if record.WhichOneof("record_type") == "history":
            row = {
                (item.key or "/".join(item.nested_key)): json.loads(item.value_json)
                for item in record.history.item
            }
            if key in row:
                found.append((row["step"], row[key]))
    return found


def logged(content, header=7, block=32768):
    """Return each record of a file in LevelDB's log format, after W&B's own header."""
    at, parts = header, []
    while at < len(content):
        if block - at % block < 7:  # the rest of a block that no record fits into
            at += block - at % block
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        parts.append(content[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in {1, 4}:  # a whole record, or the last part of one
            yield b"".join(parts)
            parts = []
