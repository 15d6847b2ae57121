"""Leaf values that rise or fall in a feature, whatever the other features are.

Two rows that differ in one feature alone part at a split on that feature. So a tree
rises in it if at each such split no leaf on the left is above a leaf on the right.
Leaf values that climb a marginal likelihood depend on each other and break this here
and there; they are moved to the nearest common bound, from the lowest splits up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from flexcv._checks import near_miss
from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.validate import is_categorical

DIRECTIONS = (-1, 0, 1)
LEAF = -1
ROUNDS = 50  # of Newton steps that end after a few, for one bound


class Nodes(NamedTuple):
    """The nodes of one tree; node 0 is the root, and children follow their parents.

    Attributes
    ----------
    feature
        What each node asks about; -1 marks a leaf.
    left, right
        The children.
    leaf
        The number of each leaf.
    """

    feature: IntArray
    left: IntArray
    right: IntArray
    leaf: IntArray


def ordered_values(
    values: FloatArray, nodes: Nodes, directions: IntArray, sizes: FloatArray
) -> FloatArray:
    """Move the values of leaves until the tree is monotone.

    Parameters
    ----------
    values
        One per leaf.
    nodes
        The tree.
    directions
        Per feature 1 to rise, -1 to fall, 0 for neither.
    sizes
        What each leaf weighs.

    Examples
    --------
    >>> stump = Nodes(*np.array([[0, -1, -1], [1, 0, 0], [2, 0, 0], [-1, 0, 1]]))
    >>> ordered_values(np.array([3.0, 1.0]), stump, np.array([1]), np.array([1.0, 3.0]))
    array([1.5, 1.5])
    >>> ordered_values(np.array([3.0, 1.0]), stump, np.array([-1]), np.ones(2))
    array([3., 1.])
    """
    values = values.copy()
    below: dict[int, list[int]] = {}
    for node in reversed(range(len(nodes.feature))):
        if nodes.feature[node] == LEAF:
            below[node] = [int(nodes.leaf[node])]
            continue
        sides = below[int(nodes.left[node])], below[int(nodes.right[node])]
        below[node] = sides[0] + sides[1]
        sign = int(directions[nodes.feature[node]])
        if sign:
            low, high = sides[::sign]
            bound = _bound(values[low], values[high], sizes[low], sizes[high])
            values[low] = np.minimum(values[low], bound)
            values[high] = np.maximum(values[high], bound)
    return values


def _bound(
    low: FloatArray, high: FloatArray, low_sizes: FloatArray, high_sizes: FloatArray
) -> float:
    """Return the common bound at which the values on both sides move least."""
    most, least = float(low.max()), float(high.min())
    bound = 0.5 * (most + least)
    if most <= least:
        return bound
    for _ in range(ROUNDS):
        above, under = low > bound, high < bound
        moved = np.append(low[above], high[under])
        sizes = np.append(low_sizes[above], high_sizes[under])
        before, bound = bound, float(moved @ sizes / sizes.sum())
        if bound == before:
            break
    return bound


def directions_of(
    wanted: Mapping[Any, int] | Sequence[int] | None,
    features: Sequence[Any],
    table: pd.DataFrame,
    random_columns: Sequence[Any],
) -> IntArray | None:
    """Return one direction per feature, None where none is wanted, or refuse.

    Parameters
    ----------
    wanted
        Per feature, by name or in the table's order.
    features
        Names of the features, in the table's order.
    table
        The training table.
    random_columns
        Columns of the random part, whose effects differ from group to group.
    """
    if wanted is None:
        return None
    given = wanted if isinstance(wanted, Mapping) else _by_name(wanted, features)
    for name, direction in given.items():
        _require_direction(name, direction)
        if name not in features:
            hint = near_miss(name, features) or "; name a feature."
            raise ValueError(
                f"`monotonic_cst` names column {name!r}, which is no feature{hint}"
            )
        if direction:
            _require_free(name, table, random_columns)
    directions = np.array([given.get(name, 0) for name in features], dtype=np.intp)
    return directions if directions.any() else None


def _by_name(wanted: Sequence[int], features: Sequence[Any]) -> dict[Any, int]:
    if len(wanted) != len(features):
        raise ValueError(
            "`monotonic_cst` must hold one direction per feature, here "
            f"{len(features)} ({', '.join(map(repr, features))}), got {len(wanted)}; "
            "a mapping by name needs those alone that are not 0."
        )
    return dict(zip(features, wanted, strict=True))


def _require_direction(name: Any, direction: Any) -> None:
    if direction not in DIRECTIONS:
        raise ValueError(
            "`monotonic_cst` must hold 1 (rising), -1 (falling) or 0 (free), got "
            f"{direction!r} for column {name!r}."
        )


def _require_free(
    name: Any, table: pd.DataFrame, random_columns: Sequence[Any]
) -> None:
    if name in random_columns:
        raise ValueError(
            f"column {name!r} has a random slope, which may rise in one group and fall "
            "in another; leave it out of `monotonic_cst` or out of the random part."
        )
    if is_categorical(table[name]):
        raise ValueError(
            f"column {name!r} holds labels, along which nothing rises or falls; leave "
            "it out of `monotonic_cst` or convert it to numbers."
        )
