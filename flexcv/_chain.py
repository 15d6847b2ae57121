"""All records of a chain in one, and what performing it means."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flexcv._checks import check_choice
from flexcv._compile import (
    MerfSettings,
    heed,
    run_information,
    with_lmer,
    with_merf,
)
from flexcv._resume import Key, Unit, UnitStore, open_store
from flexcv.dataset import Dataset
from flexcv.errors import StorageError
from flexcv.evaluation import (
    CheckFinding,
    Event,
    Listener,
    RunSettings,
    ScalingSettings,
    TuningSettings,
    UnitFinished,
    UnitSettings,
    run,
    run_checks,
)
from flexcv.evaluation.checks import Setup
from flexcv.evaluation.diagnostics import fold_diagnostics
from flexcv.evaluation.fingerprints import run_fingerprints, run_identity
from flexcv.evaluation.progress import ProgressBar
from flexcv.evaluation.tuning import Tuned
from flexcv.evaluation.unit_tuning import tune_unit
from flexcv.metrics import DEFAULT_METRICS, Metric
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan, SplitSettings, make_plan
from flexcv.resampling.registry import title_of
from flexcv.results import CrossValidationResults, FoldResult
from flexcv.results.lock import locked
from flexcv.results.storage import RUN_FILE, open_folder, write_results, write_status

JOIN_TRIES, JOIN_PAUSE = 20, 0.05  # seconds between tries to open a shared folder
LARGE_TABLE = 100_000_000  # bytes; above, fitted models are kept only when asked


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """What the builder's methods stored; complete once it has data and a model."""

    dataset: Dataset | None = None
    splits: SplitSettings = field(default_factory=SplitSettings)
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    metrics: tuple[Metric, ...] = DEFAULT_METRICS
    specs: tuple[ModelSpec, ...] = ()
    tuning: TuningSettings = field(default_factory=TuningSettings)
    known_groups: bool | None = None
    merf: MerfSettings = field(default_factory=MerfSettings)
    run: RunSettings = field(default_factory=RunSettings)
    folder: Path | None = None
    targets: tuple[Any, ...] = ()
    diagnostics: bool = False
    silence: frozenset[str] = frozenset()

    def with_models(self, specs: Sequence[ModelSpec]) -> Chain:
        """Add models; a name may stand only once."""
        names = [spec.name for spec in (*self.specs, *specs)]
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise ValueError(
                f"a model called {repeated[0]!r} was added already; "
                "pass another `model_name`."
            )
        return replace(self, specs=(*self.specs, *specs))

    def known_dataset(self) -> Dataset:
        """Give the dataset, or say that it is missing."""
        if self.dataset is None:
            raise ValueError("there are no data yet; call set_data(X, y, ...) first.")
        return self.dataset

    def compiled_specs(self) -> tuple[ModelSpec, ...]:
        """Give the models with the overrides of `set_lmer` and `set_merf` applied."""
        if not self.specs:
            raise ValueError("there is no model yet; call add_model(...) first.")
        has_groups = self.known_dataset().groups is not None
        return tuple(
            with_merf(with_lmer(spec, self.known_groups), self.merf, has_groups)
            for spec in self.specs
        )

    def make_plan(self) -> Plan:
        """Make the splits; inner ones when something is tuned or no model is known."""
        with_inner = not self.specs or any(spec.is_tuned for spec in self.specs)
        seed = self.run.random_seed
        return make_plan(self.known_dataset(), self.splits, seed, with_inner=with_inner)

    def findings(self, plan: Plan, specs: tuple[ModelSpec, ...]) -> list[CheckFinding]:
        """Run the pre-flight checks."""
        setup = Setup(self.known_dataset(), plan, specs, self.scaling)
        return run_checks(setup, self.silence)

    def described(self) -> list[tuple[str, str]]:
        """Say in a few lines what is set, never printing the data."""
        models = ", ".join(spec.name for spec in self.specs) or "none yet"
        repeats = self.splits.n_repeats
        times = f", {repeats} repeats" if repeats > 1 else ""
        return [
            ("data", "none yet" if self.dataset is None else repr(self.dataset)),
            ("splits", title_of(self.splits.outer) + times),
            ("models added", models),
            ("metrics", ", ".join(metric.name for metric in self.metrics)),
            ("folder", str(self.folder or "none")),
        ]


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
    run_plan = _Run(chain, chain.compiled_specs(), chain.make_plan())
    findings = chain.findings(run_plan.plan, run_plan.specs)
    heed(findings, stacklevel + 1)
    if chain.folder is None:
        yield from _perform(run_plan, None, None)
        return
    prints = run_plan.fingerprints()  # takes a while on a large table
    folder = open_folder(chain.folder)
    with locked(folder):
        store = open_store(folder, run_plan.specs, chain.tuning, prints, resume)
        run_plan.information["fingerprints"] = prints
        write_status(folder, "running", run_plan.information)
        yield from _perform(run_plan, folder, store)


def tune_chain(chain: Chain, model: str, fold: int, repeat: int, storage: Any) -> Tuned:
    """Tune one model of the chain on one fold, together with other processes."""
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
            self.chain.metrics,
            self.information,
            is_partial=status != "finished",
            diagnostics=diagnostics,
        )


def _perform(
    planned: _Run, folder: Path | None, store: UnitStore | None
) -> Iterator[CrossValidationResults]:
    chain = planned.chain
    listeners: list[Listener] = [] if store is None else [store]
    listeners += [planned.finished, ProgressBar(chain.run.progress)]
    listeners += _recorders(chain, folder, planned.information)
    known = {} if store is None else store.known(planned.plan)
    settings = planned.unit_settings(folder, planned.information.get("fingerprints"))
    work = (planned.plan, planned.specs, planned.dataset, settings, chain.run)
    try:
        run(*work, listeners, known)
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
    chain: Chain, folder: Path | None, information: dict[str, Any]
) -> list[Listener]:
    """Make the listener that tells trackers; loaded only when there is one to tell."""
    if folder is None and not chain.targets:
        return []
    targets = importlib.import_module("flexcv.tracking.targets")
    records = (chain.splits, chain.scaling, chain.tuning, chain.run, chain.merf)
    about = {"metrics": chain.metrics, "information": information, "records": records}
    return [targets.make_recorder(folder, chain.targets, **about)]
