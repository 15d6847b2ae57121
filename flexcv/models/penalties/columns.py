"""Which columns of a table carry a penalty, and their numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flexcv._checks import near_miss
from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import RankDeficiencyWarning
from flexcv.models.contract.base import Training
from flexcv.models.design._effects import Columns, Constant
from flexcv.models.design.accumulate import Table, fixed_basis
from flexcv.models.design.columns import FixedEncoder, RandomDesign, learn_fixed

from .coordinate_descent import PenalisedRows

CONSTANT = 1e-13  # spread of a column, relative to its size, that is rounding


@dataclass(frozen=True, slots=True, eq=False)
class PenalisedColumns:
    """How a table becomes columns with and without a penalty.

    Attributes
    ----------
    encoder
        Gives all fixed columns, the intercept first.
    penalised, free
        Their positions among the encoder's columns; the intercept is free.
    centre
        Training means of the penalised columns.
    """

    encoder: FixedEncoder
    penalised: IntArray
    free: IntArray
    centre: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """One name per fixed column."""
        return self.encoder.names

    def penalised_matrix(self, source: Columns) -> FloatArray:
        """Return the penalised columns of a table, centred."""
        columns = self.encoder.columns(source)
        picked = [columns[k] for k in self.penalised]
        if not picked:
            return np.zeros((len(source.table), 0))
        return np.column_stack(picked) - self.centre

    def free_columns(self, source: Columns) -> list[FloatArray]:
        """Return the columns without a penalty."""
        columns = self.encoder.columns(source)
        return [columns[k] for k in self.free]

    def rows(
        self, source: Columns, target: FloatArray, design: RandomDesign
    ) -> PenalisedRows:
        """Return the rows of a table."""
        free = np.column_stack(self.free_columns(source))
        return PenalisedRows(self.penalised_matrix(source), free, target, design)

    def coefficients(self, penalised: FloatArray, free: FloatArray) -> FloatArray:
        """Put the coefficients of uncentred columns in the encoder's order.

        Parameters
        ----------
        penalised, free
            Coefficients of the centred columns and of the free ones, with a further
            axis or none.
        """
        values = np.zeros((len(self.names), *penalised.shape[1:]))
        values[self.penalised] = penalised
        values[self.free] = free
        values[0] -= self.centre @ penalised
        return values


def learn_columns(
    training: Training, unpenalised: Sequence[Any], *, all_free: bool
) -> PenalisedColumns:
    """Learn the columns of a training table.

    Parameters
    ----------
    training
        What the model learns from.
    unpenalised
        Columns without a penalty, beside the intercept and the columns of slopes.
    all_free
        Whether no column has a penalty.
    """
    table = training.source.table
    encoder = learn_fixed(table, leave_out=training.left_out)
    _require_features(unpenalised, training.features)
    slopes = {name for term in training.terms for name in term.slopes}
    named = set(unpenalised) | slopes
    is_free = [
        all_free
        or isinstance(effect, Constant)
        or getattr(effect, "name", None) in named
        for effect in encoder.effects
        for _ in effect.names
    ]
    columns = encoder.columns(training.source)
    free = np.flatnonzero(is_free)
    _require_rows(len(free), len(table), all_free=all_free)
    penalised = np.flatnonzero(~np.array(is_free))
    centre = np.array([columns[k].mean() for k in penalised])
    _warn_of_constants(columns, encoder, penalised)
    independent = _independent(columns, encoder, free, training.source.ones)
    return PenalisedColumns(encoder, penalised, independent, centre)


def as_names(value: Any) -> tuple[Any, ...]:
    """Return one name or several as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str | int) else tuple(value)


def _require_features(unpenalised: Sequence[Any], features: Sequence[Any]) -> None:
    for name in unpenalised:
        if name not in features:
            hint = near_miss(name, features) or "; check the name."
            raise ValueError(
                f"`unpenalized` names column {name!r}, which is not among the features"
                f"{hint}"
            )


def _require_rows(n_free: int, n_rows: int, *, all_free: bool) -> None:
    if n_free < n_rows:
        return
    advice = "take a positive alpha" if all_free else "penalise some of them"
    raise ValueError(
        "a fit needs more rows than columns without a penalty (the intercept among "
        f"them), got n_samples = {n_rows} and {n_free} columns; {advice}."
    )


def _independent(
    columns: Sequence[FloatArray],
    encoder: FixedEncoder,
    free: IntArray,
    ones: FloatArray,
) -> IntArray:
    """Leave out free columns that earlier ones determine, and say so."""
    picked, n_rows = [columns[k] for k in free], len(ones)
    design = RandomDesign((), n_rows)
    kept = fixed_basis(Table(picked, design, np.zeros(n_rows), None, ones)).kept
    dropped = [encoder.names[k] for k in np.delete(free, kept)]
    if dropped:
        warnings.warn(
            f"unpenalised columns {dropped} are determined by earlier ones and were "
            "dropped; remove them to silence this.",
            RankDeficiencyWarning,
            stacklevel=6,
        )
    return free[kept]


def _warn_of_constants(
    columns: Sequence[FloatArray], encoder: FixedEncoder, penalised: IntArray
) -> None:
    """Return which penalised columns are swallowed by the intercept."""
    constant = [
        encoder.names[k]
        for k in penalised
        if np.ptp(columns[k]) <= CONSTANT * np.abs(columns[k]).max()
    ]
    if constant:
        warnings.warn(
            f"columns {constant} do not vary, so their coefficients are zero; remove "
            "them to silence this.",
            RankDeficiencyWarning,
            stacklevel=6,
        )
