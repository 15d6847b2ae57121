"""All records of a chain in one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flexcv._compile import MerfSettings, with_lmer, with_merf
from flexcv.dataset import Dataset, decide_task
from flexcv.dataset.task import gives_probabilities
from flexcv.evaluation import (
    CheckFinding,
    RunSettings,
    ScalingSettings,
    TuningSettings,
    run_checks,
)
from flexcv.evaluation.checks import Setup
from flexcv.metrics import DEFAULT_OBJECTIVE, Metric, default_metrics, try_metrics
from flexcv.metrics.trying import refuse_without_probabilities
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import CrossValMethod, Plan, SplitSettings, make_plan
from flexcv.resampling.registry import title_of


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """What the builder's methods stored; complete once it has data and a model."""

    dataset: Dataset | None = None
    splits: SplitSettings = field(default_factory=SplitSettings)
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    metrics: tuple[Metric, ...] | None = None  # None: those of the kind of target
    specs: tuple[ModelSpec, ...] = ()
    tuning: TuningSettings = field(default_factory=TuningSettings)
    known_groups: bool | None = None
    merf: MerfSettings = field(default_factory=MerfSettings)
    run: RunSettings = field(default_factory=RunSettings)
    folder: Path | None = None
    targets: tuple[Any, ...] = ()
    log_data: bool = False
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
        """Give the dataset, knowing whether numbers or classes are predicted."""
        if self.dataset is None:
            raise ValueError("there are no data yet; call set_data(X, y, ...) first.")
        models = {spec.name: spec.estimator for spec in self.specs}
        return self.dataset.with_task(decide_task(self.dataset.target, models))

    def settled(self) -> Chain:
        """Give the chain with all that depends on the kind of target decided.

        Raises
        ------
        TypeError, ValueError
            When target, models, metrics and objective do not fit together.
        """
        dataset = self.known_dataset()
        task = dataset.task
        metrics = default_metrics(task.kind) if self.metrics is None else self.metrics
        try_metrics(metrics, dataset.target, task.classes)
        self._refuse_scores_without_probabilities()
        if self._sets_objective:
            self.tuning.objective.among(task.classes)
        return replace(self, dataset=dataset, metrics=metrics)

    @property
    def _sets_objective(self) -> bool:
        return self.tuning.objective is not DEFAULT_OBJECTIVE

    def _refuse_scores_without_probabilities(self) -> None:
        """Refuse what was asked for by name; defaults are NaN for such a model."""
        silent = [
            spec for spec in self.specs if not gives_probabilities(spec.estimator)
        ]
        fixed = [spec.name for spec in silent if not spec.is_tuned]
        for metric in self.metrics or ():
            if metric.needs_probabilities:
                refuse_without_probabilities(f"metric {metric.name!r}", fixed)
        if self._sets_objective and self.tuning.objective.needs_probabilities:
            tuned = [spec.name for spec in silent if spec.is_tuned]
            refuse_without_probabilities("the objective of the tuning", tuned)

    def compiled_specs(self) -> tuple[ModelSpec, ...]:
        """Give the models with the overrides of `set_lmer` and `set_merf` applied."""
        if not self.specs:
            raise ValueError("there is no model yet; call add_model(...) first.")
        dataset = self.known_dataset()
        return tuple(
            with_merf(with_lmer(spec, self.known_groups), self.merf, dataset)
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
        data = "none yet" if self.dataset is None else repr(self.dataset).strip("<>")
        lines = [
            ("data", data),
            ("splits", self._splits_described()),
            ("models added", ", ".join(spec.name for spec in self.specs) or "none yet"),
            ("metrics", ", ".join(metric.name for metric in self._shown_metrics())),
            ("seed", str(self.run.random_seed)),
            ("folder", str(self.folder or "none")),
        ]
        tuned = [spec.name for spec in self.specs if spec.is_tuned]
        if tuned:
            text = f"{', '.join(tuned)}, {self.tuning.n_trials} trials"
            lines.insert(3, ("tuned", text))
        if self.merf.everywhere:
            lines.insert(3, ("MERF", "around every model without random effects"))
        return lines

    def _shown_metrics(self) -> tuple[Metric, ...]:
        """Give the metrics, as far as they are known yet; never an error."""
        if self.metrics is not None:
            return self.metrics
        kind = "regression"
        with contextlib.suppress(TypeError, ValueError):
            kind = self.known_dataset().task.kind
        return default_metrics(kind)

    def _splits_described(self) -> str:
        """Name the split, its folds where they are ours to choose, and repeats."""
        splits = self.splits
        text = title_of(splits.outer)
        if isinstance(splits.outer, CrossValMethod):
            text += f", {splits.n_splits_out} folds"
        return text + (f", {splits.n_repeats} repeats" if splits.n_repeats > 1 else "")
