"""All checks by name, and what is told of a run before its first fit."""

from __future__ import annotations

from collections.abc import Iterable

from flexcv._checks import near_miss

from . import (
    by_time,
    classes,
    columns,
    contextual,
    labels,
    order,
    rows,
    splits,
    targets,
)
from .setup import Check, CheckFinding, Setup

LEVELS = ("stop", "warn", "note")
CHECKS: dict[str, Check] = {
    "target-inside": targets.target_inside,
    "target-means": targets.target_means,
    "unknown-levels": labels.unknown_levels,
    "weights-unread": rows.weights_unread,
    "groups-ignored": splits.groups_ignored,
    "groups-unused": splits.groups_unused,
    "groups-new": splits.groups_new,
    "groups-missing": splits.groups_missing,
    "groups-not-given": columns.groups_not_given,
    "contextual-effects": contextual.contextual_effects_told,
    "other-groups": splits.other_groups,
    "inner-split-blind": splits.inner_blind,
    "time-unnamed": by_time.time_unnamed,
    "inner-split-late": by_time.inner_split_late,
    "time-order": order.time_order,
    "scaling-differs": splits.scaling_differs,
    "identical-rows": rows.identical_rows,
    "missing-values": columns.missing_values,
    "dates": columns.dates,
    "identifiers": columns.identifiers,
    "labels-differ": labels.labels_differ,
    "classes-told": classes.classes_told,
    "classes-missing": classes.classes_missing,
    "rare-class": classes.rare_class,
    "tiny-groups": rows.tiny_groups,
    "flat-folds": splits.flat_folds,
    "constant-within-groups": rows.constant_within_groups,
    "uneven-folds": splits.uneven_folds,
    "merf-left-out": splits.merf_left_out,
}


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
