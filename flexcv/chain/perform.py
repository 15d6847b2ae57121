"""Running a job: heed its checks, run its units, keep what is finished."""

from __future__ import annotations

import contextlib
import importlib
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from flexcv._checks import check_choice
from flexcv._secrets import redact
from flexcv.errors import (
    CheckError,
    CheckWarning,
    FailedModelWarning,
    GroupsWarning,
    RunInterrupted,
    StorageError,
)
from flexcv.evaluation import (
    Event,
    Listener,
    UnitFinished,
    UnitSettings,
    run,
    run_unit,
)
from flexcv.evaluation.diagnostics import fold_diagnostics
from flexcv.evaluation.fingerprints import (
    metric_identity,
    model_identity,
    processors_identity,
    run_fingerprints,
    run_identity,
)
from flexcv.evaluation.identity import Identity
from flexcv.evaluation.progress import ProgressBar, count_fits
from flexcv.evaluation.tuning import Tuned
from flexcv.evaluation.unit_tuning import tune_unit
from flexcv.final import FinalModel
from flexcv.metrics.choice import objective_name
from flexcv.preflight import CheckFinding
from flexcv.records import FoldResult, Key
from flexcv.results import CrossValidationResults, PlansCompared
from flexcv.results.facts import data_facts
from flexcv.results.scoring import scored
from flexcv.storage.folder import (
    RUN_FILE,
    holder_of,
    locked,
    open_folder,
    write_status,
)
from flexcv.storage.saving import begin_results, write_results
from flexcv.storage.units import Marks, Unit

from .compile import Job, refuse_misfits
from .final import final_model, spec_called
from .resume import UnitStore, open_store

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

    def in_order(self, job: Job) -> list[FoldResult]:
        """Return the results fold by fold and model by model."""
        return [result for key in keys_of(job) for result in self.units.get(key, ())]


def perform_jobs(
    jobs: Mapping[str, Job], resume: bool | None, stacklevel: int
) -> Iterator[CrossValidationResults | PlansCompared[CrossValidationResults]]:
    """Run every job; yields what is known, also when one stops early."""
    done: dict[str, CrossValidationResults] = {}
    for name, job in jobs.items():
        plan = name if len(jobs) > 1 else ""
        for results in _perform_job(job, resume, stacklevel + 1, plan):
            done[name] = results
            yield results if len(jobs) == 1 else PlansCompared(done)


def tune_job(job: Job, model: str, fold: int, repeat: int, storage: Any) -> Tuned:
    """Tune one model of a job on one fold, together with other processes."""
    refuse_misfits(job)
    names = [spec.name for spec in job.specs]
    spec = job.specs[names.index(check_choice("model", model, names))]
    if not spec.is_tuned:
        raise ValueError(
            f"{model!r} has nothing to tune; pass `params` to add_model first."
        )
    folds = {(place.repeat, place.index): place for place in job.plan}
    if (repeat, fold) not in folds:
        raise ValueError(
            f"there is no fold {fold} of repeat {repeat}; the plan has "
            f"{len(folds)} folds, counted from 0: {job.plan!r}."
        )
    performance = _Performance(job)
    prints = performance.fingerprints()
    folder = None if job.folder is None else _joined(job.folder, performance)
    settings = performance.unit_settings(folder, prints)
    return tune_unit(folds[repeat, fold], spec, job.dataset, settings, storage=storage)


def keys_of(job: Job) -> list[Key]:
    """Return the addresses of a job's units, in the order of the run."""
    return [(s.name, fold.repeat, fold.index) for fold in job.plan for s in job.specs]


def warn_about_failures(results: Any, stacklevel: int) -> None:
    """Return which models have no averages because they failed on some fold."""
    several = isinstance(results, PlansCompared)
    folds = (
        [f for part in results.folds.values() for f in part]
        if several
        else (results.folds)
    )
    failed = dict.fromkeys(fold.model for fold in folds if fold.error)
    if failed:
        warnings.warn(
            f"{', '.join(failed)} failed on some folds, so their averages are empty; "
            "`results.warnings` says why.",
            FailedModelWarning,
            stacklevel=stacklevel + 1,
        )


def _perform_job(
    job: Job, resume: bool | None, stacklevel: int, plan: str = ""
) -> Iterator[CrossValidationResults]:
    """Check a job and run it; yields what is known, also when it stops early.

    Results that are yielded before an error is raised are marked partial.
    """
    if resume and job.folder is None:
        raise ValueError(
            "resume=True needs a run folder to go on in; name it in set_run."
        )
    _heed(job.findings, stacklevel + 1)
    refuse_misfits(job)
    performance = _Performance(job, plan)
    if job.folder is None:
        yield from performance.in_memory()
        return
    prints = performance.fingerprints()  # takes a while on a large table
    folder = open_folder(job.folder)
    with locked(folder):
        yield from performance.in_folder(folder, prints, resume)


def _heed(findings: Iterable[CheckFinding], stacklevel: int) -> None:
    """Stop or warn, as the findings say; notes are left to `check`."""
    for finding in findings:
        advice = f"{finding.message} (silence={finding.name!r} in set_run)"
        if finding.level == "stop":
            raise CheckError(advice)
        if finding.level == "warn":
            about_groups = finding.name.startswith("groups")
            category = GroupsWarning if about_groups else CheckWarning
            warnings.warn(advice, category, stacklevel=stacklevel + 1)


def _joined(path: Path, performance: _Performance) -> Path:
    """Open a run folder that other processes may be opening at this moment."""
    for left in reversed(range(JOIN_TRIES)):
        try:
            folder = open_folder(path)
            with locked(folder):
                performance.store(folder, performance.fingerprints(), None)
                if not (folder / RUN_FILE).is_file():
                    write_status(folder, "running", performance.information)
        except StorageError:
            if not left:
                raise
            time.sleep(JOIN_PAUSE)
        else:
            break
    return folder


def _clause(error: BaseException) -> str:
    """Return what an error says, to stand within a sentence."""
    return redact(str(error)).rstrip(".")


class _Performance:
    """One job while it is run: what is finished, and what it says about itself."""

    def __init__(self, job: Job, plan: str = "") -> None:
        self.job = job
        self._plan = plan  # its name among several
        self.finished = _Collector()
        self.information = dict(job.information)
        self._prints: dict[str, str] = {}

    def fingerprints(self) -> dict[str, str]:
        """Compute what all units share, and the versions of what they run on, once."""
        if not self._prints:
            job = self.job
            seed, scaling = job.design.run.random_seed, job.design.scaling
            prints = run_fingerprints(job.dataset, job.plan, scaling, seed)
            versions = self.information["versions"]
            prints |= {f"version of {name}": versions[name] for name in versions}
            self._prints = self.information["fingerprints"] = prints
        return self._prints

    def in_memory(self) -> Iterator[CrossValidationResults]:
        """Run the job; nothing is written."""
        told = self._recorders(None)
        for results, _ in self._run(told, {}, self.unit_settings(None)):
            yield results

    def in_folder(
        self, folder: Path, prints: Mapping[str, str], resume: bool | None
    ) -> Iterator[CrossValidationResults]:
        """Run the job in a folder that this process holds."""
        job = self.job
        store = self.store(folder, prints, resume)
        known = store.known(job)
        write_status(folder, "running", self.information)
        nothing = self.results(is_partial=False)
        begin_results(folder, nothing, prints, keys_of(job), store.stored)
        settings = self.unit_settings(folder, prints)
        settings = replace(settings, holder=holder_of(folder))
        told: list[Listener] = [store]
        told += self._recorders(folder, starts_over=resume is False)
        for results, status in self._run(told, known, settings):
            # The disk may be what failed; the finished units are safe either way.
            with contextlib.suppress(*([StorageError] if status == "failed" else [])):
                self._write(folder, store, results, status)
            yield results

    def _write(
        self,
        folder: Path,
        store: UnitStore,
        results: CrossValidationResults,
        status: str,
    ) -> None:
        keys, plan = keys_of(self.job), self.job.plan.to_frame()
        units = [store.stored[key] for key in keys if key in store.stored]
        write_results(folder, results, self.fingerprints(), units, plan)
        write_status(folder, status, self.information)

    def store(
        self, folder: Path, prints: Mapping[str, str], resume: bool | None
    ) -> UnitStore:
        """Open the store of finished units in a folder that this process holds."""
        job = self.job
        metrics = {m.name: metric_identity(m) for m in job.metrics}
        known = {name: "" if i.unknown else i.text for name, i in metrics.items()}
        marks, unknown = {}, {}
        for spec in job.specs:
            model, looks = self.models[spec.name], processors_identity(spec)
            marks[spec.name] = Marks(prints, model.text, looks.text, known)
            if strange := (*model.unknown, *looks.unknown):
                unknown[spec.name] = ", ".join(strange)
        keeps = bool(job.design.run.keep_estimators)
        settings = {"unknown": unknown, "keeps_estimators": keeps}
        return open_store(folder, marks, prints, resume, **settings)

    @cached_property
    def models(self) -> dict[str, Identity]:
        """What each model is, found out before the run changes anything."""
        job = self.job
        return {s.name: model_identity(s, job.design.tuning) for s in job.specs}

    def _trial_marks(self, prints: Mapping[str, str]) -> dict[str, str]:
        """Return how each model's trials are made; nothing where that is unknown."""
        run_mark = run_identity(prints)
        return {
            name: "" if model.unknown else f"{run_mark}-{model.text}"
            for name, model in self.models.items()
        }

    def _run(
        self,
        listeners: Sequence[Listener],
        known: Mapping[Key, Unit],
        settings: UnitSettings,
    ) -> Iterator[tuple[CrossValidationResults, str]]:
        """Run all units; yields results and how it ended, then raises its error."""
        job = self.job
        tuning = job.design.tuning
        progress = ProgressBar(
            job.design.run.progress,
            n_fits=count_fits(job.plan, job.specs, tuning.n_trials),
            objective=objective_name(tuning.objective),
        )
        told: list[Listener] = [*listeners, self.finished, progress]
        work = (job.plan, job.specs, job.dataset, settings, job.design.run)
        try:
            run(*work, told, known, self._scored)
        except BaseException as error:
            stopped = self._stopped(error)
            yield self.results(is_partial=True, stopped=stopped), "failed"
            if isinstance(error, KeyboardInterrupt):
                raise RunInterrupted(stopped) from None
            raise
        yield self.results(is_partial=False), "finished"

    def _recorders(
        self, folder: Path | None, *, starts_over: bool = False
    ) -> list[Listener]:
        """Make the listener that tells trackers; loaded only when there is one."""
        design = self.job.design
        if folder is None and not design.targets:
            return []
        targets = importlib.import_module("flexcv.tracking.targets")
        recorder = targets.make_recorder(
            folder,
            design.targets,
            starts_over=starts_over,
            log_data=design.log_data,
            metrics=self.job.metrics,
            information=self.information,
            records=(
                self.job.splits,
                design.scaling,
                design.tuning,
                design.run,
                design.merf,
            ),
        )
        return [] if recorder is None else [recorder]

    def unit_settings(
        self, folder: Path | None, prints: Mapping[str, str] | None = None
    ) -> UnitSettings:
        """Return how each unit works."""
        design = self.job.design
        keep = design.run.keep_estimators
        if keep is None:
            size = self.job.dataset.features.memory_usage().sum()
            keep = bool(size < LARGE_TABLE)
        return UnitSettings(
            design.scaling,
            design.tuning,
            design.run.on_error,
            keep,
            folder,
            {} if prints is None else self._trial_marks(prints),
            shares_fits=not design.run.keep_estimators,
        )

    def _stopped(self, error: BaseException) -> str:
        """Say how far the run came, why it stopped, and how it goes on."""
        total, folder = len(keys_of(self.job)), self.job.folder
        done = len(self.finished.units)
        why = "" if isinstance(error, KeyboardInterrupt) else f" ({_clause(error)})"
        where = f" of {self._plan!r}" if self._plan else ""
        counted = f"{done} of {total} units{where} were finished{why}"
        if folder is not None:
            return (
                f"{counted} and kept in {str(folder)!r}; perform() goes on from there."
            )
        kept = "; they are in `results`" if done else ""
        return (
            f"{counted}{kept}; perform() starts over, and with a run folder, named in "
            "set_run, it would go on."
        )

    def results(self, *, is_partial: bool, stopped: str = "") -> CrossValidationResults:
        """Return what is known."""
        job = self.job
        diagnostics = None
        if job.design.diagnostics:
            diagnostics = fold_diagnostics(job.plan, job.dataset)
        return CrossValidationResults(
            self.finished.in_order(job),
            job.dataset,
            job.metrics,
            self.information,
            is_partial=is_partial,
            diagnostics=diagnostics,
            facts=self._facts,
            refit=self._refit,
            finish=self._finish,
            stopped=stopped,
        )

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return data_facts(self.job.dataset)

    def _scored(self, result: FoldResult) -> FoldResult:
        """Add the scores of the run's metrics to what one model did on one fold."""
        dataset = self.job.dataset
        weights = dataset.weights_for("scores", np.arange(len(dataset)))
        return scored(result, self.job.metrics, dataset.target, dataset.task, weights)

    def _refit(self, result: FoldResult) -> Any:
        """Fit again a model that was not kept, with what tuning chose: the same one."""
        job = self.job
        spec = spec_called(job.specs, result.model)
        fold = next(f for f in job.plan if (f.repeat, f.index) == result.key[1:])
        chosen = clone(spec.estimator).set_params(**result.params)
        bare = replace(
            spec,
            estimator=chosen,
            search_space={},
            post_processors=(),
            threshold=result.threshold,
        )
        settings = UnitSettings(job.design.scaling)
        unit = run_unit(fold, bare, job.dataset, settings)
        return unit[-1].estimator

    def _finish(self, results: CrossValidationResults, model: str) -> FinalModel:
        """Fit the model that is kept."""
        return final_model(self.job, results, model)
