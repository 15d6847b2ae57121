"""Boosted trees with random effects as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.utils.metaestimators import available_if

from flexcv.models.design.binary_labels import encoded_classes
from flexcv.models.gaussian.conditional import (
    learn_uncertainty,
)
from flexcv.models.gaussian.residual_effects import RandomColumns
from flexcv.models.laplace.families import FAMILIES, Family, family_of
from flexcv.models.trees.fit import AbstractBoosting
from flexcv.models.trees.laplace import LaplaceLikelihood
from flexcv.models.trees.likelihoods import Likelihood, NormalLikelihood
from flexcv.models.trees.noise import noise_variance
from flexcv.models.trees.rounds import Checkpoint
from flexcv.models.trees.settings import require_choice

from ._validate import FloatArray
from .responses import AbstractFamilyModel, new_row_interval

GAUSSIAN = "gaussian"


def _is_gaussian(model: MixedEffectsBoosting) -> bool:
    return model.family == GAUSSIAN


class MixedEffectsBoosting(AbstractBoosting, AbstractFamilyModel):
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
        ``family="binomial"``.
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
        and, with folds, the trees' own error. NaN for families other than gaussian.
    noise_
        Standard deviation of the noise alone; NaN without folds.
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

    family: str

    def __init__(
        self,
        groups: Any = None,
        slopes: Any = (),
        *,
        family: str = "gaussian",
        random: Any = None,
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
        folds: Any = 5,
        refresh_every: int = 10,
        patience: int | None = 50,
        callbacks: Any = None,
        random_state: Any = None,
        known_groups: str = "conditional",
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

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model.

        Parameters
        ----------
        X
            A table with the features and the columns that the parameters name; an
            array will do when no column is named. Features may be missing.
        y
            The target, one value per row: numbers, two classes or counts, as the
            family asks.
        """
        self.__dict__.pop("random_part_", None)
        require_choice("family", self.family, (GAUSSIAN, *FAMILIES))
        if self._has_classes() and y is not None:
            self.classes_, y = encoded_classes(y)
        super().fit(X, y)
        return self

    @available_if(_is_gaussian)  # type: ignore[untyped-decorator]
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
        return new_row_interval(self, X, level)

    def _response_family(self) -> Family | None:
        return None if _is_gaussian(self) else family_of(self.family)

    def _likelihood(self, random: RandomColumns, target: FloatArray) -> Likelihood:
        if random.design.factors and np.ptp(target) == 0.0:
            raise ValueError(
                "`y` must vary for random effects to be found, got the same value in "
                f"all {len(target)} rows; check the target."
            )
        if _is_gaussian(self):
            return NormalLikelihood(random, target)
        family = family_of(self.family)
        family.require_target(target, np.ones(len(target)))
        return LaplaceLikelihood(family, random, target)

    def _tell_noise(
        self, best: Checkpoint, random: RandomColumns, target: FloatArray
    ) -> None:
        self.sigma_ = self.noise_ = np.nan
        self.dispersion_ = 1.0
        if not _is_gaussian(self):
            self.dispersion_ = best.state.sigma2
            return
        state, design = best.state, random.design
        self.sigma_ = float(np.sqrt(state.sigma2))
        self.uncertainty_ = learn_uncertainty(design, state.sigma2, state.covariances)
        if self.folds is not None:
            residuals = target - best.fitted, target - best.honest
            variance = noise_variance(random, state, self.uncertainty_, *residuals)
            self.noise_ = float(np.sqrt(variance))
