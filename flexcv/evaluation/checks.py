"""What can be seen to be wrong before the first fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv._checks import listed, near_miss
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan
from flexcv.resampling.questions import are_known, percent

from .class_checks import classes_missing, classes_told
from .fit_arguments import weights_unread
from .scaling import ScalingSettings
from .time_checks import ROW_ORDER, inner_split_late, time_unnamed

LEVELS = ("stop", "warn", "note")
TARGET_LIKE = 0.9999  # absolute correlation with the target
MANY_COPIES = 0.5  # share of test rows; rounded tables have some by chance
UNEVEN = 1.5  # largest over smallest test part
TINY = 2  # rows; a smaller group says nothing about variation within groups


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """Something worth knowing before a run.

    Parameters
    ----------
    name
        The name that silences it.
    level
        ``"stop"``, ``"warn"`` or ``"note"``.
    message
        One sentence.
    """

    name: str
    level: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """All that the checks look at."""

    dataset: Dataset
    plan: Plan
    specs: tuple[ModelSpec, ...]
    scaling: ScalingSettings

    @property
    def is_tuned(self) -> bool:
        """Return whether any model is tuned, or its threshold chosen, inside."""
        return any(spec.looks_inside for spec in self.specs)

    @property
    def uses_groups(self) -> bool:
        """Return whether any model, or a variant of one, reads groups."""
        return any(spec.consumes_groups or spec.variants for spec in self.specs)


Check = Callable[[Setup], Iterator[tuple[str, str]]]  # gives (level, message)


def run_checks(setup: Setup, silence: Iterable[str] = ()) -> list[CheckFinding]:
    """Look at table, plan and models before anything is fitted.

    Parameters
    ----------
    setup
        What is about to run.
    silence
        Names of checks to leave out; `CHECKS` lists them.

    Returns
    -------
    The findings, the gravest first.
    """
    silenced = check_names(silence)
    findings = [
        CheckFinding(name, level, message)
        for name, check in CHECKS.items()
        if name not in silenced
        for level, message in check(setup)
    ]
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def check_names(names: Iterable[str]) -> set[str]:
    """Return the names as a set, or refuse the first one that no check has."""
    given = {names} if isinstance(names, str) else set(names)
    for name in sorted(given - set(CHECKS)):
        hint = near_miss(name, CHECKS) or f"; known are {', '.join(CHECKS)}."
        raise ValueError(f"`silence`: no check is called {name!r}{hint}")
    return given


def _groups_ignored(setup: Setup) -> Iterator[tuple[str, str]]:
    plan = setup.plan
    is_by_time = plan.time is not None or plan.outer.startswith(ROW_ORDER)
    if plan.keeps_groups is False and not is_by_time:
        yield (
            "warn",
            f"{plan.outer} puts rows of one {plan.group_name!r} into "
            f"training and test: this run answers how well {plan.question} are "
            "predicted; for new groups use split_out='GroupKFold'.",
        )


def _groups_unused(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.plan.keeps_groups and not setup.uses_groups:
        yield (
            "warn",
            f"{setup.plan.outer} keeps groups whole although no model uses them: this "
            f"run answers how well {setup.plan.question} are predicted; for known "
            "groups use split_out='KFold'.",
        )


def _groups_missing(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.dataset.groups is not None:
        return
    names = [spec.name for spec in setup.specs if spec.consumes_groups]
    if names:
        yield (
            "warn",
            f"the data have no groups, so {listed(names)} is only its fixed part; "
            "pass `groups` to set_data.",
        )


def _other_groups(setup: Setup) -> Iterator[tuple[str, str]]:
    plan = setup.plan
    for name, share in plan.known.items() if plan.keeps_groups else ():
        if share > 0.0:
            yield (
                "note",
                f"levels of {name!r} stand in training and test: the split keeps only "
                f"{plan.group_name!r} whole, so {name!r} is known in {percent(share)} "
                "of the test rows.",
            )


def _groups_new(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.plan.keeps_groups and setup.uses_groups:
        yield (
            "note",
            f"{setup.plan.outer} keeps groups whole: this run answers how well *new "
            "groups* are predicted, so random effects of test groups are never known.",
        )


def _inner_blind(setup: Setup) -> Iterator[tuple[str, str]]:
    plan = setup.plan
    blind = [
        name
        for name, share in plan.known.items()
        if share == 0.0 and plan.inner_known.get(name, 0.0) > 0.0
    ]
    if setup.is_tuned and blind:
        whole = "groups" if blind[0] == plan.group_name else repr(blind[0])
        yield (
            "warn",
            f"the outer split keeps {whole} whole but {plan.inner} inside does not, so "
            "parameters are tuned for known groups and scored on new ones; leave "
            "split_in=None or use 'GroupKFold'.",
        )


def _scaling_differs(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.is_tuned and setup.scaling.outside != setup.scaling.scales_inside:
        yield (
            "warn",
            "features are scaled in only one of the outer and inner loops, so models "
            "are tuned on other data than they are scored on; leave scale_in=None.",
        )


def _target_inside(setup: Setup) -> Iterator[tuple[str, str]]:
    target = setup.dataset.numbers
    if len(target) <= TINY or np.ptp(target) == 0:
        return
    numbers = setup.dataset.features.select_dtypes("number")
    for name in numbers.columns:
        values = numbers[name].to_numpy(dtype=float, na_value=np.nan)
        if np.array_equal(values, target):
            yield (
                "stop",
                f"the feature {name!r} equals the target; drop it from `X`.",
            )
        elif _correlation(values, target) > TARGET_LIKE:
            yield (
                "warn",
                f"the feature {name!r} is the target but for scale (correlation above "
                f"{TARGET_LIKE}); drop it unless it is known before the outcome.",
            )


def _identical_rows(setup: Setup) -> Iterator[tuple[str, str]]:
    data = setup.dataset
    table = pd.concat([data.table(data.group_names), data.target], axis=1)
    codes = pd.factorize(pd.util.hash_pandas_object(table, index=False).to_numpy())[0]
    if codes.max() + 1 == len(codes):
        return
    shared = max(
        float(are_known(codes, fold.train, fold.test).mean()) for fold in setup.plan
    )
    if shared:
        yield (
            "warn" if shared > MANY_COPIES else "note",
            f"up to {shared:.0%} of a fold's test rows also stand in its training "
            "part, equal in every column and the target; if they are copies and not "
            "coincidence, drop them or give copies of a row the same group.",
        )


def _constant_within_groups(setup: Setup) -> Iterator[tuple[str, str]]:
    data = setup.dataset
    codes = data.group_codes()
    if codes is None or codes.max() + 1 == len(data):
        return
    names = [
        name
        for name in data.features.columns
        if _is_constant_within(data.features[name], codes)
    ]
    if names:
        yield (
            "note",
            f"constant within each {data.group_names[0]!r}: {listed(names)}; for "
            "these the number of groups counts, not the number of rows, and a model "
            "may use them to recognise groups.",
        )


def _tiny_groups(setup: Setup) -> Iterator[tuple[str, str]]:
    codes = setup.dataset.group_codes()
    if codes is None:
        return
    sizes = np.bincount(codes)
    tiny = int((sizes < TINY).sum())
    if tiny * 2 > len(sizes):
        yield (
            "warn" if setup.uses_groups else "note",
            f"{tiny} of {len(sizes)} groups have a single row, which says nothing "
            "about the variation within groups; check that `groups` names groups.",
        )


def _flat_folds(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.dataset.task.is_classification:
        return  # `classes-missing` says more
    target = setup.dataset.numbers
    for fold in setup.plan:
        for part, rows in (("training", fold.train), ("test", fold.test)):
            if np.ptp(target[rows]) == 0:
                yield (
                    "warn",
                    f"the {part} part of repeat {fold.repeat}, fold {fold.index} has "
                    f"the same target in all {len(rows)} row(s), so r2 says nothing "
                    "there; use fewer folds or a stratified split.",
                )
                return


def _uneven_folds(setup: Setup) -> Iterator[tuple[str, str]]:
    sizes = [len(fold.test) for fold in setup.plan]
    if max(sizes) > UNEVEN * min(sizes):
        yield (
            "note",
            f"test parts have between {min(sizes)} and {max(sizes)} rows; the summary "
            "averages folds, not rows, so small folds weigh as much as large ones.",
        )


def _merf_left_out(setup: Setup) -> Iterator[tuple[str, str]]:
    names = [
        spec.name
        for spec in setup.specs
        if spec.add_merf is None and spec.consumes_groups and not spec.variants
    ]
    others = any(spec.variants for spec in setup.specs)
    if names and others:
        yield (
            "note",
            f"MERF is not put around {listed(names)}, which has random effects of "
            "its own.",
        )


def _classes_told(setup: Setup) -> Iterator[tuple[str, str]]:
    yield from classes_told(setup.dataset)


def _classes_missing(setup: Setup) -> Iterator[tuple[str, str]]:
    yield from classes_missing(setup.dataset, setup.plan)


def _time_unnamed(setup: Setup) -> Iterator[tuple[str, str]]:
    yield from time_unnamed(setup.dataset, setup.plan)


def _inner_split_late(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.is_tuned:
        yield from inner_split_late(setup.dataset, setup.plan)


def _weights_unread(setup: Setup) -> Iterator[tuple[str, str]]:
    yield from weights_unread(setup.dataset, setup.specs)


CHECKS: dict[str, Check] = {
    "target-inside": _target_inside,
    "weights-unread": _weights_unread,
    "groups-ignored": _groups_ignored,
    "groups-unused": _groups_unused,
    "groups-new": _groups_new,
    "groups-missing": _groups_missing,
    "other-groups": _other_groups,
    "inner-split-blind": _inner_blind,
    "time-unnamed": _time_unnamed,
    "inner-split-late": _inner_split_late,
    "scaling-differs": _scaling_differs,
    "identical-rows": _identical_rows,
    "classes-told": _classes_told,
    "classes-missing": _classes_missing,
    "tiny-groups": _tiny_groups,
    "flat-folds": _flat_folds,
    "constant-within-groups": _constant_within_groups,
    "uneven-folds": _uneven_folds,
    "merf-left-out": _merf_left_out,
}


def _correlation(values: npt.NDArray[Any], target: npt.NDArray[Any]) -> float:
    known = np.isfinite(values)
    if not known.all():
        values, target = values[known], target[known]
    if len(values) <= TINY or np.ptp(values) == 0 or np.ptp(target) == 0:
        return 0.0
    return float(abs(np.corrcoef(values, target)[0, 1]))


def _is_constant_within(column: pd.Series[Any], codes: IntArray) -> bool:
    values = pd.factorize(column, use_na_sentinel=False)[0]
    if values.max() == 0:
        return False  # constant everywhere
    first = np.zeros(int(codes.max()) + 1, dtype=np.intp)
    first[codes] = values
    return bool((first[codes] == values).all())
