"""How well the folds of a run agreed with what was chosen on all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import pandas as pd

COLUMNS = ("parameter", "final", "most_often", "times", "n_folds", "low", "high")


def agreement_of(
    final: Mapping[str, Any], folds: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return a row for each parameter that was chosen on all rows.

    Parameters
    ----------
    final
        What was chosen on all rows, by parameter.
    folds
        What was chosen in each fold.

    Returns
    -------
    DataFrame
        Columns parameter, final, most_often (the value that most folds chose; of
        equal ones the first), times (how many did), n_folds, and of numbers low and
        high over the folds.

    Examples
    --------
    >>> agreement_of({"depth": 4}, [{"depth": 4}, {"depth": 6}, {"depth": 4}])
      parameter final most_often  times  n_folds  low high
    0     depth     4          4      2        3    4    6
    """
    rows = [
        _row(name, value, [fold[name] for fold in folds if name in fold])
        for name, value in final.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        dict.fromkeys(("final", "most_often", "low", "high"), object)
    )


def agreement_said(agreement: pd.DataFrame) -> list[str]:
    """Say in a sentence for each parameter how far the folds agreed.

    Parameters
    ----------
    agreement
        Of `agreement_of`.

    Examples
    --------
    >>> folds = [{"depth": 4}, {"depth": 6}, {"depth": 4}]
    >>> agreement_said(agreement_of({"depth": 9}, folds))
    ['depth is 9, outside of what 3 folds chose: 4 to 6, most often 4 (2 of 3)']
    """
    return [_said(row) for row in agreement.itertuples()]


def _row(name: str, value: Any, chosen: Sequence[Any]) -> tuple[Any, ...]:
    if not chosen:
        return name, value, None, 0, 0, None, None
    counts = Counter(map(repr, chosen))
    often, times = counts.most_common(1)[0]
    most_often = next(one for one in chosen if repr(one) == often)
    are_numbers = all(map(_is_number, (value, *chosen)))
    low, high = (min(chosen), max(chosen)) if are_numbers else (None, None)
    return name, value, most_often, times, len(chosen), low, high


def _said(row: Any) -> str:
    said = f"{row.parameter} is {_shown(row.final)}"
    if not row.n_folds:
        return f"{said}; no fold chose it"
    folds = f"{row.times} of {row.n_folds}"
    if row.times == row.n_folds and repr(row.final) == repr(row.most_often):
        return f"{said}, as in all {row.n_folds} folds"
    if row.low is None:
        return f"{said}; most often it was {_shown(row.most_often)} ({folds} folds)"
    among = f"{_shown(row.low)} to {_shown(row.high)}"
    if row.times > 1:
        among += f", most often {_shown(row.most_often)} ({folds})"
    if row.low <= row.final <= row.high:
        return f"{said}; {row.n_folds} folds chose {among}"
    return f"{said}, outside of what {row.n_folds} folds chose: {among}"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
