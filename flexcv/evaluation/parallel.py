"""Units in other processes: table and plan are shared once, not sent with each unit."""

from __future__ import annotations

import contextlib
import functools
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import cloudpickle
import joblib
import numpy as np

from flexcv.dataset import Dataset
from flexcv.errors import MissingExtraError
from flexcv.model_mapping import ModelSpec
from flexcv.records import FoldResult, Predictions
from flexcv.resampling import Fold, Plan

from .unit import run_unit
from .unit_tuning import UnitSettings

Unit: TypeAlias = tuple[FoldResult, ...]
Place: TypeAlias = tuple[int, int]  # number of the fold in the plan, of the model
SHARED_FILE = "shared.joblib"


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What every unit reads."""

    plan: Plan
    dataset: Dataset


@dataclass(frozen=True, slots=True, eq=False)
class _Packed:
    """What is shared, as bytes.

    A cluster's own way with arrays may change their order in memory, and with it the
    last digit of a sum; bytes arrive as they are.
    """

    content: bytes


def parallel_units(
    places: Sequence[Place],
    specs: Sequence[ModelSpec],
    shared: Shared,
    settings: UnitSettings,
    n_jobs: int,
    backend: str,
) -> Iterator[tuple[Place, Unit]]:
    """Run units in workers and give each as soon as it is done, in any order.

    Local workers map table and plan from one file; a Dask cluster gets them scattered
    once. joblib keeps workers times BLAS threads within the number of cores.

    Parameters
    ----------
    places
        Which units: numbers of a fold and a model.
    specs, shared, settings
        The models, what all units read, and how a unit works.
    n_jobs, backend
        As joblib takes them.
    """
    with (
        _handle(shared, backend) as (handle, options),
        joblib.parallel_config(backend=backend, n_jobs=n_jobs, **options),
    ):
        parallel = joblib.Parallel(return_as=_return_as())
        tasks = (
            joblib.delayed(_run_place)(place, specs[place[1]], handle, settings)
            for place in places
        )
        for place, unit in parallel(tasks):
            yield place, _with_rows(unit, shared.plan.folds[place[0]])


def _return_as() -> str:
    """Ask for units as they are done; Ray's backend gives them all in the end."""
    active, _ = joblib.parallel.get_active_backend()
    return "generator_unordered" if active.supports_return_generator else "list"


@contextlib.contextmanager
def _handle(shared: Shared, backend: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Return what a task carries instead of the table: a file's path, or itself."""
    if backend == "threading":
        yield shared, {}
    elif backend == "dask":
        _require_dask()
        packed = _Packed(pickle.dumps(shared, protocol=pickle.HIGHEST_PROTOCOL))
        yield packed, {"scatter": [packed]}
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            path = str(Path(folder) / SHARED_FILE)
            joblib.dump(shared, path)
            yield path, {}


def _require_dask() -> None:
    try:
        import distributed  # type: ignore[import-not-found,unused-ignore]  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingExtraError(
            "backend='dask' needs the package distributed; "
            "install it with pip install 'flexcv[dask]'."
        ) from error


def _run_place(
    place: Place, spec: ModelSpec, handle: Any, settings: UnitSettings
) -> tuple[Place, Unit]:
    shared = _opened(handle)
    # Inside a worker an estimator's own parallel parts run one after the other: the
    # cores are taken, and forests sum their trees in whatever order threads finish.
    with joblib.parallel_config(backend="sequential"):
        unit = run_unit(shared.plan.folds[place[0]], spec, shared.dataset, settings)
    return place, tuple(_without_rows(result) for result in unit)


def _opened(handle: Any) -> Shared:
    return handle if isinstance(handle, Shared) else _opened_once(handle)


@functools.lru_cache(maxsize=1)
def _opened_once(handle: str | _Packed) -> Shared:
    """Open what is shared, once a worker; a file's arrays stay in the page cache."""
    if isinstance(handle, str):
        shared: Shared = joblib.load(handle, mmap_mode="r")
    else:
        shared = pickle.loads(handle.content)
    return shared


def _without_rows(result: FoldResult) -> FoldResult:
    """Leave the row positions out of what travels back; the plan has them."""
    return replace(result, train=_bare(result.train), test=_bare(result.test))


def _bare(predictions: Predictions | None) -> Predictions | None:
    if predictions is None:
        return None
    scores = predictions.probabilities, predictions.decision
    return Predictions(
        np.empty(0, dtype=np.intp),
        np.array(predictions.predicted),
        *(None if values is None else np.array(values) for values in scores),
    )


def _with_rows(unit: Unit, fold: Fold) -> Unit:
    return tuple(
        replace(
            result,
            train=_at(result.train, fold.train),
            test=_at(result.test, fold.test),
        )
        for result in unit
    )


def _at(predictions: Predictions | None, rows: Any) -> Predictions | None:
    return None if predictions is None else replace(predictions, rows=rows)


def worker_died(error: Exception) -> bool:
    """Whether a backend lost a worker; a model's error notes its address."""
    is_of_dask = type(error).__module__.partition(".")[0] == "distributed"
    is_loss = is_of_dask or isinstance(error, BrokenExecutor | CancelledError)
    return is_loss and not getattr(error, "__notes__", ())


def refuse_what_cannot_travel(
    specs: Sequence[ModelSpec], settings: UnitSettings, backend: str
) -> None:
    """Refuse what cannot be sent to worker processes, naming what keeps it here."""
    if backend == "threading":
        return
    for spec in specs:
        _refuse_unpicklable(spec)
    if not _travels(settings):
        raise TypeError(
            "the tuning settings cannot be sent to worker processes because objective, "
            "sampler or pruner cannot be pickled; use n_jobs=1 or replace it."
        )


def _refuse_unpicklable(spec: ModelSpec) -> None:
    if _travels(spec):
        return
    parts: dict[str, Any] = {
        f"parameter `{name}`": value
        for name, value in spec.estimator.get_params(deep=True).items()
    }
    parts["search space"] = spec.search_space
    parts |= {f"post-processor {p!r}": p for p in spec.post_processors}
    parts |= {f"fit argument `{n}`": value for n, value in spec.fit_params.items()}
    guilty = [name for name, value in parts.items() if not _travels(value)]
    named = f"its {guilty[-1]}" if guilty else "something in it"
    raise TypeError(
        f"model {spec.name!r} cannot be sent to worker processes because {named} "
        "cannot be pickled; use n_jobs=1 or backend='threading', or replace it."
    )


def _travels(value: Any) -> bool:
    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001  (whatever a user's __reduce__ may raise)
        return False
    return True
