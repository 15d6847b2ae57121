"""From what a chain says to what is run: one job for each plan, decided once."""

from __future__ import annotations

import functools
import importlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sklearn.base import clone

from flexcv.dataset import Dataset, Task
from flexcv.dataset.task import gives_decisions, gives_probabilities
from flexcv.evaluation.early_stopping import refuse_without_rounds
from flexcv.metrics import DEFAULT_OBJECTIVE, Metric, default_metrics, try_metrics
from flexcv.metrics.objective import ObjectiveScorer
from flexcv.metrics.trying import refuse_margins, refuse_without_probabilities
from flexcv.metrics.weights import refuse_without_weights
from flexcv.model_mapping import ModelSpec, Variant, is_called
from flexcv.preflight import CheckFinding, Setup, run_checks
from flexcv.resampling import Plan, SplitSettings, make_plan
from flexcv.resampling.registry import title_of
from flexcv.results.plans import file_name, plan_names
from flexcv.typing import Between

from .design import Design, MerfSettings, split_described

VERSIONED = ("flexcv", "numpy", "pandas", "scikit-learn", "scipy", "optuna")


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One plan and all that is run under it.

    Parameters
    ----------
    design
        What the chain says.
    dataset
        The table, knowing whether numbers or classes are predicted.
    specs
        The models, MERF and other overrides applied.
    splits
        How rows are split.
    plan
        All splits and seeds.
    metrics
        What is scored.
    findings
        What the pre-flight checks found.
    folder
        Where the run is written, if anywhere.
    information
        What the run says about itself.
    """

    design: Design
    dataset: Dataset
    specs: tuple[ModelSpec, ...]
    splits: SplitSettings
    plan: Plan
    metrics: tuple[Metric, ...]
    findings: tuple[CheckFinding, ...] = ()
    folder: Path | None = None
    information: dict[str, Any] = field(default_factory=dict)


class Compiled:
    """A design with all that follows from it, each thing decided once, when asked for.

    Parameters
    ----------
    design
        What the chain says.
    """

    def __init__(self, design: Design) -> None:
        self.design = design

    @cached_property
    def dataset(self) -> Dataset:
        """The table, knowing whether numbers or classes are predicted."""
        return self.design.known_dataset()

    @cached_property
    def specs(self) -> tuple[ModelSpec, ...]:
        """The models, with what other methods of the chain say of them applied."""
        design = self.design
        if not design.specs:
            raise ValueError("there is no model yet; call add_model(...) first.")
        between, merf = design.scaling.between, design.merf
        if merf.between is None:
            merf = replace(merf, between=between)
        aware = (with_between(spec, between) for spec in design.specs)
        told = (with_lmer(spec, design.known_groups) for spec in aware)
        return tuple(with_merf(spec, merf, self.dataset) for spec in told)

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """Each plan by the question it answers.

        Inner splits are made when something is chosen on them, or when no model is
        known yet.
        """
        specs, seed = self.design.specs, self.design.run.random_seed
        with_inner = not specs or any(spec.looks_inside for spec in specs)
        plans = [
            make_plan(self.dataset, splits, seed, with_inner=with_inner)
            for splits in self.design.splits
        ]
        titles = [title_of(splits.outer) for splits in self.design.splits]
        names = plan_names([plan.name for plan in plans], titles)
        return dict(zip(names, plans, strict=True))

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """What is run: a job for each plan.

        Raises
        ------
        TypeError, ValueError
            When the chain lacks something, or its parts do not go together.
        """
        if len(self.design.splits) > 1 and self.design.targets:
            raise ValueError(
                "trackers take one plan at a time; perform each plan with a tracker of "
                "its own, or pass a folder as `run`, below which each plan has one."
            )
        specs, metrics = self.specs, self.design.metrics
        if metrics is None:
            metrics = default_metrics(self.dataset.task.kind)
        named = zip(self.design.splits, self.plans.items(), strict=True)
        return {
            name: _job(self.design, self.dataset, specs, splits, plan, metrics, name)
            for splits, (name, plan) in named
        }


def _job(
    design: Design,
    dataset: Dataset,
    specs: tuple[ModelSpec, ...],
    splits: SplitSettings,
    plan: Plan,
    metrics: tuple[Metric, ...],
    name: str,
) -> Job:
    setup = Setup(dataset, plan, specs, design.scaling, metrics)
    findings = tuple(run_checks(setup, design.silence))
    folder = _folder_of(name, design)
    job = Job(design, dataset, specs, splits, plan, metrics, findings, folder)
    return replace(job, information=_information(job))


def refuse_misfits(job: Job) -> None:
    """Refuse metrics and objectives that do not fit the target or the models.

    Raises
    ------
    TypeError, ValueError
        In one sentence, before the first fit.
    """
    task, tuning = job.dataset.task, job.design.tuning
    try_metrics(job.metrics, job.dataset.target, task.classes)
    _refuse_unweighted(job)
    for spec in job.specs:
        if spec.early_stopping is not None:
            refuse_without_rounds(spec.name, spec.estimator)
        if spec.threshold is not None:
            _refuse_threshold(spec, task, tuning.objective)
    fixed = [spec for spec in job.specs if not spec.is_tuned]
    # What was asked for by name; defaults are NaN for a model without probabilities.
    for metric in job.design.metrics or ():
        _refuse_unscored(metric, f"metric {metric.name!r}", fixed, task)
    if tuning.objective is DEFAULT_OBJECTIVE:
        return
    tuned = [spec for spec in job.specs if spec.is_tuned]
    _refuse_unscored(tuning.objective, "the objective of the tuning", tuned, task)
    tuning.objective.among(task.classes)


def _refuse_threshold(spec: ModelSpec, task: Task, objective: ObjectiveScorer) -> None:
    """Refuse a threshold where there are not two classes or no probabilities."""
    owner = f"threshold of {spec.name!r}"
    if task.kind != "binary":
        found = f"has {len(task.classes)}" if task.classes else "is a number"
        raise ValueError(
            f"{owner} is for two classes and the target {found}; leave it out."
        )
    if not spec.is_tuned and not gives_probabilities(spec.estimator):
        refuse_without_probabilities(owner, [spec.name])
    scores_classes = not (objective.needs_probabilities or objective.needs_train)
    if spec.threshold == "inner" and (
        objective is DEFAULT_OBJECTIVE or not scores_classes
    ):
        raise ValueError(
            f"{owner}: 'inner' takes what the objective of set_inner_cv likes best, "
            "which must score predicted classes; pass for example "
            "objective_scorer='f1' there, or threshold='youden'."
        )


def _refuse_unscored(
    scored: Metric | ObjectiveScorer, owner: str, specs: Sequence[ModelSpec], task: Task
) -> None:
    """Refuse to score what some models do not give, or what is not kept of them."""
    if not scored.needs_probabilities:
        return
    giving = [spec for spec in specs if gives_probabilities(spec.estimator)]
    refuse_margins(owner, scored.function, [spec.name for spec in giving])
    ranking = [
        spec
        for spec in specs
        if scored.ranks and task.kind == "binary" and gives_decisions(spec.estimator)
    ]
    able = [spec.name for spec in (*giving, *ranking)]
    names = [spec.name for spec in specs if spec.name not in able]
    refuse_without_probabilities(owner, names)


def _refuse_unweighted(job: Job) -> None:
    """Refuse metrics, and an objective, that cannot weigh rows although they shall."""
    weights, objective = job.dataset.weights, job.design.tuning.objective
    reach = () if weights is None else weights.reach
    if "scores" in reach:
        names = [f"metric {m.name!r}" for m in job.metrics if not m.takes_weights]
        refuse_without_weights(names, "scores")
    is_asked = any(spec.is_tuned or spec.threshold == "inner" for spec in job.specs)
    if "objective" in reach and is_asked and not objective.takes_weights:
        refuse_without_weights(["the objective of the tuning"], "objective")


def with_lmer(spec: ModelSpec, known_groups: bool | None) -> ModelSpec:
    """Set whether a mixed model uses known groups, when the builder was told."""
    if known_groups is None:
        return spec
    value = "conditional" if known_groups else "population"
    found = {
        name: value
        for name in spec.estimator.get_params(deep=True)
        if is_called(name, "known_groups")
    }
    if not found:
        return spec
    return replace(spec, estimator=clone(spec.estimator).set_params(**found))


def with_between(spec: ModelSpec, between: Between) -> ModelSpec:
    """Let a model that can add group means add them, where it was not told itself."""
    found = {
        name: between
        for name, value in spec.estimator.get_params(deep=True).items()
        if is_called(name, "between") and value is False
    }
    if not between or not found:
        return spec
    return replace(spec, estimator=clone(spec.estimator).set_params(**found))


def with_merf(spec: ModelSpec, merf: MerfSettings, dataset: Dataset) -> ModelSpec:
    """Add MERF around a model, or say why that cannot be.

    Raises
    ------
    ValueError
        Without groups, with more than two classes, or when asked for around a model
        that is mixed already.
    """
    wanted = merf.everywhere if spec.add_merf is None else spec.add_merf
    if not wanted:
        return spec
    if dataset.groups is None:
        raise ValueError(
            f"MERF around {spec.name!r} needs groups and the data have none; pass "
            "`groups` to set_data, or leave set_merf and add_merf off."
        )
    if spec.consumes_groups:
        if spec.add_merf is None:
            return spec
        raise ValueError(
            f"{spec.name!r} has random effects of its own, so add_merf=True cannot "
            "put MERF around it; leave add_merf out for this model."
        )
    merf = replace(merf, family=_merf_family(spec.name, merf.family, dataset.task))
    wrap = functools.partial(_merf_around, settings=merf)
    return replace(spec, variants=(Variant(f"MERF({spec.name})", wrap),))


def _merf_family(name: str, given: str | None, task: Task) -> str | None:
    """Return MERF's family for a target, or say why there is none."""
    if task.kind == "multiclass":
        raise ValueError(
            f"MERF models two classes and the target has {len(task.classes)}; "
            f"leave set_merf and add_merf off for {name!r}, or keep two classes."
        )
    if task.is_classification and given == "poisson":
        raise ValueError(
            f"set_merf(family='poisson') is for counts and {name!r} predicts classes; "
            "leave `family` out."
        )
    if not task.is_classification and given == "binomial":
        raise ValueError(
            f"set_merf(family='binomial') is for classifiers and {name!r} predicts "
            "numbers; leave `family` out, or add MERF itself as a model."
        )
    return "binomial" if task.is_classification else given


def _merf_around(estimator: Any, settings: MerfSettings) -> Any:
    """Put MERF around an estimator; its module is imported when it is wanted."""
    merf = importlib.import_module("flexcv.merf")
    family = settings.family or (
        "poisson" if merf.has_poisson_loss(estimator) else None
    )
    given: dict[str, Any] = {"max_iterations": settings.max_iterations}
    given["between"] = bool(settings.between) and settings.between
    if family is not None:
        given["family"] = family
    if settings.tol is not None or settings.is_fixed:
        given["tol"] = settings.tol
    if settings.patience is not None:
        given["patience"] = settings.patience
    return merf.MERF(estimator, **given)


def _folder_of(name: str, design: Design) -> Path | None:
    """Return where a plan is written: of several each has a folder below."""
    if design.folder is None or len(design.splits) < 2:
        return design.folder
    return design.folder / file_name(name)


def _information(job: Job) -> dict[str, Any]:
    """Describe a run for its reader: what was said, question, seed and versions."""
    names = [
        name
        for spec in job.specs
        for name in (spec.name, *(variant.name for variant in spec.variants))
    ]
    said = dict(job.design.described())
    return said | {
        "splits": split_described(job.splits),
        "folder": str(job.folder or "none"),
        "question": job.plan.question,
        "known_groups": dict(job.plan.known),
        "plan": job.plan.fingerprint,
        "random_seed": job.design.run.random_seed,
        "models": names,
        "python": platform.python_version(),
        "versions": {package: version(package) for package in VERSIONED},
        "objective_greater_is_better": bool(
            job.design.tuning.objective.greater_is_better
        ),
    }
