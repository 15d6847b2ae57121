"""The outcome of a comparison in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

CLEAR = 0.95  # a probability that settles a comparison


def counted(number: int, noun: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "fold"), counted(3, "fold")
    ('1 fold', '3 folds')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def why_nothing(stopped: str) -> str:
    """Return why no unit was finished, given what a stopped run said."""
    return stopped or "no unit of this run was finished; call perform()."


def sentence(
    row: Mapping[str, Any], level: float, greater_is_better: bool, n_folds: int
) -> str:
    """Return what the interval says, and then what the test over folds says.

    Parameters
    ----------
    row
        Of a comparison of two models.
    level
        Coverage of its interval.
    greater_is_better
        Which direction is better.
    n_folds
        How many folds the run has; the two may share fewer scores.
    """
    return f"{_interval(row, level, greater_is_better)} {_test(row, n_folds)}"


def _interval(row: Mapping[str, Any], level: float, greater_is_better: bool) -> str:
    a, b, lower, upper = (row[k] for k in ("model_a", "model_b", "lower", "upper"))
    if np.isnan(lower):
        return f"There is no interval for the difference of {a} and {b}."
    if lower <= 0.0 <= upper:
        ends = _ends(lower, upper, level, row["method"])
        return f"{a} and {b} cannot be told apart ({ends})."
    # Of how much better or worse, not of A minus B: no minus sign to puzzle over.
    least, most = sorted([abs(lower), abs(upper)])
    ends = _ends(least, most, level, row["method"])
    better = (lower > 0.0) == greater_is_better
    word = "better" if better else "worse"
    return f"{a} is {word} than {b} by {abs(row['difference']):.3g} ({ends})."


def _ends(lower: float, upper: float, level: float, method: str) -> str:
    return f"{100 * level:g} % interval {lower:.3g} to {upper:.3g}, {method}"


def _test(row: Mapping[str, Any], n_folds: int) -> str:
    if row["n_folds"] < 2:
        counted = "no fold" if row["n_folds"] == 0 else "one fold"
        return f"They share {counted} with a score, too few for a test."
    chances = {
        f"{row['model_a']} is better by more than {row['rope']:.2g}": row["p_better"],
        f"they differ by no more than {row['rope']:.2g}": row["p_equal"],
        f"{row['model_b']} is better by more than {row['rope']:.2g}": row["p_worse"],
    }
    shared = row["n_folds"]
    folds = f"{shared} of {n_folds} folds" if shared < n_folds else "folds"
    by = f"By the {folds}" + (" that have both scores" if shared < n_folds else "")
    for statement, probability in chances.items():
        if probability >= CLEAR:
            return f"{by}, {statement} with probability {probability:.2f}."
    listed = ", ".join(f"{text} ({chance:.2f})" for text, chance in chances.items())
    return f"{by} it is open, with probabilities: {listed}."
