"""Levels of a category: what training showed, and which of them a row has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flexcv.arrays import IntArray
from flexcv.models.design.validate import require_no_missing

from .labels import label_places, plain_index


def category_levels(column: pd.Series) -> tuple[object, ...]:
    """Return the levels that occur, in category order or sorted."""
    require_no_missing(column, "feature")
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = set(column.unique())
        return tuple(level for level in column.cat.categories if level in used)
    return tuple(sorted(column.unique()))


def level_positions(
    column: pd.Series, levels: Sequence[object], name: object, *, refuse: bool = True
) -> IntArray:
    """Return each row's place among the levels, matched by value or else by text.

    So ``"2"`` is the level 2, and 2.0 is it, too.

    Parameters
    ----------
    column
        Labels.
    levels
        What training showed.
    name
        The column's name, for the message.
    refuse
        Whether a label that is no level raises; else its place is -1.
    """
    require_no_missing(column, "feature")
    codes, uniques = pd.factorize(column)
    labels = plain_index(uniques)
    places = label_places(labels, pd.Index(list(levels)))
    if refuse and (places < 0).any():
        label = labels[int(np.argmax(places < 0))]
        plain = label.item() if isinstance(label, np.generic) else label
        raise ValueError(
            f"column {name!r} must hold levels seen in training, got {plain!r}; it has "
            "no estimated effect, so leave these rows out, or let the model predict "
            "them by unknown_levels='zero' or 'missing'."
        )
    return places[codes]


def by_appearance(codes: IntArray) -> IntArray:
    """Return codes of levels in the order in which rows show them.

    Examples
    --------
    >>> by_appearance(np.array([7, 2, 7, 5]))
    array([0, 1, 0, 2])
    """
    return np.asarray(pd.factorize(codes)[0], dtype=np.intp)


def level_text(level: object) -> str:
    """Return a level as text; a whole number without its point.

    Examples
    --------
    >>> level_text(2.0), level_text("2"), level_text(0.5)
    ('2', '2', '0.5')
    """
    if isinstance(level, (float, np.floating)) and float(level).is_integer():
        return str(int(level))
    return str(level)
