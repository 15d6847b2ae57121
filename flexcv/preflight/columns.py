"""Features that models take wrongly or not at all: gaps, dates, identifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import listed
from flexcv.resampling.questions import are_known

from .kinds import DATE, LABEL, WHOLE, is_identifier, is_time, is_unit
from .models import columns_read, takes_missing
from .setup import Levels, Setup, Told

NEARLY_ALL = 0.9  # distinct values per row
FEWEST = 20  # rows, below which most labels differ anyway
WORDS = 3  # on average; a label of more is a text
GAPS = 1.2  # range of whole numbers that count something, per value
UNITS, IDENTIFIED = 8, 5  # levels from which a column may name units


def missing_values(setup: Setup) -> Told:
    """Name features with missing values, and the models that do not take them."""
    data = setup.dataset
    counts = data.features.isna().sum()
    missing = [name for name in data.features.columns if counts[name]]
    if not missing:
        return
    models = [
        spec.name
        for spec in setup.specs
        if not takes_missing(spec.estimator)
        and any(name in columns_read(spec.estimator, data) for name in missing)
    ]
    if models:
        most = max(int(counts[name]) for name in missing)
        yield (
            "warn",
            f"missing values in {listed(missing)} (up to {most} of {len(data)} rows), "
            f"which {listed(models)} does not take, so its fits fail; put an imputer "
            "before it in a pipeline, which learns from training rows only (filled "
            "before the split, test rows have a say), or drop the rows.",
        )


def dates(setup: Setup) -> Told:
    """Name features that hold dates."""
    names = setup.named(DATE)
    if names:
        yield (
            "warn",
            f"dates in {listed(names)}, which models refuse or learn as labels that "
            "never come again; make numbers of them (days since the first, month, "
            "weekday), or leave them out.",
        )


def identifiers(setup: Setup) -> Told:
    """Name features that give nearly every row a value of its own."""
    rows = len(setup.dataset)
    if rows < FEWEST:
        return
    found = [
        name
        for name in setup.named(LABEL, WHOLE)
        if len(setup.levels[name]) > NEARLY_ALL * rows
        and (_tells_rows_apart(name, setup.levels[name], setup.kinds[name]))
    ]
    if found:
        yield (
            "warn",
            f"nearly every row has a value of its own in {listed(found)}: what a model "
            "learns of an identifier holds for no new row, and its order may give away "
            "how the table was put together; leave it out of `X`.",
        )


def groups_not_given(setup: Setup) -> Told:
    """Name features that seem to name units, whose rows the split parts."""
    if setup.dataset.groups is not None:
        return
    for name in setup.named(LABEL, WHOLE):
        levels = setup.levels[name]
        if not _names_units(name, levels) or not _is_parted(setup, levels):
            continue
        yield (
            "warn",
            f"{name!r} seems to name units ({len(levels)}, measured "
            f"{len(levels.codes) / len(levels):.1f} times each) and their rows stand "
            "in training and test: the score is about known units; for new ones pass "
            f"groups={name!r} to set_data and split by 'GroupKFold'.",
        )


def _tells_rows_apart(name: Any, levels: Levels, kind: str) -> bool:
    """Whether values that differ from row to row are an identifier, not a measure."""
    if kind == LABEL:
        shown = levels.shown[:FEWEST].astype(str)
        return float(np.mean([len(text.split()) for text in shown])) <= WORDS
    if is_identifier(name):
        return True
    return not is_time(name) and _counts_rows(levels)


def _counts_rows(levels: Levels) -> bool:
    """Whether whole numbers number the rows: hardly one is left out."""
    values = levels.shown[levels.shown.notna()].to_numpy(dtype=float)
    return bool(np.ptp(values) < GAPS * len(levels.codes))


def _names_units(name: Any, levels: Levels) -> bool:
    fewest = IDENTIFIED if is_identifier(name) else UNITS
    if not (is_identifier(name) or is_unit(name)):
        return False
    return (
        fewest <= len(levels) <= len(levels.codes) / 2
        and not pd.isna(levels.shown).any()
    )


def _is_parted(setup: Setup, levels: Levels) -> bool:
    """Whether rows of one level stand in training and test of some fold."""
    return any(are_known(levels.codes, f.train, f.test).any() for f in setup.plan)
