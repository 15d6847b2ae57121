"""Boosted trees with random effects as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice
from flexcv._rounding import on_grid
from flexcv._signatures import readable
from flexcv.arrays import FloatArray, IntArray
from flexcv.models.alternating.learner_rows import generator_from
from flexcv.models.contract.base import RandomPart, Training
from flexcv.models.contract.iterating import IteratedModel, is_stopped
from flexcv.models.contract.responses import (
    GAUSSIAN,
    AbstractFamilyModel,
    new_row_interval,
)
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import require_identifiable
from flexcv.models.design.binary_labels import encoded_classes
from flexcv.models.design.terms import RandomSpecification
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    average_part,
    columns_of,
    distinct_columns,
)
from flexcv.models.laplace.families import FAMILIES, Family, family_of
from flexcv.models.trees.boosted_trees import LEARNERS, BoostedTrees, Reader
from flexcv.models.trees.feature_values import (
    FeatureEncoder,
    learn_features,
    order_by_content,
)
from flexcv.models.trees.folds import held_out_rows, leaves_out_levels
from flexcv.models.trees.laplace_likelihood import LaplaceLikelihood
from flexcv.models.trees.likelihoods import Likelihood, NormalLikelihood
from flexcv.models.trees.monotone import directions_of
from flexcv.models.trees.rounds import Checkpoint, Followed, Grower, boosted, followed
from flexcv.models.trees.settings import (
    pace_of,
    require_others,
    shape_of,
)
from flexcv.models.trees.splits import TreeShape
from flexcv.models.trees.trace import boosting_frame, boosting_row
from flexcv.typing import Between, Callback, Folds, KnownGroups, Seed


def _is_gaussian(model: MixedEffectsBoosting) -> bool:
    return model.family == GAUSSIAN


LEARNED = ("trees_", "random_part_", "uncertainty_")  # forgotten before a fit


@readable
class MixedEffectsBoosting(IteratedModel, AbstractFamilyModel):
    r"""Boosted trees with random effects, for numbers, classes and counts.

    The model is :math:`y = F(X) + Zb + e` with :math:`b \sim N(0, D)` in each level of
    a grouping column and :math:`e \sim N(0, \sigma^2)`. F is a sum of trees, boosted on
    the marginal likelihood with the effects integrated out: each tree follows the
    gradient :math:`V^{-1}(y - F)`, and its leaf values are generalised least squares
    (Sigrist 2022, *Gaussian process boosting*, J. Mach. Learn. Res. 23). Unlike there,
    D and :math:`\sigma^2` are those of residuals of rows that trees had not seen, and
    the likelihood of these residuals tells when to stop. The trees reckon with D and
    the variance of the noise alone.

    For other families F + Zb is the linear predictor, and the marginal likelihood is
    that of Laplace's approximation (Sigrist 2023, *Latent Gaussian model boosting*,
    IEEE Trans. Pattern Anal. Mach. Intell. 45). With ``family="binomial"`` it is a
    classifier of two classes.

    Parameters
    ----------
    groups, slopes, random
        The random part, as in `LinearMixedEffectsModel`; None is plain boosting.
    family
        ``"gaussian"``, ``"binomial"``, ``"poisson"``, ``"negative_binomial"`` or
        ``"gamma"``.
    learner
        ``"histogram"`` grows trees on binned features, ``"exact"`` takes
        scikit-learn's trees, which look at every threshold and are slower.
    learning_rate
        Share of a tree's step that is taken.
    max_iterations
        The most rounds.
    max_depth, max_leaf_nodes, min_samples_leaf
        How far a tree may grow. ``"auto"`` asks for 3 rows in a leaf, for 12 with
        ``family="binomial"``; rows are counted, whatever they weigh.
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
        Whose rows are kept apart for honest residuals: a number of folds, of whole
        levels of the first factor where it has ten at least, so that trees stop by what
        new groups need, else over shuffled rows; or a splitter, which is passed those
        levels as groups. None takes in-sample residuals and goes to the last round.
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
    between
        Whether group means of the features are features too, for slopes that differ
        within and between groups: ``"auto"`` is yes where
        `flexcv.preprocessing.contextual_effects` finds that they do.
    monotonic_cst
        Per feature 1 where the fixed part must rise, -1 where it must fall, 0 where it
        is free: a mapping by name, or one number per feature in the table's order
        without grouping columns. Missing values have no place in the order.

    Attributes
    ----------
    trees_
        The trees.
    sigma_
        Standard deviation of what the fixed part does not predict in a new row: noise
        and, with folds, the trees' own error. NaN for families other than gaussian.
        With weights, that of a row of weight one, as `noise_` is.
    noise_
        Standard deviation of the noise alone; NaN without folds. It is short, for
        trees choose their splits by the noise as well: where the noise has variance 1,
        its square was 0.75 to 0.89 on average over tables of 250 to 1000 rows, and
        0.95 with 4000. Intervals take `sigma_`.
    dispersion_
        Of families that have one, else 1.
    classes_
        With ``family="binomial"`` the two classes.
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

    trace_: pd.DataFrame
    trees_: BoostedTrees
    learner: str
    folds: Folds
    patience: int | None
    callbacks: Callback | Sequence[Callback] | None
    random_state: Seed
    max_bins: int
    family: str

    def __init__(
        self,
        groups: str | Sequence[str] | None = None,
        slopes: str | Sequence[str] | None = (),
        *,
        family: str = "gaussian",
        random: RandomSpecification | None = None,
        learner: str = "histogram",
        learning_rate: float = 0.1,
        max_iterations: int = 1000,
        max_depth: int = 5,
        max_leaf_nodes: int | None = None,
        min_samples_leaf: int | str = "auto",
        subsample: float = 0.5,
        l2_regularization: float = 1.0,
        max_bins: int = 255,
        step: str = "newton",
        folds: Folds = 5,
        refresh_every: int = 10,
        patience: int | None = 50,
        callbacks: Callback | Sequence[Callback] | None = None,
        random_state: Seed = None,
        known_groups: KnownGroups = "conditional",
        between: Between = False,
        monotonic_cst: Mapping[Any, int] | Sequence[int] | None = None,
    ) -> None:
        self.groups = groups
        self.slopes = slopes
        self.family = family
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
        self.between = between
        self.monotonic_cst = monotonic_cst

    @available_if(_is_gaussian)  # type: ignore[untyped-decorator]
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
        return new_row_interval(self, X, level)

    @property
    def feature_importances_(self) -> FloatArray:
        """Each feature's share of what the splits gained."""
        check_is_fitted(self)
        return self.trees_.importances()

    def _coded_target(self, y: Any) -> Any:
        check_choice("family", self.family, (GAUSSIAN, *FAMILIES))
        if self._has_classes() and y is not None:
            self.classes_, y = encoded_classes(y)
        return y

    def _response_family(self) -> Family | None:
        return None if _is_gaussian(self) else family_of(self.family)

    def _likelihood(
        self, random: RandomColumns, target: FloatArray, weights: FloatArray | None
    ) -> Likelihood:
        if random.design.factors and np.ptp(target) == 0.0:
            raise ValueError(
                "`y` must vary for random effects to be found, got the same value in "
                f"all {len(target)} rows; check the target."
            )
        if _is_gaussian(self):
            return NormalLikelihood(random, target, weights)
        family = family_of(self.family)
        family.require_target(target, np.ones(len(target)))
        return LaplaceLikelihood(family, random, target, weights)

    def _tell_noise(
        self, best: Checkpoint, likelihood: Likelihood, unit: float
    ) -> None:
        self.sigma_ = self.noise_ = np.nan
        self.dispersion_ = 1.0
        state = best.state
        if not isinstance(likelihood, NormalLikelihood):
            self.dispersion_ = state.sigma2
            return
        self.sigma_ = float(np.sqrt(unit * state.sigma2))
        self.uncertainty_ = likelihood.uncertainty(state)
        if self.folds is not None:
            values = best.fitted, best.honest
            variance = likelihood.noise(state, self.uncertainty_, *values)
            self.noise_ = float(np.sqrt(unit * variance))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit_design(self, training: Training) -> None:
        pace, shape = pace_of(self), self._shape(training)
        require_others(self)
        require_identifiable(training.design)
        for name in LEARNED:
            self.__dict__.pop(name, None)
        target, n_rows = training.target, len(training.target)
        random = distinct_columns(training.design, training.source.ones)
        _require_rows(n_rows)
        weights, unit = self._row_weights(training.sample_weight)
        likelihood = self._likelihood(random, target, weights)
        read, grower = self._prepared(training, shape, weights)
        generator = generator_from(self.random_state)
        factors = training.design.factors
        codes = factors[0].codes if factors else None
        folds = held_out_rows(self.folds, codes, n_rows, generator)
        rounds = boosted(likelihood, grower, folds, n_rows, pace, generator)
        patience = self.patience if folds else None
        found = self._followed(rounds, random, patience, unit)
        start = likelihood.start(np.arange(n_rows))
        self.trees_ = BoostedTrees(*read, start, found.trees)
        self._keep(found, random)
        if codes is not None and leaves_out_levels(self.folds, codes):
            self._count_from_own_trees(found.best, random)
        self._tell_noise(found.best, likelihood, unit)

    def _shape(self, training: Training) -> TreeShape:
        """Return how far trees grow, directions in the order of the features."""
        directions = directions_of(
            self.monotonic_cst,
            training.features,
            training.source.table,
            self.random_encoder_.used,
        )
        return shape_of(self, directions)

    def _prepared(
        self, training: Training, shape: TreeShape, weights: FloatArray | None
    ) -> tuple[tuple[FeatureEncoder, IntArray, Reader], Grower]:
        """Return how trees read a table, and what grows them on the training rows."""
        encoder = learn_features(training.source.table, training.features)
        values = encoder.values(training.source.table)
        places = order_by_content(values)
        encoder, values = encoder.take(places), values.T[places].T
        reader = LEARNERS[self.learner](values, self.max_bins)
        if shape.directions is not None:
            shape = replace(shape, directions=shape.directions[places])
        exact = None if weights is None else on_grid(weights)
        grower = reader.grower(reader.read(values), shape, exact)
        return (encoder, places, reader), grower

    def _row_weights(self, given: FloatArray | None) -> tuple[FloatArray | None, float]:
        """Return weights, and by what residual variances are to be multiplied then.

        Precisions average one, so that `l2_regularization` counts average rows.
        """
        if given is None or not _is_gaussian(self):
            return given, 1.0
        unit = float(given.mean())
        return given / unit, unit

    def _followed(
        self, rounds: Any, random: RandomColumns, patience: Any, unit: float
    ) -> Followed:
        """Follow the rounds, tell the callbacks and write the trace."""
        rows: list[dict[str, float]] = []

        def told(now: Checkpoint, before: Checkpoint | None) -> bool:
            rows.append(boosting_row(now, before, random, unit))
            return is_stopped(self.callbacks, rows[-1])

        try:
            return followed(rounds, patience, told)
        finally:
            self.trace_ = boosting_frame(rows, random)

    def _keep(self, found: Followed, random: RandomColumns) -> None:
        """Take over the state where boosting was best."""
        state = found.best.state
        self.n_iter_, self.converged_ = found.best.n_trees, found.settled
        self.random_part_ = RandomPart(state.effects, state.covariances)
        names = pd.Index(random.names, name="effect")
        self.average_effects_ = pd.Series(state.average, index=names)
        self.loglik_, self.fitted_ = state.loglik, found.best.honest

    def _count_from_own_trees(self, best: Checkpoint, random: RandomColumns) -> None:
        """Count effects from trees that have seen their level, as predictions do.

        Honest residuals of a level left out whole count them from trees that have not.
        """
        factor, part = random.design.factors[0], self.random_part_
        own = [k for k, c in enumerate(factor.columns) if c is random.ones]
        if not own:
            return
        sums = np.bincount(factor.codes, best.honest - best.fitted, factor.n_levels)
        sizes = np.bincount(factor.codes, minlength=factor.n_levels)
        effects = part.effects[0].copy()
        effects[:, own[0]] += sums / np.maximum(sizes, 1)
        self.random_part_ = RandomPart((effects, *part.effects[1:]), part.covariances)

    def _fixed_part(self, source: Columns) -> FloatArray:
        predicted = self.trees_.predict(source.table)
        if self.average_effects_.any():
            columns = columns_of(self.random_encoder_, source)
            predicted += average_part(columns, np.asarray(self.average_effects_))
        return predicted


def _require_rows(n_rows: int) -> None:
    if n_rows < 2:
        raise ValueError(
            f"boosting needs at least two rows, got n_samples = {n_rows}; pass more "
            "rows."
        )
