"""A tracker by the name of its backend, whose module is loaded when it is wanted."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, cast

from flexcv._checks import check_choice
from flexcv.errors import MissingExtraError

from .base import BACKENDS, Tracker


def open_tracker(backend: str, /, **options: Any) -> Tracker:
    """Open a run in one of the backends.

    Parameters
    ----------
    backend
        ``"local"``, ``"mlflow"``, ``"neptune"`` or ``"wandb"``.
    options
        Those of the backend's `open_run`. All know `experiment` and `name`.

    Raises
    ------
    MissingExtraError
        When the backend's package is not installed.

    Examples
    --------
    >>> import tempfile
    >>> tracker = open_tracker("local", folder=tempfile.mkdtemp())
    >>> tracker.log_metrics({"mse": 0.5})
    """
    require_backend(backend)
    module = importlib.import_module(f"flexcv.tracking.{backend}")
    return cast("Tracker", module.open_run(**options))


def require_backend(name: str) -> None:
    """Refuse a backend that is unknown, or whose package is not installed."""
    check_choice("tracker", name, BACKENDS)
    if name != "local" and importlib.util.find_spec(name) is None:
        raise MissingExtraError(
            f"the tracker {name!r} needs a package that is not installed; "
            f"install it with: pip install 'flexcv[{name}]'."
        )
