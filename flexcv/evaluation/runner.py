"""Every unit of a run, in order or in parallel, with its events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral

from flexcv._checks import check_choice, check_flag, check_integer, check_text
from flexcv._secrets import redact
from flexcv.dataset import Dataset
from flexcv.errors import MissingExtraError, StorageError, UnitError
from flexcv.model_mapping import ModelSpec
from flexcv.records import FoldResult, Key
from flexcv.resampling import Fold, Plan

from .events import (
    Event,
    Listener,
    RunFailed,
    RunFinished,
    RunStarted,
    UnitFinished,
    UnitStarted,
)
from .parallel import (
    Place,
    Shared,
    Unit,
    parallel_units,
    refuse_what_cannot_travel,
    worker_died,
)
from .shared_fits import SharedFits
from .unit import run_unit
from .unit_tuning import UnitSettings


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The run's seed, its workers and what to do about a failing model."""

    random_seed: int = 42
    n_jobs: int = 1
    on_error: str = "raise"
    backend: str = "loky"
    keep_estimators: bool | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        check_integer("random_seed", self.random_seed, 0)
        check_choice("on_error", self.on_error, ("raise", "record"))
        check_text("backend", self.backend)
        if self.keep_estimators is not None:
            check_flag("keep_estimators", self.keep_estimators)
        if self.progress is not None:
            check_flag("progress", self.progress)
        _check_jobs(self.n_jobs)

    @property
    def is_serial(self) -> bool:
        """Return whether units run one after the other in this process."""
        return self.n_jobs == 1 and self.backend == "loky"


def _as_it_is(result: FoldResult) -> FoldResult:
    return result


def run(
    plan: Plan,
    specs: Sequence[ModelSpec],
    dataset: Dataset,
    unit_settings: UnitSettings,
    run_settings: RunSettings,
    listeners: Sequence[Listener] = (),
    known: Mapping[Key, Unit] | None = None,
    score: Callable[[FoldResult], FoldResult] = _as_it_is,
) -> list[FoldResult]:
    """Evaluate every model on every fold.

    The results do not depend on `n_jobs` or `backend`: seeds belong to folds and
    models.

    Parameters
    ----------
    plan, specs, dataset
        The folds, the models and the table.
    unit_settings, run_settings
        How a unit works and how the run does.
    listeners
        Called with each event, in this process and in this order.
    known
        Units that an earlier run finished, by (model, repeat, fold).
    score
        Adds the scores to a result, once, before anybody is told of it.

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
    done: dict[Place, Unit] = {}
    try:
        for place in _places(plan, specs):
            fold, spec = plan.folds[place[0]], specs[place[1]]
            unit = (known or {}).get((spec.name, fold.repeat, fold.index))
            if unit is not None:
                done[place] = unit = tuple(map(score, unit))
                tell(_finished(fold, spec, unit, is_resumed=True))
        places = [place for place in _places(plan, specs) if place not in done]
        shared = Shared(plan, dataset)
        quick = SharedFits(plan, dataset, unit_settings)
        units = (
            _serial(places, specs, shared, unit_settings, tell, quick)
            if run_settings.is_serial or not places
            else _parallel(places, specs, shared, unit_settings, run_settings, quick)
        )
        for place, unscored in units:
            done[place] = unit = tuple(map(score, unscored))
            tell(_finished(plan.folds[place[0]], specs[place[1]], unit))
    except BaseException as error:
        tell(RunFailed(error, time.perf_counter() - start))
        raise
    tell(RunFinished(time.perf_counter() - start))
    return [result for place in _places(plan, specs) for result in done[place]]


def _places(plan: Plan, specs: Sequence[ModelSpec]) -> list[Place]:
    return [(f, m) for f in range(len(plan)) for m in range(len(specs))]


def _finished(
    fold: Fold, spec: ModelSpec, unit: Unit, *, is_resumed: bool = False
) -> UnitFinished:
    return UnitFinished(spec.name, fold.repeat, fold.index, unit, is_resumed)


def _serial(
    places: Sequence[Place],
    specs: Sequence[ModelSpec],
    shared: Shared,
    settings: UnitSettings,
    tell: Listener,
    quick: SharedFits,
) -> Iterator[tuple[Place, Unit]]:
    watching = replace(settings, watch=tell)
    for place in places:
        fold, spec = shared.plan.folds[place[0]], specs[place[1]]
        tell(UnitStarted(spec.name, fold.repeat, fold.index))
        try:
            unit = quick.unit(fold, spec)
            if unit is None:
                unit = run_unit(fold, spec, shared.dataset, watching)
        except StorageError:
            raise
        except Exception as error:
            raise unit_error(error) from error
        yield place, unit


def _parallel(
    places: Sequence[Place],
    specs: Sequence[ModelSpec],
    shared: Shared,
    settings: UnitSettings,
    run_settings: RunSettings,
    quick: SharedFits,
) -> Iterator[tuple[Place, Unit]]:
    refuse_what_cannot_travel(specs, settings, run_settings.backend)
    left = []
    for place in places:  # one pass serves many folds, here and in no worker
        unit = quick.unit(shared.plan.folds[place[0]], specs[place[1]])
        if unit is None:
            left.append(place)
        else:
            yield place, unit
    if not left:
        return
    try:
        yield from parallel_units(
            left, specs, shared, settings, run_settings.n_jobs, run_settings.backend
        )
    except (StorageError, MissingExtraError):
        raise
    except Exception as error:
        raise unit_error(error) from error


def unit_error(error: Exception) -> UnitError:
    """Return where a model failed; its notes hold the address."""
    if worker_died(error):
        return UnitError(
            f"a worker process died ({type(error).__name__}), most often because "
            "memory ran out; perform again, with a smaller `n_jobs` where memory is "
            "short: a run folder keeps the units that are finished."
        )
    where = "; ".join(getattr(error, "__notes__", ())) or "in a worker"
    what = redact(f"{where}: {type(error).__name__}: {error}")
    return UnitError(
        f"{what} -- pass on_error='record' to set_run to keep the other models' "
        "results."
    )


def _check_jobs(n_jobs: object) -> None:
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral):
        raise TypeError(f"`n_jobs` must be a whole number, got {n_jobs!r}.")
    if n_jobs == 0:
        raise ValueError(
            "`n_jobs` must be 1 or more, or -1 for all cores, got 0; use 1 for serial."
        )
