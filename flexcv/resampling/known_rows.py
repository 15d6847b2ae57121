"""Which rows of a held-out group become known before its others are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.errors import PlanError

from .clock import Clock


@dataclass(frozen=True, slots=True, eq=False)
class KnownRows:
    """Hold the rows of one fold that become known, and those that are predicted.

    All counts are scored on the same rows, those beyond the largest count, so that
    scores differ by what was known and by nothing else. Groups without such rows take
    no part.

    Parameters
    ----------
    counts
        How many rows of each group become known, rising.
    given
        Positions of the rows that become known at the largest count.
    places
        The place of each of them in its group, from 0.
    asked
        Positions of the rows that are scored.
    """

    counts: tuple[int, ...]
    given: IntArray
    places: IntArray
    asked: IntArray

    def known(self, count: int) -> IntArray:
        """Return the positions of the first `count` rows of every group."""
        return self.given[self.places < count]


def check_counts(value: Any) -> tuple[int, ...]:
    """Return counts of known rows in rising order, or say what is wrong with them.

    Examples
    --------
    >>> check_counts([5, 0, 1])
    (0, 1, 5)
    """
    counts = (value,) if isinstance(value, int) else value
    is_list = isinstance(counts, Sequence) and not isinstance(counts, str)
    if not is_list or not all(_is_count(count) for count in counts):
        raise ValueError(
            "`known_rows` must be whole numbers from 0 on, got "
            f"{value!r}; pass for example (0, 1, 2, 5)."
        )
    return tuple(sorted({int(count) for count in counts}))


def known_rows_of(
    dataset: Dataset,
    test: IntArray,
    counts: tuple[int, ...],
    clock: Clock | None,
    seed: int,
) -> KnownRows | None:
    """Choose the rows of a fold's groups that become known.

    Parameters
    ----------
    dataset
        The table; its first grouping column counts.
    test
        Positions of the test rows.
    counts
        How many rows become known; nothing chooses none.
    clock
        The first rows in time become known; None draws them.
    seed
        Of the draw.
    """
    if not counts:
        return None
    owners = dataset.group_codes()
    assert owners is not None, "groups were asked for before"
    when = np.random.default_rng([seed, len(counts)]).permutation(len(test))
    if clock is not None:
        when = clock.places[test]
    order = np.lexsort((np.arange(len(test)), when, owners[test]))
    rows, largest = test[order], counts[-1]
    starts = np.flatnonzero(np.diff(owners[rows], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    places = np.arange(len(rows)) - np.repeat(starts, sizes)
    is_scored = np.repeat(sizes > largest, sizes)
    given = is_scored & (places < largest)
    asked = np.sort(rows[is_scored & (places >= largest)])
    return KnownRows(counts, rows[given], places[given], asked)


def require_new_groups(
    keeps_groups: bool | None, largest: int, chosen: Sequence[KnownRows | None]
) -> None:
    """Refuse known rows where groups are not held out, or where none has more.

    Parameters
    ----------
    keeps_groups
        Whether test groups are without training rows; None without groups.
    largest
        The largest count.
    chosen
        Of every fold.
    """
    if not keeps_groups:
        why = "has no groups" if keeps_groups is None else "trains on test groups"
        raise PlanError(
            "`known_rows` asks about groups that training did not show but the split "
            f"{why}; pass `groups` to set_data and split by 'GroupKFold'."
        )
    if not any(rows is not None and len(rows.asked) for rows in chosen):
        raise PlanError(
            f"`known_rows` goes up to {largest} and no group has more rows than that, "
            "so none are left to predict; ask for fewer."
        )


def _is_count(value: Any) -> bool:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_whole and value >= 0
