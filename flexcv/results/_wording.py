"""The outcome of a comparison in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

CLEAR = 0.95  # a probability that settles a comparison


def sentence(row: Mapping[str, Any], level: float) -> str:
    """Say which model is better, or that it is open, and what the interval says."""
    enough = row["n_folds"] > 1
    verdict = _verdict(row) if enough else _no_verdict(row)
    return f"{verdict} {_interval(row, level)}"


def _verdict(row: Mapping[str, Any]) -> str:
    a, b = row["model_a"], row["model_b"]
    better, equal, worse = row["p_better"], row["p_equal"], row["p_worse"]
    if better >= CLEAR:
        return f"{a} is practically better than {b} (probability {better:.2f})."
    if worse >= CLEAR:
        return f"{a} is practically worse than {b} (probability {worse:.2f})."
    if equal >= CLEAR:
        return f"{a} and {b} are practically equal (probability {equal:.2f})."
    return (
        f"Undecided: {a} is better than {b} with probability {better:.2f}, practically "
        f"equal {equal:.2f}, worse {worse:.2f}."
    )


def _no_verdict(row: Mapping[str, Any]) -> str:
    a, b = row["model_a"], row["model_b"]
    if row["n_folds"] == 0:
        return f"{a} and {b} share no fold with a score."
    return f"One fold cannot tell {a} from {b} by a test."


def _interval(row: Mapping[str, Any], level: float) -> str:
    lower, upper = row["lower"], row["upper"]
    if np.isnan(lower):
        return "There is no interval for the difference."
    zero = "includes" if lower <= 0.0 <= upper else "excludes"
    return (
        f"The {100 * level:g} % interval of the difference, {lower:.3g} to {upper:.3g} "
        f"({row['method']}), {zero} zero."
    )
