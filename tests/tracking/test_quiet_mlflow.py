import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlflow", reason="mlflow is not installed")

# What tells MLflow to report nothing, or stands for a test; a user has none of it.
SILENT = ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "PYTEST_CURRENT_TEST", "CI")
BEFORE = """
import os, socket, sys, warnings
warnings.simplefilter("ignore")
asked = []
def refuse(*where, **how):
    asked.append(where)
    raise OSError("no connection")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.create_connection = refuse
before = dict(os.environ)
"""
RUN = """
from tests.tracking.chains import ridge_chain
ridge_chain("run", tracker="mlflow").perform()
from mlflow.telemetry import get_telemetry_client
assert get_telemetry_client() is None
assert not asked, asked
changed = {name for name in {*before, *os.environ} if name not in before}
assert not changed & {"MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"}, changed
"""
IMPORTED = """
import mlflow
from mlflow.telemetry import get_telemetry_client
assert get_telemetry_client() is not None
"""


@pytest.mark.slow
@pytest.mark.parametrize("imported", ["", IMPORTED])
def test_a_tracked_run_calls_nobody_but_its_store(tmp_path, imported):
    environment = {k: v for k, v in os.environ.items() if k not in SILENT}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", BEFORE + imported + RUN]

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "mlflow.db").is_file()
