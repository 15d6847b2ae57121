"""From a table to rows of curves with the local factors of their subjects."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv.errors import ExtrapolationWarning, ModelError
from flexcv.models._validate import (
    FloatArray,
    IntArray,
    require_no_missing,
    target_values,
)
from flexcv.models.base import AbstractMixedModel
from flexcv.models.design._effects import Columns
from flexcv.models.design._table import prediction_table
from flexcv.models.design.columns import FixedEncoder, level_codes

from .curve_basis import (
    Basis,
    SplineBasis,
    basis_columns,
    require_near,
    require_times,
)
from .messages import Local, messages
from .parameters import Parameters
from .prediction import nobody, posterior
from .sums import SubjectSums, subject_sums
from .units import Units


@dataclass(frozen=True, slots=True, eq=False)
class CurveRows:
    """The rows to predict, in the mixture's units.

    Attributes
    ----------
    design
        Curve columns, shape (rows, d).
    fixed
        The fixed part of each row.
    local
        Of the subjects that the rows are of; the last one is nobody.
    subjects
        Position of each row's subject in `local`.
    draws
        Which rows share a curve: one number per subject, known or not.
    """

    design: FloatArray
    fixed: FloatArray
    local: Local
    subjects: IntArray
    draws: IntArray


class AbstractCurveModel(AbstractMixedModel):
    """A mixed model whose random effects are the coefficients of curves.

    Subclasses set the attributes named here in `_fit_design`.
    """

    time: Any
    extrapolation: str
    basis_: Basis
    fixed_encoder_: FixedEncoder
    units_: Units
    parameters_: Parameters
    sums_: SubjectSums
    mean_coefficients_: FloatArray

    def _rows(self, X: Any, condition_on: Any) -> CurveRows:
        self._require_subjects()
        table = prediction_table(self, X)
        source = Columns(table)
        self._heed_times(source)
        column = table[self.random_encoder_.factors[0].group_columns[0]]
        sums, new, labels = self._seen(condition_on)
        codes = level_codes(column, labels)
        local, subjects = self._posterior(codes, sums, new)
        # A missing label is a subject of its own, too.
        unknown = pd.factorize(column, use_na_sentinel=False)[0]
        draws = np.where(codes >= 0, codes, codes.max(initial=-1) + 1 + unknown)
        return CurveRows(
            self._design(source),
            self._fixed(source),
            local,
            subjects,
            np.unique(draws, return_inverse=True)[1],
        )

    def _require_subjects(self) -> None:
        check_is_fitted(self)
        if not self.random_encoder_.factors:
            raise ModelError(
                "the distribution of curves needs subjects; name their column in "
                "`groups` and fit again."
            )

    def _seen(
        self, condition_on: Any
    ) -> tuple[SubjectSums, SubjectSums | None, pd.Index]:
        """Give the sums of known subjects and of new ones that have rows."""
        levels = self.random_encoder_.factors[0].levels
        population = self.known_groups == "population"
        if population and condition_on is not None:
            raise ValueError(
                "`condition_on` needs known_groups='conditional', got 'population'."
            )
        if condition_on is None:
            return self.sums_, None, levels[:0] if population else levels
        if not isinstance(condition_on, tuple) or len(condition_on) != 2:
            raise TypeError(
                "`condition_on` must be a pair (table, y) of observed rows, got "
                f"{type(condition_on).__name__}."
            )
        sums, labels = self._sums(*condition_on, levels, "`condition_on`")
        known = self.sums_.plus(sums.take(slice(0, len(levels))))
        return known, sums.take(slice(len(levels), None)), labels

    def _sums(
        self, X: Any, y: Any, levels: pd.Index, role: str
    ) -> tuple[SubjectSums, pd.Index]:
        """Sum a table's rows for the subjects in `levels` and then for new ones."""
        table = prediction_table(self, X)
        target = target_values(y, len(table))
        source = Columns(table)
        self._heed_times(source)
        column = table[self.random_encoder_.factors[0].group_columns[0]]
        require_no_missing(column, role)
        codes = level_codes(column, levels).copy()
        new_codes, new_labels = pd.factorize(column[codes < 0])
        codes[codes < 0] = len(levels) + new_codes
        labels = levels.append(pd.Index(new_labels)) if len(new_labels) else levels
        left = self.units_.target(target) - self._fixed(source)
        none = np.zeros((len(table), 0))
        sums = subject_sums(self._design(source), none, left, codes, len(labels))
        return sums, labels

    def _posterior(
        self, codes: IntArray, known: SubjectSums, new: SubjectSums | None
    ) -> tuple[Local, IntArray]:
        """Give the local factors of the rows' subjects and each row's place there."""
        n_known, d = len(known), known.cross.shape[1]
        needed = np.unique(codes[codes >= 0])
        of_known, of_new = needed[needed < n_known], needed[needed >= n_known]
        others = nobody(1, d)
        if new is not None:
            others = new.take(of_new - n_known).followed_by(others)
        told = messages(self.parameters_)
        local = posterior(known.take(of_known), others, told, self.parameters_)
        places = np.searchsorted(needed, codes)
        return local, np.where(codes >= 0, places, len(needed))

    def _design(self, source: Columns) -> FloatArray:
        return self.units_.curve(basis_columns(self.basis_, source))

    def _fixed(self, source: Columns) -> FloatArray:
        columns = np.column_stack(self.fixed_encoder_.columns(source))
        return np.asarray(self.units_.fixed(columns) @ self.parameters_.fixed)

    def _fixed_part(self, source: Columns) -> FloatArray:
        """Give the population's mean."""
        self._heed_times(source)
        curve = self._design(source) @ self.mean_coefficients_
        return self._user(self._fixed(source) + curve)

    def _user(self, values: FloatArray) -> FloatArray:
        return np.asarray(self.units_.centre + self.units_.scale * values)

    def _heed_times(self, source: Columns) -> None:
        """Refuse times far outside the range, and warn of those a little outside."""
        if not isinstance(self.basis_, SplineBasis):
            return
        times = require_times(source.table[self.time], self.time)
        said = require_near(self.basis_, times, self.extrapolation)
        if said:
            warnings.warn(said, ExtrapolationWarning, stacklevel=4)
