"""What the split says about groups, folds and models."""

from __future__ import annotations

import numpy as np

from flexcv._checks import listed
from flexcv.arrays import FloatArray, IntArray
from flexcv.resampling.questions import percent

from .by_time import is_by_time
from .setup import Setup, Told

FIRST = 50  # rows that mostly tell that a target varies
UNEVEN = 1.5  # largest over smallest test part


def groups_ignored(setup: Setup) -> Told:
    """Tell that the split parts the rows of a group."""
    plan = setup.plan
    if plan.keeps_groups is False and not is_by_time(plan):
        yield (
            "warn",
            f"{plan.outer} puts rows of one {plan.group_name!r} into "
            f"training and test: this run answers how well {plan.question} are "
            "predicted; for new groups use split_out='GroupKFold'.",
        )


def groups_unused(setup: Setup) -> Told:
    """Tell that the split keeps groups whole, though no model uses them."""
    if setup.plan.keeps_groups and not setup.uses_groups:
        yield (
            "note",
            f"{setup.plan.outer} keeps groups whole although no model uses them: this "
            f"run answers how well {setup.plan.question} are predicted; for known "
            "groups use split_out='KFold'.",
        )


def groups_missing(setup: Setup) -> Told:
    """Tell that a mixed model has no groups to work with."""
    if setup.dataset.groups is not None:
        return
    names = [spec.name for spec in setup.specs if spec.consumes_groups]
    if names:
        yield (
            "warn",
            f"the data have no groups, so {listed(names)} is only its fixed part; "
            "pass `groups` to set_data.",
        )


def other_groups(setup: Setup) -> Told:
    """Tell that a further grouping column is not kept whole."""
    plan = setup.plan
    for name, share in plan.known.items() if plan.keeps_groups else ():
        if share > 0.0:
            yield (
                "note",
                f"levels of {name!r} stand in training and test: the split keeps only "
                f"{plan.group_name!r} whole, so {name!r} is known in {percent(share)} "
                "of the test rows.",
            )


def groups_new(setup: Setup) -> Told:
    """Tell that random effects of test groups are never known."""
    if setup.plan.keeps_groups and setup.uses_groups:
        yield (
            "note",
            f"{setup.plan.outer} keeps groups whole: this run answers how well *new "
            "groups* are predicted, so random effects of test groups are never known.",
        )


def inner_blind(setup: Setup) -> Told:
    """Tell that groups are kept whole outside and not inside."""
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


def scaling_differs(setup: Setup) -> Told:
    """Tell that features are scaled in one of the two loops only."""
    if setup.is_tuned and setup.scaling.outside != setup.scaling.scales_inside:
        yield (
            "warn",
            "features are scaled in only one of the outer and inner loops, so models "
            "are tuned on other data than they are scored on; leave scale_in=None.",
        )


def flat_folds(setup: Setup) -> Told:
    """Tell that a part of a fold has one target value only."""
    if setup.dataset.task.is_classification:
        return  # `classes-missing` says more
    target = setup.dataset.numbers
    for fold in setup.plan:
        for part, rows in (("training", fold.train), ("test", fold.test)):
            if _is_flat(target, rows):
                yield (
                    "warn",
                    f"the {part} part of repeat {fold.repeat}, fold {fold.index} has "
                    f"the same target in all {len(rows)} row(s), so r2 says nothing "
                    "there; use fewer folds or a stratified split.",
                )
                return


def _is_flat(target: FloatArray, rows: IntArray) -> bool:
    """Whether all rows have one target value; the first of them mostly tell."""
    return all(np.ptp(target[part]) == 0 for part in (rows[:FIRST], rows))


def uneven_folds(setup: Setup) -> Told:
    """Tell that test parts differ much in size."""
    sizes = [len(fold.test) for fold in setup.plan]
    if max(sizes) > UNEVEN * min(sizes):
        yield (
            "note",
            f"test parts have between {min(sizes)} and {max(sizes)} rows; the summary "
            "averages folds, not rows, so small folds weigh as much as large ones.",
        )


def merf_left_out(setup: Setup) -> Told:
    """Tell around which models MERF is not put."""
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
