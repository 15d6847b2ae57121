"""Mixed effects around any learner: MERF, the mixed-effects random forest."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice, check_flag, check_integer, check_number
from flexcv._migration import attributes_of
from flexcv._rounding import on_grid
from flexcv._signatures import readable
from flexcv.arrays import FloatArray
from flexcv.errors import ConvergenceWarning, ModelError
from flexcv.models.alternating.alternation import (
    Round,
    alternate,
    has_settled,
    relative_change,
    trace_frame,
    trace_row,
)
from flexcv.models.alternating.learner_rows import (
    LearnerRefits,
    LearnerRows,
    generator_from,
    seeded,
)
from flexcv.models.alternating.out_of_sample import (
    KINDS,
    is_rigid,
    predictions,
)
from flexcv.models.alternating.outcomes import Outcome
from flexcv.models.contract.base import RandomPart, Training
from flexcv.models.contract.iterating import IteratedModel, is_stopped
from flexcv.models.contract.responses import AbstractFamilyModel, new_row_interval
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import require_identifiable
from flexcv.models.design.binary_labels import encoded_classes
from flexcv.models.design.columns import RandomDesign
from flexcv.models.design.terms import RandomSpecification
from flexcv.models.gaussian.conditional import (
    Uncertainty,
)
from flexcv.models.gaussian.residual_effects import (
    SOLVERS,
    RandomColumns,
    ResidualEffects,
    average_part,
    columns_of,
    distinct_columns,
)
from flexcv.models.laplace.families import Family, family_of
from flexcv.typing import Between, Callback, Folds, KnownGroups, Seed

from .group_learner import GroupLearner, learn_groups
from .learners import (
    chosen_learner,
    on_its_scale,
    outcome_of,
    prepared,
    refuse_normal_settings,
)

TOL = 1e-2  # above the tremble that a forest's likelihood keeps from refit to refit

RIGID_TOL = 1e-6  # refits of a linear learner repeat exactly

WORKING_TOL = 1e-4  # with a family, which has no likelihood that both halves climb

LEARNED = (
    "learner_",
    "random_part_",
    "uncertainty_",
    "group_learner_",
    "_state",
)  # forgotten before a fit

FAMILIES = ("gaussian", "binomial", "poisson")


@readable
class MERF(IteratedModel, AbstractFamilyModel):
    r"""Random effects around any regressor or classifier, by alternating refits.

    The model is :math:`y = f(X) + Zb + e` with :math:`b \sim N(0, D)` in each level
    of a grouping column and :math:`e \sim N(0, \sigma^2)`. Hajjem, Bellavance &
    Larocque (2014), *Mixed-effects random forest for clustered data*, J. Stat.
    Comput. Simul. 84, 1313-1328, fit f by a random forest and (b, D, sigma^2) by EM.
    Here the residuals come from rows that the learner had not seen, and by default
    (b, D, sigma^2) are maximised exactly in each round.

    With a `family` the model is :math:`g(E[y]) = s f(X) + Z\gamma + Zb`. A classifier
    is fitted to the labels and a learner of rates to the counts, with weights that
    take the effects out; another regressor is fitted to the working response (Hajjem,
    Larocque & Bellavance 2017, *Generalized mixed effects regression trees*, Stat.
    Prob. Lett. 126, 114-118). Each round then maximises the marginal likelihood over
    (s, gamma, D) by quadrature or Laplace's approximation, with f out of sample.

    Parameters
    ----------
    estimator
        The regressor, classifier or pipeline that learns f; None is a random forest.
    groups, slopes, random
        The random part, as in `LinearMixedEffectsModel`; None is the plain learner.
    family
        ``"gaussian"`` for a normal outcome, as None is; ``"binomial"`` for two classes,
        ``"poisson"`` for counts.
    max_iterations
        The most refits; 0 is the plain learner.
    tol
        Stop when the relative change of the likelihood per row stays below; None
        never stops early. ``"auto"`` is 1e-2; around a linear learner 1e-6, or 1e-4
        with a family.
    patience
        For how many iterations in a row it must stay below.
    fit_prediction
        Which fitted values the residuals are made of: ``"oob"`` (out-of-bag),
        ``"cv"`` (cross-fitted), ``"in_sample"``. ``"auto"`` takes out-of-bag where
        the learner offers it and has at least 50 members, in-sample for linear
        learners with at least 20 rows per coefficient, cross-fitted otherwise. It is
        always cross-fitted where a step before the one that predicts reads the
        target, as a selection of features does: a step that says so, or transforms
        the rows in another way without it.
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
    between
        Whether features tell of groups as well as of rows: the effects of groups are
        then b_i = h(mean of x_i) + u_i, h learnt by a clone of the learner from one
        row per group, which serves new groups. ``"auto"`` is yes where
        `flexcv.preprocessing.contextual_effects` finds that slopes differ within and
        between groups. With a family, group means are features of the learner.
    folds
        For cross-fitting: how many folds over shuffled rows, or a splitter, which
        is passed the first factor's levels as groups.
    warm_start
        For a forest: keep the newer half of the trees in a refit.
    keep_random_effects
        Whether to keep the effects of each iteration as `random_effects_trace_`.
    n_quadrature
        With a family, nodes of adaptive Gauss-Hermite quadrature for one factor with
        one effect per level; other designs get Laplace's approximation.

    Attributes
    ----------
    learner_
        The fitted learner of the last iteration; its predictions are in the target's
        units. Where a tree's arithmetic would lose the target, whose spread is below
        1e-3 or a thousand times smaller than its mean, it is one that standardises the
        target around the learner, then ``learner_.learner_``.
    fit_prediction_
        Which fitted values were used.
    group_learner_
        With `between`, what predicts the effects of new groups; None where features
        tell nothing of them. `variance_components_` then holds what it leaves.
    average_effects_
        What the learner missed of the average effects, added to its predictions.
    learner_slope_
        What its predictions are multiplied with: 1 for a normal outcome; below 1 where
        they are spread too widely on the scale of the link.
    sigma_
        Standard deviation of what the fixed part does not predict: noise and, with
        honest fitted values, the learner's own error. NaN with a family.
    classes_
        The two classes, with ``family="binomial"``.
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

    Two classes, for a known and a new group:

    >>> model = MERF(groups="group", family="binomial", random_state=1)
    >>> model = model.fit(X.assign(group=group), y > y.mean())
    >>> model.predict_proba(X.assign(group=group).head(3)).shape
    (3, 2)
    """

    keep_random_effects: bool
    learner_: Any
    group_learner_: GroupLearner | None
    learner_slope_: float
    average_effects_: pd.Series
    uncertainty_: Uncertainty
    trace_: pd.DataFrame
    _has_group_learner: bool
    _effects_kept: dict[int, pd.DataFrame]
    _feature_names: list[Any]

    if not TYPE_CHECKING:
        __getattr__ = attributes_of("flexcv.merf.MERF")

    def __init__(
        self,
        estimator: Any = None,
        groups: str | Sequence[str] | None = None,
        slopes: str | Sequence[str] | None = (),
        *,
        random: RandomSpecification | None = None,
        family: str | None = None,
        max_iterations: int = 50,
        tol: float | str | None = "auto",
        patience: int = 2,
        fit_prediction: str = "auto",
        solver: str = "auto",
        validation_fraction: float | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        random_state: Seed = None,
        known_groups: KnownGroups = "conditional",
        between: Between = False,
        folds: Folds = 5,
        warm_start: bool = False,
        keep_random_effects: bool = False,
        n_quadrature: int = 9,
    ) -> None:
        self.estimator = estimator
        self.groups = groups
        self.slopes = slopes
        self.random = random
        self.family = family
        self.max_iterations = max_iterations
        self.tol = tol
        self.patience = patience
        self.fit_prediction = fit_prediction
        self.solver = solver
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.random_state = random_state
        self.known_groups = known_groups
        self.between = between
        self.folds = folds
        self.warm_start = warm_start
        self.keep_random_effects = keep_random_effects
        self.n_quadrature = n_quadrature

    def fit(self, X: pd.DataFrame | ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:  # type: ignore[override]
        """Fit the model.

        Parameters
        ----------
        X
            A table with the features and the columns that the parameters name; an
            array will do when no column is named.
        y
            The target, one number per row, or one of two labels.
        fit_params
            Arguments of the learner's `fit`. The random part weighs all rows alike.
        """
        self._check_settings()
        self._fit_params = fit_params
        try:
            return super().fit(X, self._numbers(y))
        finally:
            del self._fit_params

    def predict_interval(
        self, X: pd.DataFrame | ArrayLike, level: float = 0.95
    ) -> pd.DataFrame:
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
        if not self._is_normal():
            raise ModelError(
                "`predict_interval` is for normal outcomes, and this model has "
                f"family={self.family!r}; use predict_proba, predict or predict_linear."
            )
        return new_row_interval(self, X, level)

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
        check_integer("n_quadrature", self.n_quadrature, 1)
        if self.family is not None:
            check_choice("family", self.family, FAMILIES)
        family = self._family_name()
        if family is not None:
            refuse_normal_settings(family, self.solver, self.warm_start)
        chosen_learner(self.estimator, family)
        if self.tol is not None and self.tol != "auto":
            check_number("tol", self.tol, 0.0)

    def _fit_design(self, training: Training) -> None:
        design, target = training.design, training.target
        require_identifiable(design)
        family = self._response_family()
        if family is not None:
            family.require_target(target, np.ones(len(target)))
        if design.factors and np.ptp(target) == 0.0:
            raise ValueError(
                "`y` must vary for random effects to be found, got the same value in "
                f"all {len(target)} rows; check the target."
            )
        self._feature_names = training.features
        random = distinct_columns(design, training.source.ones)
        table = self._learner_table(training.source.table)
        is_plain = not design.factors or self.max_iterations == 0
        target = target if is_plain else on_grid(target)
        rows = LearnerRows(table, random, target, self._fit_params)
        generator = generator_from(self.random_state)
        self._group_seed = int(generator.randint(2**31 - 1))
        given = chosen_learner(self.estimator, self._family_name())
        learner = on_its_scale(seeded(given, generator), self._family_name())
        if not is_plain:
            learner = prepared(learner, self._family_name(), target)
        train, valid = rows.split(self.validation_fraction, generator)
        for name in LEARNED:
            self.__dict__.pop(name, None)
        self.trace_, self.group_learner_ = trace_frame([], random), None
        self.converged_ = self.stopped_ = False
        self._effects_kept: dict[int, pd.DataFrame] = {}
        refits = self._refits(learner, train)
        outcome = outcome_of(
            learner, train, self._family_name(), self.solver, self.n_quadrature
        )
        if is_plain:
            self._keep_plain(refits, outcome, random)
        else:
            self._alternate(refits, outcome, random, valid)

    def _refits(self, learner: Any, train: LearnerRows) -> LearnerRefits:
        wanted, folds, warm = self.fit_prediction, self.folds, self.warm_start
        return LearnerRefits(learner, train, wanted, folds, warm)

    def _alternate(
        self,
        refits: LearnerRefits,
        outcome: Outcome,
        random: RandomColumns,
        valid: LearnerRows | None,
    ) -> None:
        rounds = alternate(refits, outcome)
        kept: list[dict[str, float]] = []
        try:
            for finished in itertools.islice(rounds, self.max_iterations):
                self._keep(finished, random)
                loss = np.nan if valid is None else self._loss(outcome, valid)
                kept.append(trace_row(finished, random, loss))
                if self._is_done(kept):
                    break
            self._learn_groups(refits, outcome)
        finally:
            self._finish(kept, outcome, random)
        self._warn_unsettled(kept)

    def _learn_group_means(
        self, table: pd.DataFrame, target: FloatArray, left_out: Sequence[Any]
    ) -> None:
        super()._learn_group_means(table, target, left_out)
        self._has_group_learner = self._is_normal() and self.group_means_ is not None
        if self._has_group_learner:
            self.group_means_ = None

    def _learn_groups(self, refits: LearnerRefits, outcome: Outcome) -> None:
        """Learn what features of groups tell of their effects; the rest is random."""
        self.group_learner_, rows = None, refits.rows
        factor = rows.design.factors[0]
        intercept = [column is rows.random.ones for column in factor.columns]
        if not self._has_group_learner or not any(intercept):
            return
        column, state = intercept.index(True), self._state
        variance = float(state.covariances[0][column, column])
        if not variance > 0.0:
            return
        levels, codes, counts = np.unique(
            factor.codes, return_inverse=True, return_counts=True
        )
        reliable = counts * variance / (counts * variance + state.sigma2)
        shown = state.effects[0][levels, column] / reliable
        found = learn_groups(
            refits.learner, rows.X, codes, shown, reliable, self._group_seed
        )
        if found is None:
            return
        self.group_learner_, honest = found
        state = outcome.solve(self.fitted_ + honest[codes], state)
        total = state.effects[0].copy()
        total[levels, column] += honest
        self._keep_effects(state, (total, *state.effects[1:]))

    def _is_done(self, rows: Sequence[Mapping[str, float]]) -> bool:
        """Call the callbacks, then look whether to stop."""
        stop = is_stopped(self.callbacks, rows[-1])
        tol = self._tolerance()
        if tol is not None:
            changes = [row["change"] for row in rows]
            self.converged_ = has_settled(changes, tol, self.patience)
        self.stopped_ = stop
        return self.stopped_ or self.converged_

    def _tolerance(self) -> float | None:
        if self.tol != "auto":
            return None if self.tol is None else float(self.tol)
        rigid = is_rigid(self.learner_, len(self.fitted_))
        if not rigid or self.fit_prediction_ != "in_sample":
            return TOL
        return RIGID_TOL if self._is_normal() else WORKING_TOL

    def _keep_plain(
        self, refits: LearnerRefits, outcome: Outcome, random: RandomColumns
    ) -> None:
        """Keep the learner alone: no random effects, no correction."""
        refit, state = None, outcome.start()
        for left in reversed(range(outcome.n_plain)):
            refit = refits(outcome.task(refit, state), refit)
            before, state = state, outcome.without_effects(refit.fitted)
            if left and relative_change(state, before) < TOL:
                break
        assert refit is not None
        self._keep(Round(0, refit, state, np.nan, 0.0, 0.0), random)
        self.converged_ = True
        self._finish([], outcome, random)

    def _keep(self, finished: Round, random: RandomColumns) -> None:
        """Take over the state of a finished round, so that a failure keeps it."""
        refit, state = finished.refit, finished.random
        self.learner_, self.fitted_ = refit.learner, refit.fitted
        self.fit_prediction_ = refit.kind
        self.n_iter_ = finished.iteration
        names = pd.Index(random.names, name="effect")
        self.average_effects_ = pd.Series(state.average, index=names)
        self._keep_effects(state, state.effects)
        if self.keep_random_effects:
            self._effects_kept[finished.iteration] = pd.concat(
                self.random_effects_, names=["group", "level"]
            )

    def _keep_effects(
        self, state: ResidualEffects, effects: tuple[FloatArray, ...]
    ) -> None:
        self.sigma_ = float(np.sqrt(state.sigma2))
        self.random_part_ = RandomPart(effects, state.covariances)
        self.average_effects_[:] = state.average
        self.learner_slope_, self.loglik_ = state.slope, state.loglik
        self._state = state

    def _finish(
        self,
        rows: Sequence[Mapping[str, float]],
        outcome: Outcome,
        random: RandomColumns,
    ) -> None:
        if not hasattr(self, "learner_"):
            return
        self.trace_ = trace_frame(rows, random)
        self.uncertainty_ = outcome.uncertainty(self.fitted_, self._state)
        del self._state

    def _loss(self, outcome: Outcome, valid: LearnerRows) -> float:
        """Return the loss of rows kept out of training."""
        predicted = predictions(self.learner_, valid.X, len(valid.target))
        predicted *= self.learner_slope_
        predicted += average_part(valid.random.columns, self._average())
        predicted += valid.design.effects_sum(self.random_part_.effects)
        return outcome.loss(valid.target, predicted)

    def _numbers(self, y: Any) -> Any:
        """Return a target of numbers; two classes become zeros and ones."""
        if self.family != "binomial" or y is None:
            return y
        self.classes_, target = encoded_classes(y)
        return target

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

    def _response_family(self) -> Family | None:
        name = self._family_name()
        return None if name is None else family_of(name)

    def _fixed_part(self, source: Columns) -> FloatArray:
        table = self._learner_table(source.table)
        if not len(source.table):  # learners refuse to predict nothing
            return np.zeros(0)
        predicted = predictions(self.learner_, table, len(source.table))
        predicted *= self.learner_slope_
        if self.average_effects_.any():
            columns = columns_of(self.random_encoder_, source)
            predicted += average_part(columns, self._average())
        return predicted

    def _linear(self, source: Columns, design: RandomDesign) -> FloatArray:
        """Add what features tell of groups that are new, or taken for new."""
        linear = super()._linear(source, design)
        if self.group_learner_ is None:
            return linear
        new = np.flatnonzero(design.factors[0].codes < 0)
        table = source.table.iloc[new]
        labels = table.groupby(list(self._terms()[0].columns), dropna=False).ngroup()
        codes = np.unique(labels.to_numpy(), return_inverse=True)[1]
        linear[new] += self.group_learner_.values(self._learner_table(table), codes)
        return linear

    def _average(self) -> FloatArray:
        return np.asarray(self.average_effects_, dtype=np.float64)

    def _learner_table(self, table: pd.DataFrame) -> Any:
        """Return what the learner reads: a table where columns have names."""
        if not self._feature_names:
            raise ValueError(
                "`X` must have a feature beside the grouping columns, got none; add a "
                "column for the learner."
            )
        features = table[self._feature_names]
        return features if hasattr(self, "feature_names_in_") else features.to_numpy()
