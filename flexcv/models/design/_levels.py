"""Levels of a category: what training showed, and which of them a row has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flexcv.models._validate import IntArray, require_no_missing


def category_levels(column: pd.Series) -> tuple[object, ...]:
    """Give the levels that occur, in category order or sorted."""
    require_no_missing(column, "feature")
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = set(column.unique())
        return tuple(level for level in column.cat.categories if level in used)
    return tuple(sorted(column.unique()))


def level_positions(
    column: pd.Series, levels: Sequence[object], name: object
) -> IntArray:
    """Give each row's place among the levels, matched by value or else by text.

    So ``"2"`` is the level 2, and 2.0 is it, too; a label that is none is refused.

    Parameters
    ----------
    column
        Labels.
    levels
        What training showed.
    name
        The column's name, for the message.
    """
    require_no_missing(column, "feature")
    codes, labels = pd.factorize(column)
    places = {level: place for place, level in enumerate(levels)}
    texts: dict[str, int] = {}
    found = np.zeros(len(labels), dtype=np.intp)
    for k, label in enumerate(labels):
        place = places.get(label)
        if place is None:
            texts = texts or {level_text(level): k for k, level in enumerate(levels)}
            place = texts.get(level_text(label))
        if place is None:
            plain = label.item() if isinstance(label, np.generic) else label
            raise ValueError(
                f"column {name!r} must hold levels seen in training, got {plain!r}; it "
                "has no estimated effect."
            )
        found[k] = place
    return found[codes]


def level_text(level: object) -> str:
    """Give a level as text; a whole number without its point.

    Examples
    --------
    >>> level_text(2.0), level_text("2"), level_text(0.5)
    ('2', '2', '0.5')
    """
    if isinstance(level, (float, np.floating)) and float(level).is_integer():
        return str(int(level))
    return str(level)
