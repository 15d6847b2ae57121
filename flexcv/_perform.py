"""What performing a chain means: check, run, keep what is finished."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sklearn.base import clone

from flexcv._chain import Chain
from flexcv._checks import check_choice
from flexcv._compile import heed, run_information
from flexcv._resume import Key, Unit, UnitStore, open_store
from flexcv.errors import StorageError
from flexcv.evaluation import (
    Event,
    Listener,
    UnitFinished,
    UnitSettings,
    run,
    run_unit,
)
from flexcv.evaluation.diagnostics import fold_diagnostics
from flexcv.evaluation.fingerprints import run_fingerprints, run_identity
from flexcv.evaluation.progress import ProgressBar
from flexcv.evaluation.tuning import Tuned
from flexcv.evaluation.unit_tuning import tune_unit
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan
from flexcv.results import CrossValidationResults, FoldResult
from flexcv.results.lock import locked
from flexcv.results.scoring import scored
from flexcv.results.storage import RUN_FILE, open_folder, write_results, write_status

JOIN_TRIES, JOIN_PAUSE = 20, 0.05  # seconds between tries to open a shared folder
LARGE_TABLE = 100_000_000  # bytes; above, fitted models are kept only when asked


@dataclass(slots=True)
class _Collector:
    """Keep what is finished, also when the run stops early."""

    units: dict[Key, Unit] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, UnitFinished):
            self.units[event.model, event.repeat, event.fold] = event.results

    def in_order(self, plan: Plan, specs: Sequence[ModelSpec]) -> list[FoldResult]:
        """Give the results fold by fold and model by model."""
        keys = [(s.name, fold.repeat, fold.index) for fold in plan for s in specs]
        return [result for key in keys for result in self.units.get(key, ())]


def perform_chain(
    chain: Chain, resume: bool | None, stacklevel: int
) -> Iterator[CrossValidationResults]:
    """Check the chain and run it; give what is known, also when it stops early.

    Results that are given before an error is raised are marked partial.
    """
    if resume and chain.folder is None:
        raise ValueError(
            "resume=True needs a run folder to go on in; name it in set_run."
        )
    specs, plan = chain.compiled_specs(), chain.make_plan()
    heed(chain.findings(plan, specs), stacklevel + 1)
    chain = chain.settled()
    run_plan = _Run(chain, specs, plan)
    if chain.folder is None:
        yield from _perform(run_plan, None, None)
        return
    prints = run_plan.fingerprints()  # takes a while on a large table
    folder = open_folder(chain.folder)
    with locked(folder):
        store = open_store(folder, run_plan.specs, chain.tuning, prints, resume)
        run_plan.information["fingerprints"] = prints
        write_status(folder, "running", run_plan.information)
        yield from _perform(run_plan, folder, store, starts_over=resume is False)


def tune_chain(chain: Chain, model: str, fold: int, repeat: int, storage: Any) -> Tuned:
    """Tune one model of the chain on one fold, together with other processes."""
    chain = chain.settled()
    planned = _Run(chain, chain.compiled_specs(), chain.make_plan())
    names = [spec.name for spec in planned.specs]
    spec = planned.specs[names.index(check_choice("model", model, names))]
    if not spec.is_tuned:
        raise ValueError(
            f"{model!r} has nothing to tune; pass `params` to add_model first."
        )
    folds = {(place.repeat, place.index): place for place in planned.plan}
    if (repeat, fold) not in folds:
        raise ValueError(
            f"there is no fold {fold} of repeat {repeat}; the plan has "
            f"{len(folds)} folds, counted from 0: {planned.plan!r}."
        )
    prints = planned.fingerprints()
    planned.information["fingerprints"] = prints
    folder = None if chain.folder is None else _joined(chain.folder, planned)
    settings = planned.unit_settings(folder, prints)
    return tune_unit(
        folds[repeat, fold], spec, planned.dataset, settings, storage=storage
    )


def _joined(path: Path, planned: _Run) -> Path:
    """Open a run folder that other processes may be opening at this moment."""
    for left in reversed(range(JOIN_TRIES)):
        try:
            folder = open_folder(path)
            with locked(folder):
                prints = planned.information["fingerprints"]
                open_store(folder, planned.specs, planned.chain.tuning, prints, None)
                if not (folder / RUN_FILE).is_file():
                    write_status(folder, "running", planned.information)
        except StorageError:
            if not left:
                raise
            time.sleep(JOIN_PAUSE)
        else:
            break
    return folder


class _Run:
    """A compiled chain: its models, its plan and what it says about itself."""

    def __init__(self, chain: Chain, specs: tuple[ModelSpec, ...], plan: Plan) -> None:
        self.chain, self.specs, self.plan = chain, specs, plan
        self.dataset = chain.known_dataset()
        self.finished = _Collector()
        self.information: dict[str, Any] = dict(chain.described())
        self.information |= run_information(plan, specs, chain.run.random_seed)
        greater = bool(chain.tuning.objective.greater_is_better)
        self.information["objective_greater_is_better"] = greater

    def fingerprints(self) -> dict[str, Any]:
        """Fingerprint what all units share, and the versions of what they run on."""
        chain = self.chain
        prints = run_fingerprints(
            self.dataset, self.plan, chain.scaling, chain.run.random_seed
        )
        versions = self.information["versions"]
        return prints | {f"version of {name}": versions[name] for name in versions}

    def unit_settings(self, folder: Path | None, prints: Any = None) -> UnitSettings:
        """Say how each unit works."""
        chain = self.chain
        keep = chain.run.keep_estimators
        if keep is None:
            keep = self.dataset.features.memory_usage().sum() < LARGE_TABLE
        return UnitSettings(
            chain.scaling,
            chain.tuning,
            chain.run.on_error,
            bool(keep),
            folder,
            "" if prints is None else run_identity(prints),
        )

    def results(self, status: str) -> CrossValidationResults:
        """Give what is known."""
        diagnostics = None
        if self.chain.diagnostics:
            diagnostics = fold_diagnostics(self.plan, self.dataset)
        return CrossValidationResults(
            self.finished.in_order(self.plan, self.specs),
            self.dataset,
            self.chain.metrics or (),
            self.information,
            is_partial=status != "finished",
            diagnostics=diagnostics,
            refit=self.refit,
        )

    def scored(self, result: FoldResult) -> FoldResult:
        """Add the scores of the run's metrics to what one model did on one fold."""
        dataset = self.dataset
        return scored(result, self.chain.metrics or (), dataset.target, dataset.task)

    def refit(self, result: FoldResult) -> Any:
        """Fit again a model that was not kept, with what tuning chose: the same one."""
        for spec in self.specs:
            names = (spec.name, *(variant.name for variant in spec.variants))
            if result.model in names:
                break
        fold = next(f for f in self.plan if (f.repeat, f.index) == result.key[1:])
        chosen = clone(spec.estimator).set_params(**result.params)
        bare = replace(spec, estimator=chosen, search_space={}, post_processors=())
        settings = UnitSettings(self.chain.scaling)
        unit = run_unit(fold, bare, self.dataset, settings)
        return unit[names.index(result.model)].estimator


def _perform(
    planned: _Run,
    folder: Path | None,
    store: UnitStore | None,
    *,
    starts_over: bool = False,
) -> Iterator[CrossValidationResults]:
    chain = planned.chain
    listeners: list[Listener] = [] if store is None else [store]
    listeners += [planned.finished, ProgressBar(chain.run.progress)]
    listeners += _recorders(chain, folder, planned.information, starts_over)
    known = {} if store is None else store.known(planned.plan)
    settings = planned.unit_settings(folder, planned.information.get("fingerprints"))
    work = (planned.plan, planned.specs, planned.dataset, settings, chain.run)
    try:
        run(*work, listeners, known, planned.scored)
    except BaseException:
        results = planned.results("failed")
        if folder is not None:
            # The disk may be what failed; the finished units are safe either way.
            with contextlib.suppress(StorageError):
                _write(folder, planned, results, "failed")
        yield results
        raise
    results = planned.results("finished")
    if folder is not None:
        _write(folder, planned, results, "finished")
    yield results


def _write(
    folder: Path, planned: _Run, results: CrossValidationResults, status: str
) -> None:
    write_results(folder, results, planned.plan.to_frame())
    write_status(folder, status, planned.information)


def _recorders(
    chain: Chain, folder: Path | None, information: dict[str, Any], starts_over: bool
) -> list[Listener]:
    """Make the listener that tells trackers; loaded only when there is one to tell."""
    if folder is None and not chain.targets:
        return []
    targets = importlib.import_module("flexcv.tracking.targets")
    records = (chain.splits, chain.scaling, chain.tuning, chain.run, chain.merf)
    about: dict[str, Any] = {"metrics": chain.metrics, "records": records}
    about |= {
        "information": information,
        "log_data": chain.log_data,
        "starts_over": starts_over,
    }
    return [targets.make_recorder(folder, chain.targets, **about)]
