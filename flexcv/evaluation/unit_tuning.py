"""Tune one model on one fold: its data cut once, its trials kept where they belong."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Fold, Split
from flexcv.resampling.plan import seed_number
from flexcv.storage.units import trials_file, unit_name

from .early_stopping import held_out
from .events import Listener, TrialFinished
from .fit_arguments import fit_arguments
from .inner_classes import objective_for, usable_splits
from .journal import TrialStore
from .preparing import columns_beside, feature_table
from .roles import (
    assign_roles,
    seed_randomness,
)
from .scaling import ScalingSettings
from .tuning import InnerFold, TellTrial, Tuned, TuningSettings, tune


@dataclass(frozen=True, slots=True)
class UnitSettings:
    """What every unit of a run has in common."""

    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    on_error: str = "raise"
    keep_estimators: bool = True
    folder: Path | None = None  # of the run; finished trials are kept there
    # Fingerprint of how each model's trials are made; kept with them. A model without
    # one cannot be compared with what ran before, so its trials are not kept.
    identities: Mapping[str, str] = field(default_factory=dict)
    holder: str = (
        ""  # who holds that folder; trials are kept as long as nobody else does
    )
    shares_fits: bool = False  # whether many folds may come from one pass, unkept
    watch: Listener | None = None  # told of trials and iterations; this process only


def tune_unit(
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
    storage: Any = None,
) -> Tuned:
    """Tune one model on one fold, and no more; other processes may do so too.

    Parameters
    ----------
    fold, spec, dataset, settings
        As `run_unit` takes them.
    storage
        What the processes share: a journal file, a database's URL or an Optuna
        storage; None is the journal in the run folder, or memory without one.
    """
    store = _store(spec, fold, settings, storage)
    if store is not None:
        store = replace(store, is_shared=True)
    base = prepared(spec, dataset, fold)
    return _tuned_with(store, base, fold, spec, dataset, settings)


def prepared(spec: ModelSpec, dataset: Dataset, fold: Fold) -> Any:
    """Clone the estimator, with its roles and open seeds filled in."""
    estimator = assign_roles(clone(spec.estimator), dataset)
    return seed_randomness(estimator, model_seed(fold, spec.name))


def model_seed(fold: Fold, name: str) -> int:
    """Mix the fold's seed with the model's name, so models do not share numbers."""
    return seed_number(np.random.SeedSequence([fold.seed, zlib.crc32(name.encode())]))


def tuned_on(
    estimator: Any,
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
) -> tuple[Tuned | None, float]:
    """Tune a model that has something to tune; gives the seconds it took, too."""
    if not spec.is_tuned:
        return None, 0.0
    start = time.perf_counter()
    store = _store(spec, fold, settings)
    tuned = _tuned_with(store, estimator, fold, spec, dataset, settings)
    return tuned, time.perf_counter() - start


def _tuned_with(
    store: TrialStore | None,
    estimator: Any,
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
) -> Tuned:
    tuning = settings.tuning
    if spec.n_trials is not None:
        tuning = replace(tuning, n_trials=spec.n_trials)
    task = dataset.task
    tuning = replace(tuning, objective=objective_for(estimator, tuning.objective, task))
    splits = usable_splits(fold, dataset, tuning.objective)
    folds = inner_folds(estimator, splits, fold, spec, dataset, settings)
    return tune(
        estimator,
        spec.search_space,
        folds,
        tuning,
        model_seed(fold, f"sampler of {spec.name}"),
        store=store,
        tell=_trial_teller(spec, fold, tuning.n_trials, settings.watch),
    )


def _store(
    spec: ModelSpec, fold: Fold, settings: UnitSettings, storage: Any = None
) -> TrialStore | None:
    """Return where the trials of a unit are kept, and by which settings."""
    address = (spec.name, fold.repeat, fold.index)
    if storage is None and settings.folder is not None:
        storage = trials_file(settings.folder, *address)
    if storage is None:
        return None
    how = settings.identities.get(spec.name, "")
    if settings.folder is not None and not how:
        return None
    return TrialStore(storage, unit_name(*address), how, holder=settings.holder)


def _trial_teller(
    spec: ModelSpec, fold: Fold, n_trials: int, watch: Listener | None
) -> TellTrial | None:
    if watch is None:
        return None

    def tell(number: int, value: float, best: float) -> None:
        address = (spec.name, fold.repeat, fold.index)
        watch(TrialFinished(*address, number, n_trials, value, best))

    return tell


def inner_folds(
    estimator: Any,
    splits: Sequence[Split],
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
) -> list[InnerFold]:
    """Cut and scale the data of inner splits, once for all fits to them.

    Parameters
    ----------
    estimator
        What will be fitted.
    splits
        Some of the fold's inner splits.
    fold, spec, dataset, settings
        As `run_unit` takes them.
    """
    groups = columns_beside(estimator, dataset, settings.scaling)
    whole, target = dataset.table(groups), dataset.target.to_numpy()
    folds = []
    for split in splits:
        table = feature_table(estimator, dataset, settings.scaling, is_inside=True)
        one = InnerFold(
            table.fit_cut(whole, split.train, target[split.train]),
            target[split.train],
            table.cut(whole, split.test),
            target[split.test],
            fit_arguments(estimator, spec, dataset, split.train),
            dataset.task.classes,
            dataset.weights_for("objective", split.test),
            dataset.weights_for("objective", split.train),
            stopping_rows(split.train, fold, spec, dataset),
        )
        folds.append(one)
    return folds


def stopping_rows(
    rows: IntArray, fold: Fold, spec: ModelSpec, dataset: Dataset
) -> IntArray | None:
    """Choose which of some training rows say when to stop; None without stopping.

    All models of a fold hold out the same groups.
    """
    if spec.early_stopping is None:
        return None
    seed = model_seed(fold, "early stopping")
    return held_out(rows, dataset, spec.early_stopping, seed)
