"""All records of a chain in one, and what performing it means."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flexcv._compile import (
    MerfSettings,
    heed,
    run_information,
    with_lmer,
    with_merf,
)
from flexcv.dataset import Dataset
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
from flexcv.evaluation.progress import ProgressBar
from flexcv.metrics import DEFAULT_METRICS, Metric
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan, SplitSettings, make_plan
from flexcv.resampling.registry import title_of
from flexcv.results import CrossValidationResults, FoldResult
from flexcv.results.storage import open_folder, write_results, write_status


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

    results: list[FoldResult] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, UnitFinished):
            self.results.extend(event.results)


def perform_chain(chain: Chain, stacklevel: int) -> Iterator[CrossValidationResults]:
    """Check the chain and run it; give what is known, also when it stops early.

    Results that are given before an error is raised are marked partial.
    """
    specs, dataset, plan = (
        chain.compiled_specs(),
        chain.known_dataset(),
        chain.make_plan(),
    )
    heed(chain.findings(plan, specs), stacklevel + 1)
    information = dict(chain.described())
    information |= run_information(plan, specs, chain.run.random_seed)
    folder = None if chain.folder is None else open_folder(chain.folder)
    if folder is not None:
        write_status(folder, "running", information)
    finished = _Collector()
    settings = UnitSettings(chain.scaling, chain.tuning, chain.run.on_error)
    try:
        listeners: list[Listener] = [finished, ProgressBar()]
        listeners += _recorders(chain, folder, information)
        run(plan, specs, dataset, settings, chain.run, listeners)
    except BaseException:
        yield _known(chain, plan, information, finished, folder, "failed")
        raise
    yield _known(chain, plan, information, finished, folder, "finished")


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


def _known(
    chain: Chain,
    plan: Plan,
    information: dict[str, Any],
    finished: _Collector,
    folder: Path | None,
    status: str,
) -> CrossValidationResults:
    dataset = chain.known_dataset()
    results = CrossValidationResults(
        finished.results,
        dataset,
        chain.metrics,
        information,
        is_partial=status != "finished",
        diagnostics=fold_diagnostics(plan, dataset) if chain.diagnostics else None,
    )
    if folder is not None:
        write_results(folder, results, plan.to_frame())
        write_status(folder, status, information)
    return results
