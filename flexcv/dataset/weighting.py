"""Weights of rows, and what they reach: fits, the inner objective, scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from flexcv._checks import as_names, near_miss
from flexcv.arrays import FloatArray, IntArray

Reach: TypeAlias = Literal["fit", "objective", "scores"]
EVERYWHERE: tuple[Reach, ...] = ("fit", "objective", "scores")


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Hold a weight for every row of a table, and what the weights reach.

    Parameters
    ----------
    values
        One number per row, zero or more, shape (n_rows,).
    reach
        Any of ``"fit"`` (models are fitted with them), ``"objective"`` (tuning scores
        inner folds with them) and ``"scores"`` (metrics and their intervals).

    Examples
    --------
    >>> weights = Weights(pd.Series([1.0, 2.0, 3.0], name="w"), ("fit",))
    >>> weights.of("fit", np.array([2, 0])), weights.of("scores", np.array([2, 0]))
    (array([3., 1.]), None)
    """

    values: pd.Series[Any]
    reach: tuple[Reach, ...] = EVERYWHERE

    def of(self, purpose: Reach, rows: IntArray) -> FloatArray | None:
        """Return the weights of some rows; None where they do not reach.

        Parameters
        ----------
        purpose
            What they are asked for.
        rows
            Positions in the table.
        """
        if purpose not in self.reach:
            return None
        return self.values.to_numpy(dtype=np.float64)[rows]

    def take(self, rows: IntArray) -> Weights:
        """Keep the given rows, in the given order."""
        return Weights(self.values.iloc[rows], self.reach)


def checked_weights(values: pd.Series[Any], reach: str | Iterable[str]) -> Weights:
    """Make the record, or say what is wrong with the weights.

    Raises
    ------
    TypeError
        When they are no numbers.
    ValueError
        When one is missing, infinite or negative, when all are zero, or when `reach`
        names something else or nothing.
    """
    if not pd.api.types.is_numeric_dtype(values.dtype) or values.dtype.kind == "c":
        raise TypeError(
            f"`weights` must hold one number per row of `X`, got {values.iloc[0]!r}; "
            "convert them, for example with astype(float)."
        )
    numbers = values.astype(float)
    missing, negative = int((~np.isfinite(numbers)).sum()), int((numbers < 0).sum())
    if missing or negative:
        found = f"{missing} missing or infinite" if missing else f"{negative} negative"
        raise ValueError(
            f"`weights` must be finite numbers of zero or more, got {found} value(s); "
            "correct them, or drop those rows from all inputs."
        )
    if not numbers.any():
        raise ValueError(
            "`weights` are zero in every row, so no row counts; leave `weights` out."
        )
    return Weights(numbers, _checked_reach(reach))


def _checked_reach(reach: str | Iterable[str]) -> tuple[Reach, ...]:
    names = as_names("weights_in", reach)
    for name in names:
        if name not in EVERYWHERE:
            hint = near_miss(name, EVERYWHERE) or f"; it takes {', '.join(EVERYWHERE)}."
            raise ValueError(f"`weights_in` has no {name!r}{hint}")
    if not names:
        raise ValueError(
            "`weights_in` names nothing that weights reach; leave `weights` out, or "
            f"name some of {', '.join(EVERYWHERE)}."
        )
    return tuple(place for place in EVERYWHERE if place in names)
