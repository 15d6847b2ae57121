"""Labels of features and groups: unknown in training, or written in two ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import IntArray
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Split

from .kinds import LABEL
from .models import columns_read, says
from .setup import Levels, Setup, Told, levels_of

MANY = 0.5  # levels per row; a column with more is told by `identifiers`


def unknown_levels(setup: Setup) -> Told:
    """Name levels of features that a test part has and its training part lacks.

    It stops a run whose model refuses such levels, or predicts them as missing.
    """
    for name in setup.named(LABEL):
        levels = setup.levels[name]
        outer = [Split(fold.train, fold.test) for fold in setup.plan]
        inner = [split for fold in setup.plan for split in fold.inner]
        strangers = _strangers(levels, outer)
        refused = []
        for spec in setup.specs:
            lost = strangers or (_strangers(levels, inner) if spec.is_tuned else [])
            if lost and name in columns_read(spec.estimator, setup.dataset):
                refused += list(_refused(spec, name, lost))
        yield from refused
        if strangers and not refused and len(levels) <= MANY * len(setup.dataset):
            yield (
                "note",
                f"{_said(strangers)} of {name!r} stands in test rows of a fold and not "
                "in its training part, so no model has learned it there and the score "
                "counts rows of a kind that is new; merge rare levels, or keep them if "
                "new levels will come.",
            )


def labels_differ(setup: Setup) -> Told:
    """Name labels that differ only by space, case or type."""
    target = setup.dataset.target
    columns: dict[Any, Levels] = {
        name: setup.levels[name] for name in setup.named(LABEL)
    }
    if setup.dataset.task.is_classification:
        columns[target.name] = levels_of(target.astype(object))
    for what, named in (("groups", setup.group_levels), ("levels", columns)):
        for name, levels in named.items():
            pairs = _written_twice(levels.shown)
            if pairs:
                yield "warn", _written_message(name, pairs, what)


def _refused(spec: ModelSpec, name: Any, lost: Sequence[Any]) -> Told:
    """Stop for a model that cannot predict the levels."""
    given = says(spec.estimator, "unknown_levels")
    effects = {
        "refuse": "refuses to predict",
        "missing": "predicts as missing, which no score takes",
    }
    if given in effects:
        yield (
            "stop",
            f"{_said(lost)} of {name!r} stands in test rows of a fold and not in its "
            f"training part, which {spec.name!r} {effects[given]}; merge rare levels, "
            "choose splits that leave rows of each level in training, or set "
            "unknown_levels='zero' in the model.",
        )


def _strangers(levels: Levels, splits: Sequence[Split]) -> list[Any]:
    """Return the levels that some test part has and its training part lacks."""
    found = np.zeros(len(levels), dtype=bool)
    for split in splits:
        in_train = _are_in(levels, split.train)
        found |= _are_in(levels, split.test) & ~in_train
    return [value for value in levels.shown[found] if not pd.isna(value)]


def _are_in(levels: Levels, rows: IntArray) -> Any:
    seen = np.zeros(len(levels), dtype=bool)
    seen[levels.codes[rows]] = True
    return seen


def _said(lost: Sequence[Any]) -> str:
    more = f" (and {len(lost) - 1} more)" if lost[1:] else ""
    return f"the level {lost[0]!r}{more}"


def _written_twice(labels: pd.Index) -> list[tuple[Any, Any]]:
    """Return pairs of labels that are one but for space, case or type."""
    seen: dict[str, Any] = {}
    pairs = []
    for label in labels:
        if pd.isna(label):
            continue
        text = _plain(label)
        if text in seen:
            pairs.append((seen[text], label))
        seen.setdefault(text, label)
    return pairs


def _plain(label: Any) -> str:
    """Return how a label reads without its case, spaces and type.

    Examples
    --------
    >>> _plain("P1 ") == _plain("p1"), _plain(1.0) == _plain("1")
    (True, True)
    """
    if isinstance(label, float | np.floating) and float(label).is_integer():
        label = int(label)
    return " ".join(str(label).split()).casefold()


def _written_message(name: Any, pairs: Sequence[tuple[Any, Any]], what: str) -> str:
    first, second = pairs[0]
    more = f" (and {len(pairs) - 1} more pairs)" if pairs[1:] else ""
    effect = {
        "groups": "rows of one group may stand in training and test, and known groups "
        "count as new ones",
        "levels": "each is learned from a part of its rows",
    }[what]
    return (
        f"{first!r} and {second!r} of {name!r}{more} differ only by space, case or "
        f"type and count as two {what}: {effect}; write each label in one way."
    )
