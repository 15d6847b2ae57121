"""What happened, as frozen records; listeners are callables that take one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from flexcv.dataset import Dataset
from flexcv.model_mapping import ModelSpec
from flexcv.records import FoldResult
from flexcv.resampling import Plan


@dataclass(frozen=True, slots=True, eq=False)
class RunStarted:
    """A run begins: its plan, its models and its table."""

    plan: Plan
    specs: tuple[ModelSpec, ...]
    dataset: Dataset
    seed: int


@dataclass(frozen=True, slots=True)
class UnitStarted:
    """One model begins on one fold."""

    model: str
    repeat: int
    fold: int


@dataclass(frozen=True, slots=True, eq=False)
class TraceAdvanced:
    """One iteration of a fit ended: the new row of the estimator's trace.

    Told while the fit runs, in serial mode; `FoldResult.traces` holds all rows.
    """

    model: str
    repeat: int
    fold: int
    iteration: int
    row: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class TrialFinished:
    """One trial of the tuning ended; told while it runs, in serial mode."""

    model: str
    repeat: int
    fold: int
    number: int
    n_trials: int
    value: float
    best_value: float


@dataclass(frozen=True, slots=True, eq=False)
class UnitFinished:
    """One model is done on one fold: itself and its variants.

    `is_resumed` says that an earlier run had done it and its results were read.
    """

    model: str
    repeat: int
    fold: int
    results: tuple[FoldResult, ...]
    is_resumed: bool = False


@dataclass(frozen=True, slots=True)
class RunFinished:
    """All units are done."""

    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class RunFailed:
    """The run stopped early; what was finished before stays known."""

    error: BaseException
    seconds: float


Event: TypeAlias = (
    RunStarted
    | UnitStarted
    | TrialFinished
    | TraceAdvanced
    | UnitFinished
    | RunFinished
    | RunFailed
)
Listener: TypeAlias = Callable[[Event], None]
