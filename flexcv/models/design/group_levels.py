"""Levels of grouping columns: coded as rows show them, listed as people expect them.

Sums over levels are taken in the order of their codes, and their last digits hang on
that order. So codes count levels as they appear, and what a group is called moves
nothing; tables for people list labels sorted, or in the order of a category.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from flexcv.arrays import IntArray

from .labels import plain_index
from .validate import require_column, require_no_missing, require_one_kind


class GroupLevels(NamedTuple):
    """The levels of one grouping factor.

    Attributes
    ----------
    codes
        One per row, counted in the order in which rows show the levels.
    labels
        One per code.
    listed
        Codes in the order in which tables list the levels.
    """

    codes: IntArray
    labels: pd.Index
    listed: IntArray


def learn_levels(table: pd.DataFrame, names: Sequence[Any]) -> GroupLevels:
    """Return the levels of a grouping column, or the cells of several that occur.

    Parameters
    ----------
    table
        The training table.
    names
        Its grouping columns; ValueError or TypeError where one of them is missing, has
        gaps, or mixes kinds of labels.

    Examples
    --------
    >>> levels = learn_levels(pd.DataFrame({"g": ["b", "a", "b"]}), ["g"])
    >>> levels.codes, list(levels.labels), list(levels.labels[levels.listed])
    (array([0, 1, 0]), ['b', 'a'], ['a', 'b'])
    """
    for name in names:
        require_column(table, name, "groups")
        require_no_missing(table[name], "grouping")
        require_one_kind(table[name])
    coded = [levels_of(table[name]) for name in names]
    if len(coded) == 1:
        return coded[0]
    sizes = [len(levels.labels) for levels in coded]
    ranks = [np.argsort(levels.listed)[levels.codes] for levels in coded]
    codes, cells = pd.factorize(np.ravel_multi_index(ranks, sizes))
    labels = pd.MultiIndex(
        levels=cast("Any", [levels.labels[levels.listed] for levels in coded]),
        codes=cast("Any", list(np.unravel_index(cells, sizes))),
        names=list(names),
    )
    return GroupLevels(codes, labels, np.argsort(cells))


def levels_of(column: pd.Series) -> GroupLevels:
    """Return the levels that occur in a column without gaps.

    Examples
    --------
    >>> levels_of(pd.Series(["b", "c", "a", "b"])).listed
    array([2, 0, 1])
    """
    codes, uniques = pd.factorize(column)
    labels = plain_index(uniques)
    if isinstance(column.dtype, pd.CategoricalDtype):
        places = column.cat.categories.get_indexer(labels)
        return GroupLevels(codes, labels, np.argsort(places, kind="stable"))
    return GroupLevels(codes, labels, _sorted(labels))


def listed_labels(column: pd.Series) -> pd.Index:
    """Return the labels that occur in a column, sorted or in category order.

    Examples
    --------
    >>> list(listed_labels(pd.Series(["b", "c", "a", "b"])))
    ['a', 'b', 'c']
    """
    levels = levels_of(column)
    return levels.labels[levels.listed]


def _sorted(labels: pd.Index) -> IntArray:
    try:
        return np.asarray(labels.argsort(), dtype=np.intp)
    except TypeError:  # labels of several kinds have no order: keep their appearance
        return np.arange(len(labels))
