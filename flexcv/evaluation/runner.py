"""Every unit of a run, in order or in parallel, with its events."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral

from joblib import Parallel, delayed

from flexcv._checks import check_choice, check_integer
from flexcv.dataset import Dataset
from flexcv.errors import UnitError
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Fold, Plan
from flexcv.results.fold import FoldResult

from .events import (
    Event,
    Listener,
    RunFailed,
    RunFinished,
    RunStarted,
    UnitFinished,
    UnitStarted,
)
from .unit import UnitSettings, run_unit


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The run's seed, its number of workers and what to do about a failing model."""

    random_seed: int = 42
    n_jobs: int = 1
    on_error: str = "raise"

    def __post_init__(self) -> None:
        check_integer("random_seed", self.random_seed, 0)
        check_choice("on_error", self.on_error, ("raise", "record"))
        _check_jobs(self.n_jobs)


def run(
    plan: Plan,
    specs: Sequence[ModelSpec],
    dataset: Dataset,
    unit_settings: UnitSettings,
    run_settings: RunSettings,
    listeners: Sequence[Listener] = (),
) -> list[FoldResult]:
    """Evaluate every model on every fold.

    The results do not depend on `n_jobs`: seeds belong to folds and models.

    Parameters
    ----------
    plan, specs, dataset
        The folds, the models and the table.
    unit_settings, run_settings
        How a unit works and how the run does.
    listeners
        Called with each event, in this process.

    Raises
    ------
    UnitError
        When a model fails and `on_error` is ``"raise"``; its cause is the model's own
        error.
    """

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    start = time.perf_counter()
    tell(RunStarted(plan, tuple(specs), dataset, run_settings.random_seed))
    units = [(fold, spec) for fold in plan for spec in specs]
    results: list[FoldResult] = []
    try:
        if run_settings.n_jobs == 1:
            watching = replace(unit_settings, watch=tell)
            finished = _serial(units, dataset, watching, tell)
        else:
            finished = _parallel(units, dataset, unit_settings, run_settings.n_jobs)
        for (fold, spec), unit in zip(units, finished, strict=True):
            results.extend(unit)
            tell(UnitFinished(spec.name, fold.repeat, fold.index, unit))
    except BaseException as error:
        tell(RunFailed(error, time.perf_counter() - start))
        raise
    tell(RunFinished(time.perf_counter() - start))
    return results


Unit = tuple[FoldResult, ...]


def _serial(
    units: Sequence[tuple[Fold, ModelSpec]],
    dataset: Dataset,
    settings: UnitSettings,
    tell: Listener,
) -> Iterator[Unit]:
    for fold, spec in units:
        tell(UnitStarted(spec.name, fold.repeat, fold.index))
        yield _addressed(fold, spec, dataset, settings)


def _parallel(
    units: Sequence[tuple[Fold, ModelSpec]],
    dataset: Dataset,
    settings: UnitSettings,
    n_jobs: int,
) -> Iterator[Unit]:
    """Give the units in order, each as soon as it and those before it are done."""
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    yield from parallel(
        delayed(_addressed)(fold, spec, dataset, settings) for fold, spec in units
    )


def _addressed(
    fold: Fold, spec: ModelSpec, dataset: Dataset, settings: UnitSettings
) -> Unit:
    """Run a unit; an error says where it happened."""
    try:
        return run_unit(fold, spec, dataset, settings)
    except Exception as error:
        notes = "; ".join(getattr(error, "__notes__", ()))
        raise UnitError(
            f"{spec.name} failed on repeat {fold.repeat}, fold {fold.index}: "
            f"{type(error).__name__}: {error} ({notes}). "
            "Pass on_error='record' to set_run to keep the other models' results."
        ) from error


def _check_jobs(n_jobs: object) -> None:
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"`n_jobs` must be a whole number, got {n_jobs!r}.")
    if n_jobs == 0:
        raise ValueError(
            "`n_jobs` must be 1 or more, or -1 for all cores, got 0; use 1 for serial."
        )
