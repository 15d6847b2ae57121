"""Mixed effects around any regressor: MERF, the mixed-effects random forest."""

from __future__ import annotations

import importlib
import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice, check_flag, check_integer, check_number
from flexcv.errors import ConvergenceWarning
from flexcv.models._effects import Columns
from flexcv.models._identify import require_identifiable
from flexcv.models._table import prediction_table
from flexcv.models.alternation import (
    Round,
    alternate,
    has_settled,
    trace_frame,
    trace_row,
)
from flexcv.models.base import AbstractMixedModel, RandomPart, Training
from flexcv.models.conditional import (
    learn_uncertainty,
    normal_interval,
)
from flexcv.models.learner_rows import (
    LearnerRefits,
    LearnerRows,
    generator_from,
    seeded,
)
from flexcv.models.out_of_sample import (
    KINDS,
    is_rigid,
    predictions,
)
from flexcv.models.outcomes import NormalOutcome
from flexcv.models.residual_effects import (
    SOLVERS,
    RandomColumns,
    average_part,
    columns_of,
    distinct_columns,
    no_effects,
)
from flexcv.models.working import Task

FloatArray = npt.NDArray[np.float64]
Callback = Callable[[Mapping[str, float]], bool | None]

TOL = 1e-2  # above the tremble that a forest's likelihood keeps from refit to refit
RIGID_TOL = 1e-6  # refits of a linear learner repeat exactly
LEARNED = ("learner_", "random_part_", "uncertainty_")  # forgotten before a fit


class MERF(AbstractMixedModel):
    r"""Random effects around any regressor, by alternating refits.

    The model is :math:`y = f(X) + Zb + e` with :math:`b \sim N(0, D)` in each level
    of a grouping column and :math:`e \sim N(0, \sigma^2)`. Hajjem, Bellavance &
    Larocque (2014), *Mixed-effects random forest for clustered data*, J. Stat.
    Comput. Simul. 84, 1313-1328, fit f by a random forest and (b, D, sigma^2) by EM.
    Here the residuals come from rows that the learner had not seen, and by default
    (b, D, sigma^2) are maximised exactly in each round.

    Parameters
    ----------
    estimator
        The regressor or pipeline that learns f; None is a random forest.
    groups, slopes, random
        The random part, as in `LinearMixedEffectsModel`; None is the plain learner.
    max_iterations
        The most refits; 0 is the plain learner.
    tol
        Stop when the relative change of the likelihood per row stays below; None
        never stops early. ``"auto"`` is 1e-2, or 1e-6 around a linear learner.
    patience
        For how many iterations in a row it must stay below.
    fit_prediction
        Which fitted values the residuals are made of: ``"oob"`` (out-of-bag),
        ``"cv"`` (cross-fitted), ``"in_sample"``. ``"auto"`` takes out-of-bag where
        the learner offers it, in-sample for linear learners with at least 20 rows
        per coefficient, cross-fitted otherwise.
    solver
        ``"profile"`` maximises the likelihood of the residuals in each round, moves
        to the fixed part what the learner missed of the average effects and, with one
        factor and honest fitted values, takes out of a row's target the effect that
        the other rows of its level predict; ``"em"`` takes one classical EM step.
    validation_fraction
        Share of the rows kept apart, to watch their loss.
    callbacks
        Called with each new row of `trace_` as a mapping; one that returns True
        stops the fit.
    random_state
        Seeds what the learner leaves open, and the choice of validation rows.
    known_groups
        ``"conditional"`` predicts known levels with their random effects,
        ``"population"`` every row without.
    folds
        For cross-fitting: how many folds over shuffled rows, or a splitter, which
        is passed the first factor's levels as groups.
    warm_start
        For a forest: keep the newer half of the trees in a refit.
    keep_random_effects
        Whether to keep the effects of each iteration as `random_effects_trace_`.

    Attributes
    ----------
    learner_
        The fitted learner of the last iteration.
    fit_prediction_
        Which fitted values were used.
    average_effects_
        What the learner missed of the average effects, added to its predictions.
    sigma_
        Standard deviation of what the fixed part does not predict: noise and, with
        honest fitted values, the learner's own error.
    random_effects_, variance_components_
        As in `LinearMixedEffectsModel`.
    trace_
        A row per iteration.
    converged_, n_iter_
        Whether the likelihood settled, and after how many iterations.

    Examples
    --------
    >>> from flexcv.synthesizer import generate_regression
    >>> X, y, group, _ = generate_regression(3, 400, n_groups=20, n_slopes=0)
    >>> model = MERF(groups="group", random_state=1).fit(X.assign(group=group), y)
    >>> model.fit_prediction_
    'oob'
    >>> model.random_effects_["group"].shape
    (20, 1)
    """

    trace_: pd.DataFrame

    def __init__(
        self,
        estimator: Any = None,
        groups: Any = None,
        slopes: Any = (),
        *,
        random: Any = None,
        max_iterations: int = 50,
        tol: float | str | None = "auto",
        patience: int = 2,
        fit_prediction: str = "auto",
        solver: str = "auto",
        validation_fraction: float | None = None,
        callbacks: Any = None,
        random_state: Any = None,
        known_groups: str = "conditional",
        folds: Any = 5,
        warm_start: bool = False,
        keep_random_effects: bool = False,
    ) -> None:
        self.estimator = estimator
        self.groups = groups
        self.slopes = slopes
        self.random = random
        self.max_iterations = max_iterations
        self.tol = tol
        self.patience = patience
        self.fit_prediction = fit_prediction
        self.solver = solver
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.random_state = random_state
        self.known_groups = known_groups
        self.folds = folds
        self.warm_start = warm_start
        self.keep_random_effects = keep_random_effects

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Fit the model.

        Parameters
        ----------
        X
            A table with the features and the columns that the parameters name; an
            array will do when no column is named.
        y
            The target, one number per row.
        fit_params
            Arguments of the learner's `fit`. The random part weighs all rows alike.
        """
        self._check_settings()
        self._fit_params = fit_params
        try:
            return super().fit(X, y)
        finally:
            del self._fit_params

    def predict_interval(self, X: Any, level: float = 0.95) -> pd.DataFrame:
        """Predict with an interval for a new row of each group.

        Known levels add the conditional variance of their effects to sigma^2,
        unknown levels the variance of the effects themselves.

        Parameters
        ----------
        X
            A table with the training table's columns.
        level
            Coverage of the intervals.

        Returns
        -------
        Columns prediction, lower and upper.
        """
        predicted = self.predict(X)
        source = Columns(prediction_table(self, X))
        design = self.random_encoder_.design(source)
        known = self.known_groups == "conditional"
        variance = self.sigma_**2 + self.uncertainty_.variances(design, known)
        return normal_interval(predicted, variance, level, X)

    def plot_convergence(self, axes: Any = None) -> Any:
        """Draw likelihood, variances, change and validation loss by iteration.

        Parameters
        ----------
        axes
            Axes to draw on, one per picture; new ones by default.
        """
        check_is_fitted(self)
        drawing = importlib.import_module("flexcv.plots.iterations")
        return drawing.plot_iterations(self.trace_, axes)

    def grouping_columns(self) -> tuple[Any, ...]:
        """Name the grouping columns it reads."""
        return tuple(name for term in self._terms() for name in term.columns)

    @property
    def random_effects_trace_(self) -> pd.DataFrame:
        """The predicted effects after each iteration: iteration, group, level."""
        check_is_fitted(self)
        if not self.keep_random_effects:
            raise AttributeError(
                "`random_effects_trace_` is kept with keep_random_effects=True."
            )
        return pd.concat(self._effects_kept, names=["iteration"])

    def _check_settings(self) -> None:
        check_integer("max_iterations", self.max_iterations, 0)
        check_integer("patience", self.patience, 1)
        check_choice("fit_prediction", self.fit_prediction, KINDS)
        check_flag("warm_start", self.warm_start)
        check_choice("solver", self.solver, ("auto", *SOLVERS))
        if self.tol is not None and self.tol != "auto":
            check_number("tol", self.tol, 0.0)

    def _fit_design(self, training: Training) -> None:
        design, target = training.design, training.target
        require_identifiable(design)
        if design.factors and np.ptp(target) == 0.0:
            raise ValueError(
                "`y` must vary for random effects to be found, got the same value in "
                f"all {len(target)} rows; check the target."
            )
        self._feature_names = training.features
        random = distinct_columns(design, training.source.ones)
        rows = LearnerRows(self._learner_table(training.source.table), random, target)
        generator = generator_from(self.random_state)
        given = RandomForestRegressor() if self.estimator is None else self.estimator
        learner = seeded(given, generator)
        train, valid = rows.split(self.validation_fraction, generator)
        for name in LEARNED:
            self.__dict__.pop(name, None)
        self.trace_ = trace_frame([], random)
        self.converged_ = self.stopped_ = False
        self._effects_kept: dict[int, pd.DataFrame] = {}
        if not design.factors or self.max_iterations == 0:
            self._keep_plain(learner, train)
        else:
            self._alternate(learner, train, valid)

    def _learner_table(self, table: pd.DataFrame) -> Any:
        """Give what the learner reads: a table where columns have names."""
        if not self._feature_names:
            raise ValueError(
                "`X` must have a feature beside the grouping columns, got none; add a "
                "column for the learner."
            )
        features = table[self._feature_names]
        return features if hasattr(self, "feature_names_in_") else features.to_numpy()

    def _refits(self, learner: Any, train: LearnerRows) -> LearnerRefits:
        wanted, folds, warm = self.fit_prediction, self.folds, self.warm_start
        return LearnerRefits(learner, train, wanted, folds, self._fit_params, warm)

    def _alternate(
        self, learner: Any, train: LearnerRows, valid: LearnerRows | None
    ) -> None:
        solve = SOLVERS["profile" if self.solver == "auto" else self.solver]
        outcome = NormalOutcome(train.random, train.target, solve)
        rounds = alternate(self._refits(learner, train), outcome)
        kept: list[dict[str, float]] = []
        try:
            for finished in itertools.islice(rounds, self.max_iterations):
                self._keep(finished, train.random)
                loss = np.nan if valid is None else self._loss(valid)
                kept.append(trace_row(finished, train.random, loss))
                if self._is_done(kept):
                    break
        finally:
            self._finish(kept, train)
        self._warn_unsettled(kept)

    def _is_done(self, rows: Sequence[Mapping[str, float]]) -> bool:
        """Call the callbacks, then look whether to stop."""
        stop = [callback(rows[-1]) is True for callback in _as_list(self.callbacks)]
        tol = self._tolerance()
        if tol is not None:
            changes = [row["change"] for row in rows]
            self.converged_ = has_settled(changes, tol, self.patience)
        self.stopped_ = any(stop)
        return self.stopped_ or self.converged_

    def _tolerance(self) -> float | None:
        if self.tol != "auto":
            return None if self.tol is None else float(self.tol)
        rigid = is_rigid(self.learner_, len(self.fitted_))
        return RIGID_TOL if rigid and self.fit_prediction_ == "in_sample" else TOL

    def _keep_plain(self, learner: Any, train: LearnerRows) -> None:
        """Keep the learner alone: no random effects, no correction."""
        refit = self._refits(learner, train)(Task(train.target))
        nothing = no_effects(train.random, train.target - refit.fitted)
        self._keep(Round(0, refit, nothing, np.nan, 0.0, 0.0), train.random)
        self.converged_ = True
        self._finish([], train)

    def _keep(self, finished: Round, random: RandomColumns) -> None:
        """Take over the state of a finished round, so that a failure keeps it."""
        refit, state = finished.refit, finished.random
        self.learner_, self.fitted_ = refit.learner, refit.fitted
        self.fit_prediction_ = refit.kind
        self.n_iter_ = finished.iteration
        self.sigma_ = float(np.sqrt(state.sigma2))
        self.random_part_ = RandomPart(state.effects, state.covariances)
        names = pd.Index(random.names, name="effect")
        self.average_effects_ = pd.Series(state.average, index=names)
        self.loglik_ = state.loglik
        if self.keep_random_effects:
            self._effects_kept[finished.iteration] = pd.concat(
                self.random_effects_, names=["group", "level"]
            )

    def _finish(self, rows: Sequence[Mapping[str, float]], train: LearnerRows) -> None:
        if not hasattr(self, "learner_"):
            return
        self.trace_ = trace_frame(rows, train.random)
        known = np.flatnonzero(np.isfinite(self.fitted_))
        design = train.random.take(known).design
        covariances = self.random_part_.covariances
        self.uncertainty_ = learn_uncertainty(design, self.sigma_**2, covariances)

    def _loss(self, valid: LearnerRows) -> float:
        """Give the mean squared error of rows kept out of training."""
        predicted = predictions(self.learner_, valid.X, len(valid.target))
        predicted += average_part(valid.random.columns, self._average())
        predicted += valid.design.effects_sum(self.random_part_.effects)
        return float(np.mean((valid.target - predicted) ** 2))

    def _warn_unsettled(self, rows: Sequence[Mapping[str, float]]) -> None:
        tol = self._tolerance()
        if tol is None or self.converged_ or self.stopped_:
            return
        warnings.warn(
            f"MERF has not settled after {self.n_iter_} iteration(s): the likelihood "
            f"per row last changed by {rows[-1]['change']:.2g} and `tol` is {tol:g}; "
            "raise `max_iterations` or `tol`, or pass tol=None for a fixed number.",
            ConvergenceWarning,
            stacklevel=6,
        )

    def _fixed_part(self, source: Columns) -> FloatArray:
        table = self._learner_table(source.table)
        predicted = predictions(self.learner_, table, len(source.table))
        if self.average_effects_.any():
            columns = columns_of(self.random_encoder_, source)
            predicted += average_part(columns, self._average())
        return predicted

    def _average(self) -> FloatArray:
        return np.asarray(self.average_effects_, dtype=np.float64)


def _as_list(callbacks: Any) -> list[Callback]:
    if callbacks is None:
        return []
    return [callbacks] if callable(callbacks) else list(callbacks)
