"""What one model did on one fold: the records that every floor passes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy.typing as npt
import pandas as pd

from flexcv.arrays import FloatArray, IntArray

Key: TypeAlias = tuple[str, int, int]  # model, repeat, fold
PARTS = ("test", "train")
THRESHOLD = "decision_threshold"  # its column beside parameters


ADDRESS = ["model", "repeat", "fold"]


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
        How it is drawn: the name of one of `flexcv.plots.DRAWINGS`, or a function of
        (frame, axes), which is not stored in a run folder; None draws nothing.
    """

    name: str
    frame: pd.DataFrame
    draw: str | Callable[[pd.DataFrame, Any], Any] | None = None


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
    decision
        The decision function of a model of two classes without probabilities, larger
        for the positive one, or None.
    """

    rows: IntArray
    predicted: npt.NDArray[Any]
    probabilities: FloatArray | None = None
    decision: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class KnownPredictions:
    """Hold what was predicted of held-out groups once some of their rows were known.

    Parameters
    ----------
    counts
        How many rows of each group were known.
    rows
        Positions of the predicted rows, the same for every count.
    predicted, probabilities
        One array per count, as in `Predictions`. Empty for a model that takes no
        notice of known rows: its predictions are those of the test part.
    """

    counts: tuple[int, ...]
    rows: IntArray
    predicted: tuple[npt.NDArray[Any], ...] = ()
    probabilities: tuple[FloatArray, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one part of one fold.

    Parameters
    ----------
    part
        ``"test"`` or ``"train"``.
    metric
        The metric's name.
    value
        NaN where the model failed or the metric has no value.
    n_rows
        Rows that were scored; 0 where the model failed.
    reason
        Why there is no value, or an empty text.
    """

    part: str
    metric: str
    value: float
    n_rows: int
    reason: str = ""


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
    drawn
        What the study drew for `params`: of choices that JSON cannot hold, the place.
    trials
        A row per trial of the tuning: number, value, each parameter, seconds.
    traces
        A row per iteration of the estimator's own fitting, where it keeps a trace.
    learned
        What the model says of itself, by name: effects, variances, importances.
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
    scores
        What the run's metrics say of both parts; written when the unit ends.
    known
        Predictions of test groups given some of their rows; None where none were.
    threshold
        From which probability on the positive class is predicted; None where the model
        decides itself.
    """

    model: str
    repeat: int
    fold: int
    train: Predictions | None = None
    test: Predictions | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    drawn: Mapping[str, Any] = field(default_factory=dict)
    trials: pd.DataFrame | None = None
    traces: pd.DataFrame | None = None
    learned: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    estimator: Any = None
    error: str = ""
    scores: tuple[Score, ...] = ()
    known: KnownPredictions | None = None
    threshold: float | None = None

    @property
    def chosen(self) -> dict[str, Any]:
        """Return what was chosen for this fold: parameters, and the threshold."""
        if self.threshold is None:
            return dict(self.params)
        return {**self.params, THRESHOLD: self.threshold}

    @property
    def key(self) -> Key:
        """Return the address as (model, repeat, fold)."""
        return self.model, self.repeat, self.fold


def address(fold: FoldResult) -> dict[str, Any]:
    """Return model, repeat and fold as the first columns of a row."""
    return {"model": fold.model, "repeat": fold.repeat, "fold": fold.fold}


def stacked(parts: Iterable[tuple[FoldResult, pd.DataFrame | None]]) -> pd.DataFrame:
    """Stack the frames of all folds, with the address in front."""
    frames = [
        frame.assign(**address(fold)) for fold, frame in parts if frame is not None
    ]
    if not frames:
        return pd.DataFrame(columns=ADDRESS)
    table: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return table[ADDRESS + [name for name in table if name not in ADDRESS]]
