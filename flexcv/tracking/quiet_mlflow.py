"""MLflow's client, which reports to nobody: the door by which flexcv imports it.

MLflow sends usage reports from every process that imports it. They are off before it
is imported, and stay off in the process; the user's environment is what it was.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

OFF = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@contextlib.contextmanager
def telemetry_off() -> Iterator[None]:
    """Say no to reports inside the block."""
    before = {name: os.environ.get(name) for name in OFF}
    os.environ.update(OFF)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def silence(module: Any) -> None:
    """End reports of an MLflow that was imported before, by its own means."""
    telemetry = getattr(module, "telemetry", None)
    if telemetry is None:  # an MLflow that never reports
        return
    client = telemetry.get_telemetry_client()
    if client is not None:
        client.flush(terminate=True)  # stops its threads; what they hold is dropped
    with telemetry_off():
        telemetry.set_telemetry_client()


with telemetry_off():
    import mlflow as mlflow

silence(mlflow)
