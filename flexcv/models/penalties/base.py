"""What penalised mixed models share: settings, coefficients, the rounds of a fit."""

from __future__ import annotations

import itertools
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice, check_integer, check_interval
from flexcv.arrays import FloatArray
from flexcv.errors import ConvergenceWarning
from flexcv.models.contract.base import AbstractMixedModel, RandomPart, Training
from flexcv.models.contract.iterating import IteratedModel, is_stopped
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import require_groups_apart, require_identifiable
from flexcv.models.design.columns import RandomDesign
from flexcv.models.design.validate import target_values
from flexcv.typing import Callback, Folds

from .columns import (
    PenalisedColumns,
    as_names,
    learn_columns,
)
from .coordinate_descent import PenalisedRows
from .fit import PenalisedFit, PenaltySettings
from .held_out import Fold, group_folds, row_folds
from .rounds import PenalisedRound, trace_frame, trace_row
from .units import Units

PENALTIES = ("l1", "l2", "elasticnet")
CHOSEN = "cv"
VARIANCES = ("out_of_fold", "held_out_groups", "in_sample")


class AbstractPenalizedModel(IteratedModel, AbstractMixedModel):
    """A mixed model whose fixed effects carry a penalty.

    Subclasses make the rounds of a fit in `_rounds` and give the coefficients at its
    end in `_final_fit`.
    """

    penalty: str
    alpha: float | Literal["cv"]
    l1_ratio: float
    unpenalized: str | Sequence[str] | None
    standardise: bool
    n_alphas: int
    folds: Folds
    variances: str
    max_iterations: int
    tol: float
    callbacks: Callback | Sequence[Callback] | None
    trace_: pd.DataFrame
    columns_: PenalisedColumns
    fixed_: FloatArray

    @abstractmethod
    def _rounds(
        self, rows: PenalisedRows, training: Training, settings: PenaltySettings
    ) -> Iterator[PenalisedRound]:
        """Return round after round."""

    @abstractmethod
    def _final_fit(
        self,
        rows: PenalisedRows,
        training: Training,
        settings: PenaltySettings,
        last: PenalisedRound,
    ) -> PenalisedFit:
        """Return coefficients and effects at the variances of the last round."""

    @property
    def coef_(self) -> FloatArray:
        """Coefficients of the fixed columns but the intercept."""
        check_is_fitted(self)
        return self.fixed_[1:]

    @property
    def intercept_(self) -> float:
        """The intercept."""
        check_is_fitted(self)
        return float(self.fixed_[0])

    @property
    def fixed_effects_(self) -> pd.DataFrame:
        """Coefficient of each fixed column; whether it is penalised and selected."""
        check_is_fitted(self)
        penalised = np.isin(np.arange(len(self.fixed_)), self.columns_.penalised)
        table = {
            "estimate": self.fixed_,
            "penalized": penalised,
            "selected": self.fixed_ != 0.0,
        }
        return pd.DataFrame(table, index=list(self.columns_.names))

    def _again(self, X: Any, y: Any) -> tuple[Columns, FloatArray, RandomDesign]:
        """Return the columns, target and random part of a table with own groups."""
        check_is_fitted(self)
        source = self._observed(X)
        target = target_values(y, len(source.table))
        return source, target, self.random_encoder_.redrawn(source)

    def _path_frame(
        self, alphas: FloatArray, path: FloatArray, free: FloatArray
    ) -> pd.DataFrame:
        values = self.columns_.coefficients(path, free).T
        index = pd.Index(alphas, name="alpha")
        return pd.DataFrame(values, index=index, columns=list(self.columns_.names))

    def _l1_ratio(self) -> float:
        return {"l1": 1.0, "l2": 0.0}.get(self.penalty, float(self.l1_ratio))

    def _fit_design(self, training: Training) -> None:
        self._check_settings()
        self.__dict__.pop("cv_results_", None)
        self._require_apart(training.design)
        require_groups_apart(training.terms, ())
        self.columns_ = learn_columns(
            training, as_names(self.unpenalized), all_free=self._is_free()
        )
        units = self._units(training)
        rows = self._learn_rows(training, units)
        settings = self._settings(rows, units)
        last = self._run(rows, training, settings, units)
        fitted = units.fit(self._final_fit(rows, training, settings, last))
        self.fixed_ = self.columns_.coefficients(fitted.coefficients, fitted.free)
        self.scale_ = fitted.scale
        state = units.variances(last.variances, len(rows.target))
        self.sigma_ = float(np.sqrt(state.sigma2))
        self.loglik_ = state.loglik
        self.alpha_, self.l1_ratio_ = units.penalty_of_user(
            last.alpha, settings.l1_ratio
        )
        self.random_part_ = RandomPart(fitted.effects, state.covariances)
        self._keep_uncertainty(training)

    def _keep_uncertainty(self, training: Training) -> None:
        """Keep what intervals need, where a model has them."""

    def _units(self, training: Training) -> Units:  # noqa: ARG002
        """Return what is taken from the target before the fit; here nothing."""
        return Units()

    def _require_apart(self, design: RandomDesign) -> None:
        """Refuse factors whose variance cannot be told."""
        require_identifiable(design)

    def _learn_rows(self, training: Training, units: Units) -> PenalisedRows:
        target = units.scaled(training.target)
        return self.columns_.rows(training.source, target, training.design)

    def _settings(self, rows: PenalisedRows, units: Units) -> PenaltySettings:
        chosen = self.alpha == CHOSEN
        alpha, l1_ratio = None, self._l1_ratio()
        if not chosen:
            alpha, l1_ratio = units.penalty_within(float(self.alpha), l1_ratio)
        return PenaltySettings(
            alpha,
            l1_ratio,
            self.standardise,
            self.n_alphas,
            group_folds(self.folds, rows.design, rows.target) if chosen else (),
            None if self._is_free() else self._residual_folds(rows),
        )

    def _residual_folds(self, rows: PenalisedRows) -> tuple[Fold, ...] | None:
        if self.variances == "in_sample":
            return None
        if self.variances == "held_out_groups":
            folds = group_folds(self.folds, rows.design, rows.target)
            _require_partition(folds, len(rows.target))
            return folds
        n_folds = self.folds if isinstance(self.folds, int) else 5
        return row_folds(n_folds, rows.target)

    def _is_free(self) -> bool:
        """Return whether there is no penalty, so that the fit is maximum likelihood."""
        return not isinstance(self.alpha, str) and float(self.alpha) == 0.0

    def _run(
        self,
        rows: PenalisedRows,
        training: Training,
        settings: PenaltySettings,
        units: Units,
    ) -> PenalisedRound:
        """Go through the rounds until the variances stand, and keep their trace."""
        components = [
            f"{factor.name}.{name}"
            for factor in training.design.factors
            for name in factor.names
        ]
        kept: list[dict[str, float]] = []
        self.converged_ = stopped = False
        rounds = self._rounds(rows, training, settings)
        for finished in itertools.islice(rounds, self.max_iterations):
            told = units.round(finished, len(rows.target), settings.l1_ratio)
            kept.append(trace_row(told, components))
            if told.held_out is not None:
                self.cv_results_ = told.held_out.frame()
            stopped = is_stopped(self.callbacks, kept[-1])
            self.converged_ = self._has_settled(finished, settings)
            if stopped or self.converged_:
                break
        self.trace_, self.n_iter_ = trace_frame(kept, components), finished.iteration
        if not (self.converged_ or stopped):
            self._warn_unsettled(finished)
        return finished

    def _has_settled(self, finished: PenalisedRound, settings: PenaltySettings) -> bool:
        if settings.alpha == 0.0 or not finished.variances.relative:
            return finished.variances.converged
        return finished.change < self.tol and finished.variances.converged

    def _warn_unsettled(self, last: PenalisedRound) -> None:
        warnings.warn(
            f"the variances have not settled after {last.iteration} iteration(s): they "
            f"last changed by {last.change:.2g} of their sum and `tol` is "
            f"{self.tol:g}; raise `max_iterations` or `tol`.",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _fixed_part(self, source: Columns) -> FloatArray:
        total = np.zeros(len(source.table))
        columns = self.columns_.encoder.columns(source)
        for column, coefficient in zip(columns, self.fixed_, strict=True):
            if coefficient:
                total += coefficient * column
        return total

    def _check_settings(self) -> None:
        check_choice("penalty", self.penalty, PENALTIES)
        check_choice("variances", self.variances, VARIANCES)
        if not isinstance(self.standardise, bool):
            raise TypeError(
                f"`standardise` must be True or False, got {self.standardise!r}."
            )
        check_interval("l1_ratio", self.l1_ratio, 0.0, 1.0, closed="both")
        check_integer("max_iterations", self.max_iterations, 1)
        check_integer("n_alphas", self.n_alphas, 2)
        if isinstance(self.folds, int):
            check_integer("folds", self.folds, 2)
        elif not hasattr(self.folds, "split"):
            raise TypeError(
                f"`folds` must be a whole number or a splitter, got {self.folds!r}."
            )
        check_interval("tol", self.tol, 0.0)
        if isinstance(self.alpha, str):
            check_choice("alpha", self.alpha, (CHOSEN,), otherwise=" or a number")
        else:
            check_interval("alpha", self.alpha, 0.0)


def _require_partition(folds: Sequence[Fold], n_rows: int) -> None:
    """Refuse a splitter that does not leave every row out once."""
    tested = np.concatenate([fold.test for fold in folds])
    if len(tested) != n_rows or len(np.unique(tested)) != n_rows:
        raise ValueError(
            "variances='held_out_groups' needs `folds` that leave every row out once, "
            f"got {len(np.unique(tested))} of {n_rows} rows in {len(folds)} folds; "
            "pass a number or a GroupKFold."
        )
