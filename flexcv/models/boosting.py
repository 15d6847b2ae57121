"""Boosted trees with random effects, as scikit-learn estimators."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ._effects import Columns
from ._identify import require_identifiable
from ._table import prediction_table
from ._validate import FloatArray
from .base import AbstractMixedModel, RandomPart, Training
from .boosted_trees import LEARNERS, BoostedTrees
from .boosting_folds import held_out_rows
from .boosting_likelihoods import Likelihood, NormalLikelihood
from .boosting_rounds import Checkpoint, Followed, boosted, followed
from .boosting_settings import pace_of, require_others, shape_of
from .boosting_trace import boosting_frame, boosting_row
from .conditional import learn_uncertainty, normal_interval
from .feature_values import learn_features
from .learner_rows import generator_from
from .noise import noise_variance
from .residual_effects import (
    RandomColumns,
    average_part,
    columns_of,
    distinct_columns,
)

Callback = Callable[[Mapping[str, float]], bool | None]

LEARNED = ("trees_", "random_part_", "uncertainty_")  # forgotten before a fit


class AbstractBoosting(AbstractMixedModel):
    """Boosting on a marginal likelihood, which a subclass gives."""

    trace_: pd.DataFrame

    learner: str
    folds: Any
    patience: int | None
    callbacks: Any
    random_state: Any
    max_bins: int

    @abstractmethod
    def _likelihood(self, random: RandomColumns, target: FloatArray) -> Likelihood:
        """Give what the trees climb, or refuse the target."""

    def plot_convergence(self, axes: Any = None) -> Any:
        """Draw likelihood, variances and change by rounds.

        Parameters
        ----------
        axes
            Axes to draw on, one per picture; new ones by default.
        """
        check_is_fitted(self)
        drawing = importlib.import_module("flexcv.plots.iterations")
        return drawing.plot_iterations(self.trace_.set_index("iteration"), axes)

    @property
    def feature_importances_(self) -> FloatArray:
        """Each feature's share of what the splits gained."""
        check_is_fitted(self)
        return self.trees_.importances()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit_design(self, training: Training) -> None:
        pace, shape = pace_of(self), shape_of(self)
        require_others(self)
        require_identifiable(training.design)
        for name in LEARNED:
            self.__dict__.pop(name, None)
        target, n_rows = training.target, len(training.target)
        random = distinct_columns(training.design, training.source.ones)
        _require_rows(n_rows)
        likelihood = self._likelihood(random, target)
        encoder = learn_features(training.source.table, training.features)
        values = encoder.values(training.source.table)
        reader = LEARNERS[self.learner](values, self.max_bins)
        generator = generator_from(self.random_state)
        factors = training.design.factors
        codes = factors[0].codes if factors else None
        folds = held_out_rows(self.folds, codes, n_rows, generator)
        grower = reader.grower(reader.read(values), shape)
        rounds = boosted(likelihood, grower, folds, n_rows, pace, generator)
        found = self._followed(rounds, random, self.patience if folds else None)
        start = likelihood.start(np.arange(n_rows))
        self.trees_ = BoostedTrees(encoder, reader, start, found.trees)
        self._keep(found, random, training)

    def _followed(self, rounds: Any, random: RandomColumns, patience: Any) -> Followed:
        """Follow the rounds, tell the callbacks and write the trace."""
        rows: list[dict[str, float]] = []

        def told(now: Checkpoint, before: Checkpoint | None) -> bool:
            rows.append(boosting_row(now, before, random))
            stop = [call(rows[-1]) is True for call in _as_list(self.callbacks)]
            return any(stop)

        try:
            return followed(rounds, patience, told)
        finally:
            self.trace_ = boosting_frame(rows, random)

    def _keep(self, found: Followed, random: RandomColumns, training: Training) -> None:
        """Take over the state where boosting was best."""
        state = found.best.state
        self.n_iter_, self.converged_ = found.best.n_trees, found.settled
        self.sigma_ = float(np.sqrt(state.sigma2))
        self.random_part_ = RandomPart(state.effects, state.covariances)
        names = pd.Index(random.names, name="effect")
        self.average_effects_ = pd.Series(state.average, index=names)
        self.loglik_ = state.loglik
        self.fitted_ = found.best.honest
        self.uncertainty_ = learn_uncertainty(
            training.design, state.sigma2, state.covariances
        )

    def _fixed_part(self, source: Columns) -> FloatArray:
        predicted = self.trees_.predict(source.table)
        if self.average_effects_.any():
            columns = columns_of(self.random_encoder_, source)
            predicted += average_part(columns, np.asarray(self.average_effects_))
        return predicted


class MixedEffectsBoosting(AbstractBoosting):
    r"""Boosted trees with random effects for a normal target.

    The model is :math:`y = F(X) + Zb + e` with :math:`b \sim N(0, D)` in each level of
    a grouping column and :math:`e \sim N(0, \sigma^2)`. F is a sum of trees, boosted on
    the marginal likelihood with the effects integrated out: each tree follows the
    gradient :math:`V^{-1}(y - F)`, and its leaf values are generalised least squares
    (Sigrist 2022, *Gaussian process boosting*, J. Mach. Learn. Res. 23). Unlike there,
    D and :math:`\sigma^2` are those of residuals of rows that trees had not seen, and
    the likelihood of these residuals tells when to stop.

    Parameters
    ----------
    groups, slopes, random
        The random part, as in `LinearMixedEffectsModel`; None is plain boosting.
    learner
        ``"histogram"`` grows trees on binned features, ``"exact"`` takes
        scikit-learn's trees, which look at every threshold and are slower.
    learning_rate
        Share of a tree's step that is taken.
    max_iterations
        The most rounds.
    max_depth, max_leaf_nodes, min_samples_leaf
        How far a tree may grow.
    subsample
        Share of the rows that each tree is grown on; all rows set its values.
    l2_regularization
        Rows of gradient zero that each leaf is thought to hold besides its own.
    max_bins
        The most bins of a feature, up to 255.
    step
        ``"newton"`` sets leaf values by generalised least squares, ``"gradient"`` by
        means of the gradient.
    folds
        Whose rows are kept apart for honest residuals: a number of folds over shuffled
        rows, or a splitter, which is passed the first factor's levels as groups. None
        takes in-sample residuals and goes to the last round.
    refresh_every
        After how many rounds variances and likelihood are found anew.
    patience
        Stop when the likelihood has not risen for this many rounds, and go back to its
        largest value; None always goes to the last round.
    callbacks
        Called with each new row of `trace_` as a mapping; one that returns True stops
        the fit.
    random_state
        Seeds folds and subsamples.
    known_groups
        ``"conditional"`` predicts known levels with their random effects,
        ``"population"`` every row without.

    Attributes
    ----------
    trees_
        The trees.
    sigma_
        Standard deviation of what the fixed part does not predict in a new row: noise
        and, with folds, the trees' own error.
    noise_
        Standard deviation of the noise alone; NaN without folds.
    average_effects_
        What the trees missed of the average effects, added to their predictions.
    random_effects_, variance_components_
        As in `LinearMixedEffectsModel`.
    feature_importances_
        Each feature's share of what the splits gained.
    trace_
        A row per refresh, from honest residuals.
    converged_, n_iter_
        Whether the likelihood had stopped to rise, and how many rounds are kept.

    Examples
    --------
    >>> from flexcv.synthesizer import generate_regression
    >>> X, y, group, _ = generate_regression(3, 400, n_groups=20, n_slopes=0)
    >>> model = MixedEffectsBoosting(groups="group", random_state=1)
    >>> model = model.fit(X.assign(group=group), y)
    >>> model.random_effects_["group"].shape
    (20, 1)
    """

    def __init__(
        self,
        groups: Any = None,
        slopes: Any = (),
        *,
        random: Any = None,
        learner: str = "histogram",
        learning_rate: float = 0.1,
        max_iterations: int = 1000,
        max_depth: int = 5,
        max_leaf_nodes: int | None = None,
        min_samples_leaf: int = 3,
        subsample: float = 0.5,
        l2_regularization: float = 1.0,
        max_bins: int = 255,
        step: str = "newton",
        folds: Any = 5,
        refresh_every: int = 10,
        patience: int | None = 50,
        callbacks: Any = None,
        random_state: Any = None,
        known_groups: str = "conditional",
    ) -> None:
        self.groups = groups
        self.slopes = slopes
        self.random = random
        self.learner = learner
        self.learning_rate = learning_rate
        self.max_iterations = max_iterations
        self.max_depth = max_depth
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.subsample = subsample
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.step = step
        self.folds = folds
        self.refresh_every = refresh_every
        self.patience = patience
        self.callbacks = callbacks
        self.random_state = random_state
        self.known_groups = known_groups

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

    def _likelihood(self, random: RandomColumns, target: FloatArray) -> Likelihood:
        if random.design.factors and np.ptp(target) == 0.0:
            raise ValueError(
                "`y` must vary for random effects to be found, got the same value in "
                f"all {len(target)} rows; check the target."
            )
        return NormalLikelihood(random, target)

    def _keep(self, found: Followed, random: RandomColumns, training: Training) -> None:
        super()._keep(found, random, training)
        best, variance = found.best, np.nan
        if self.folds is not None:
            variance = noise_variance(
                random,
                best.state,
                self.uncertainty_,
                training.target - best.fitted,
                training.target - best.honest,
            )
        self.noise_ = float(np.sqrt(variance))


def _as_list(callbacks: Any) -> list[Callback]:
    if callbacks is None:
        return []
    return [callbacks] if callable(callbacks) else list(callbacks)


def _require_rows(n_rows: int) -> None:
    if n_rows < 2:
        raise ValueError(
            f"boosting needs at least two rows, got n_samples = {n_rows}; pass more "
            "rows."
        )
