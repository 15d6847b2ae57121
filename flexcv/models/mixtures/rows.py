"""From a table to rows of curves with the local factors of their subjects."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv.errors import ExtrapolationWarning, ModelError, UnknownGroupsWarning
from flexcv.models._validate import (
    FloatArray,
    IntArray,
    require_no_missing,
    target_values,
)
from flexcv.models.base import AbstractMixedModel
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import FixedEncoder
from flexcv.models.design.labels import (
    ColumnLabels,
    level_codes,
    plain_index,
    warn_of_strangers,
)

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


class Seen(NamedTuple):
    """What was observed of subjects, in training and since.

    `known` are sums of training's subjects, `new` of others, `labels` of both, and
    `visited` the places among the labels that have rows since.
    """

    known: SubjectSums
    new: SubjectSums | None
    labels: pd.Index
    visited: IntArray = np.zeros(0, dtype=np.intp)


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
        source = self._source(X)
        self._heed_times(source)
        column = self._subjects(source.table, "grouping")
        seen = self._seen(condition_on)
        codes = level_codes(column, seen.labels)
        self._heed_subjects(column, codes, seen)
        local, subjects = self._posterior(codes, seen.known, seen.new)
        unknown = pd.factorize(column)[0]
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

    def _subjects(self, table: pd.DataFrame, role: str) -> pd.Series:
        column: pd.Series = table[self.random_encoder_.factors[0].group_columns[0]]
        require_no_missing(column, role)
        return column

    def _heed_subjects(self, column: pd.Series, codes: IntArray, seen: Seen) -> None:
        """Warn when all rows' subjects are unknown, and of visits that serve none."""
        if self.known_groups == "population" or not len(codes):
            return
        if codes.max() < 0:
            here = plain_index(column.unique())
            warn_of_strangers([ColumnLabels(column.name, here, seen.labels)])
        unasked = seen.labels[np.setdiff1d(seen.visited, codes)]
        if len(unasked):
            warnings.warn(
                f"`condition_on` has rows of {len(unasked)} subject(s) that no row "
                f"asks for, such as {unasked.tolist()[0]!r}, and they change nothing; "
                "write labels as in the table to predict, or drop these rows.",
                UnknownGroupsWarning,
                stacklevel=4,
            )

    def _seen(self, condition_on: Any) -> Seen:
        """Give the sums of known subjects and of new ones that have rows."""
        levels = self.random_encoder_.factors[0].levels
        population = self.known_groups == "population"
        if population and condition_on is not None:
            raise ValueError(
                "`condition_on` needs known_groups='conditional', got 'population'."
            )
        if condition_on is None:
            return Seen(self.sums_, None, levels[:0] if population else levels)
        if not isinstance(condition_on, tuple) or len(condition_on) != 2:
            raise TypeError(
                "`condition_on` must be a pair (table, y) of observed rows, got "
                f"{type(condition_on).__name__}."
            )
        sums, labels = self._sums(*condition_on, levels, "`condition_on`")
        known = self.sums_.plus(sums.take(slice(0, len(levels))))
        new = sums.take(slice(len(levels), None))
        return Seen(known, new, labels, np.flatnonzero(sums.sizes))

    def _sums(
        self, X: Any, y: Any, levels: pd.Index, role: str
    ) -> tuple[SubjectSums, pd.Index]:
        """Sum a table's rows for the subjects in `levels` and then for new ones."""
        source = self._source(X)
        target = target_values(y, len(source.table))
        self._heed_times(source)
        column = self._subjects(source.table, role)
        codes = level_codes(column, levels).copy()
        new_codes, new_labels = pd.factorize(column[codes < 0])
        codes[codes < 0] = len(levels) + new_codes
        labels = levels.append(pd.Index(new_labels)) if len(new_labels) else levels
        left = self.units_.target(target) - self._fixed(source)
        none = np.zeros((len(target), 0))
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
