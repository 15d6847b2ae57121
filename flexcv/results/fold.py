"""What one model did on one fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What a post-processor saw: a tidy frame and how to draw it.

    Parameters
    ----------
    name
        What it is called in `results.findings`.
    frame
        The numbers.
    draw
        A module-level function of (frame, axes), or None.
    """

    name: str
    frame: pd.DataFrame
    draw: Callable[[pd.DataFrame, Any], Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Hold what was predicted for one part of one fold.

    Parameters
    ----------
    rows
        Positions in the whole table.
    predicted
        Numbers; of classes their places among all classes of the task.
    probabilities
        A column per class, or None.
    """

    rows: IntArray
    predicted: npt.NDArray[Any]
    probabilities: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """Hold what one model did on one fold.

    Parameters
    ----------
    model, repeat, fold
        Its address.
    train, test
        Predictions of the two parts; None when the model failed.
    params
        What tuning chose, by parameter name; empty without tuning.
    trials
        A row per trial of the tuning: number, value, each parameter, seconds.
    traces
        A row per iteration of the estimator's own fitting, where it keeps a trace.
    findings
        What the post-processors saw.
    warnings
        (category, message) of each warning caught while the unit ran.
    seconds
        Wall-clock seconds by step: tune, fit, predict.
    estimator
        The fitted pipeline, which predicts on the user's own table.
    error
        Why the model failed, or an empty text.
    """

    model: str
    repeat: int
    fold: int
    train: Predictions | None = None
    test: Predictions | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    trials: pd.DataFrame | None = None
    traces: pd.DataFrame | None = None
    findings: tuple[Finding, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    estimator: Any = None
    error: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """Give the address as (model, repeat, fold)."""
        return self.model, self.repeat, self.fold
