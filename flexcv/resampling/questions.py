"""What a plan answers, counted from its splits: for whom training has rows already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from flexcv.arrays import BoolArray, IntArray

MOSTLY = 0.9  # share of test rows from which groups are called known


class Parts(Protocol):
    """A training and a test part, as row positions."""

    @property
    def train(self) -> IntArray: ...  # noqa: D102
    @property
    def test(self) -> IntArray: ...  # noqa: D102


def are_known(codes: IntArray, train: IntArray, rows: IntArray) -> BoolArray:
    """Return of each of the rows whether its group has rows in the training part.

    Parameters
    ----------
    codes
        The number of each row's group, shape (n_rows,).
    train
        Positions of the training rows.
    rows
        Positions of the rows asked about.

    Examples
    --------
    >>> codes = np.array([0, 0, 1, 1])
    >>> are_known(codes, np.array([0]), np.array([1, 2])).tolist()
    [True, False]
    """
    seen = np.zeros(int(codes.max()) + 1, dtype=bool)
    seen[codes[train]] = True
    return np.asarray(seen[codes[rows]])


def trains_on_the_rest(split: Parts, n_rows: int) -> bool:
    """Whether the training part, in order, is every row that is not tested.

    Parameters
    ----------
    split
        Its parts have no row in common.
    n_rows
        Rows of the table.

    Examples
    --------
    >>> from flexcv.resampling import Split
    >>> trains_on_the_rest(Split(np.array([0, 2]), np.array([1])), 3)
    True
    >>> trains_on_the_rest(Split(np.array([2, 2]), np.array([1])), 3)
    False
    """
    train = split.train
    if len(train) + len(split.test) != n_rows:
        return False
    return bool((train[1:] > train[:-1]).all())


def known_shares(
    groups: pd.DataFrame | None, splits: Sequence[Parts]
) -> dict[str, float]:
    """Count the share of test rows whose group is known, by grouping column.

    Parameters
    ----------
    groups
        A column per grouping factor, or None.
    splits
        Whose test rows are counted, all together.

    Examples
    --------
    >>> from flexcv.resampling import Split
    >>> groups = pd.DataFrame({"lecturer": list("aabb"), "student": list("ijij")})
    >>> known_shares(groups, [Split(np.array([0, 1]), np.array([2, 3]))])
    {'lecturer': 0.0, 'student': 1.0}
    """
    if groups is None or not splits:
        return {}
    n_rows = sum(len(split.test) for split in splits)
    shares = {}
    for name in groups.columns:
        codes = pd.factorize(groups[name])[0].astype(np.intp)
        counts = np.bincount(codes[codes >= 0])
        known = sum(_count_known(codes, counts, split) for split in splits)
        shares[str(name)] = float(known / n_rows)
    return shares


def _count_known(codes: IntArray, counts: IntArray, split: Parts) -> int:
    """Count the test rows of a split whose group has rows in its training part."""
    train, test = split.train, split.test
    if not trains_on_the_rest(split, len(codes)) or codes.min() < 0:
        return int(are_known(codes, train, test).sum())
    groups, tested = np.unique(codes[test], return_counts=True)
    return int(tested[tested < counts[groups]].sum())


def plan_name(known: Mapping[str, float]) -> str:
    """Return the short name of what is answered.

    Groups of at least nine in ten test rows are called known, of none new.

    Parameters
    ----------
    known
        From `known_shares`.

    Examples
    --------
    >>> plan_name({}), plan_name({"school": 0.0}), plan_name({"school": 0.98})
    ('new rows', 'new groups', 'known groups')
    >>> plan_name({"lecturer": 0.0, "student": 0.5})
    'new lecturer, partly known student'
    """
    if len(known) < 2:
        return next((f"{_word(share)} groups" for share in known.values()), "new rows")
    return ", ".join(f"{_word(share)} {name}" for name, share in known.items())


def question(known: Mapping[str, float]) -> str:
    """Return what is answered, with the share where only a part of rows is known.

    Parameters
    ----------
    known
        From `known_shares`.

    Examples
    --------
    >>> question({"school": 1.0}), question({"school": 0.375})
    ('known groups', 'partly known groups (38 % of test rows)')
    >>> question({"lecturer": 0.0, "student": 1.0})
    'rows of a new lecturer and a known student'
    """
    if len(known) < 2:
        return plan_name(known) + "".join(map(_counted, known.values()))
    parts = [f"a {_word(v)} {name}{_counted(v)}" for name, v in known.items()]
    return f"rows of {', '.join(parts[:-1])} and {parts[-1]}"


def labels_of(names: Sequence[str], known: Iterable[bool]) -> str:
    """Return what rows are that have this group known, and that one not.

    Parameters
    ----------
    names
        The grouping columns.
    known
        Whether the row's group is known, column by column.

    Examples
    --------
    >>> labels_of(["lecturer", "student"], [False, True])
    'new lecturer, known student'
    """
    return plan_name(dict(zip(names, map(float, known), strict=True)))


def percent(share: float) -> str:
    """Return a share in whole per cent, never 0 or 100 where it is neither.

    Examples
    --------
    >>> percent(0.999), percent(1.0), percent(0.001)
    ('99 %', '100 %', '1 %')
    """
    whole = round(100 * share)
    return f"{min(max(whole, 1), 99) if 0.0 < share < 1.0 else whole} %"


def _word(share: float) -> str:
    if share == 0.0:
        return "new"
    return "known" if share >= MOSTLY else "partly known"


def _counted(share: float) -> str:
    return f" ({percent(share)} of test rows)" if 0.0 < share < 1.0 else ""
