"""From the builder's records to what the engine runs."""

from __future__ import annotations

import functools
import importlib
import platform
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from sklearn.base import clone

from flexcv._checks import check_choice, check_flag, check_integer, check_number
from flexcv.dataset import Dataset, Task
from flexcv.errors import CheckError, CheckWarning, FailedModelWarning, GroupsWarning
from flexcv.evaluation import CheckFinding
from flexcv.model_mapping import ModelSpec, Variant
from flexcv.resampling import Plan

VERSIONED = ("flexcv", "numpy", "pandas", "scikit-learn", "scipy", "optuna")


@dataclass(frozen=True, slots=True)
class MerfSettings:
    """Which models get MERF around them, and its EM settings."""

    everywhere: bool = False
    max_iterations: int = 100
    tol: float | None = None
    patience: int | None = None
    is_fixed: bool = False  # run all iterations unless `tol` stops them
    family: str | None = None

    def __post_init__(self) -> None:
        check_flag("add_merf_global", self.everywhere)
        check_integer("em_max_iterations", self.max_iterations, 0)
        if self.tol is not None:
            check_number("em_stopping_threshold", self.tol, 0.0)
        if self.patience is not None:
            check_integer("em_stopping_window", self.patience, 1)
        if self.family is not None:
            check_choice("family", self.family, ("binomial", "poisson"))


def with_lmer(spec: ModelSpec, known_groups: bool | None) -> ModelSpec:
    """Set whether a mixed model uses known groups, when the builder was told."""
    if known_groups is None:
        return spec
    value = "conditional" if known_groups else "population"
    found = {
        name: value
        for name in spec.estimator.get_params(deep=True)
        if name == "known_groups" or name.endswith("__known_groups")
    }
    if not found:
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
    """Give MERF's family for a target, or say why there is none."""
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


def heed(findings: Iterable[CheckFinding], stacklevel: int) -> None:
    """Stop or warn, as the findings say; notes are left to `check`."""
    for finding in findings:
        advice = f"{finding.message} (silence={finding.name!r} in set_run)"
        if finding.level == "stop":
            raise CheckError(advice)
        if finding.level == "warn":
            about_groups = finding.name.startswith("groups")
            category = GroupsWarning if about_groups else CheckWarning
            warnings.warn(advice, category, stacklevel=stacklevel + 1)


def warn_about_failures(results: Any, stacklevel: int) -> None:
    """Say which models have no averages because they failed on some fold."""
    parts = [results] if hasattr(results, "folds") else list(results.values())
    failed = dict.fromkeys(
        fold.model for part in parts for fold in part.folds if fold.error
    )
    if failed:
        warnings.warn(
            f"{', '.join(failed)} failed on some folds, so their averages are empty; "
            "`results.warnings` says why.",
            FailedModelWarning,
            stacklevel=stacklevel + 1,
        )


def run_information(
    plan: Plan, specs: Sequence[ModelSpec], random_seed: int
) -> dict[str, Any]:
    """Describe a run for its reader: question, seed, models and versions."""
    names = [
        name
        for spec in specs
        for name in (spec.name, *(variant.name for variant in spec.variants))
    ]
    return {
        "question": plan.question,
        "plan": plan.fingerprint,
        "random_seed": random_seed,
        "models": names,
        "python": platform.python_version(),
        "versions": {package: version(package) for package in VERSIONED},
    }


def _merf_around(estimator: Any, settings: MerfSettings) -> Any:
    """Put MERF around an estimator; its module is imported when it is wanted."""
    merf = importlib.import_module("flexcv.merf")
    family = settings.family or (
        "poisson" if merf.has_poisson_loss(estimator) else None
    )
    given: dict[str, Any] = {"max_iterations": settings.max_iterations}
    if family is not None:
        given["family"] = family
    if settings.tol is not None or settings.is_fixed:
        given["tol"] = settings.tol
    if settings.patience is not None:
        given["patience"] = settings.patience
    return merf.MERF(estimator, **given)
