"""How boosted trees with random effects are fitted, whatever the family."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv.models._validate import FloatArray
from flexcv.models.alternating.learner_rows import generator_from
from flexcv.models.base import AbstractMixedModel, RandomPart, Training
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import require_identifiable
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    average_part,
    columns_of,
    distinct_columns,
)

from .boosted_trees import LEARNERS, BoostedTrees
from .feature_values import learn_features, order_by_content
from .folds import held_out_rows
from .likelihoods import Likelihood
from .rounds import Checkpoint, Followed, boosted, followed
from .settings import pace_of, require_others, shape_of
from .trace import boosting_frame, boosting_row

Callback = Callable[[Mapping[str, float]], bool | None]

LEARNED = ("trees_", "random_part_", "uncertainty_")  # forgotten before a fit


class AbstractBoosting(AbstractMixedModel):
    """Boosting on a marginal likelihood, which a subclass gives."""

    trace_: pd.DataFrame
    trees_: BoostedTrees

    learner: str
    folds: Any
    patience: int | None
    callbacks: Any
    random_state: Any
    max_bins: int

    @abstractmethod
    def _likelihood(self, random: RandomColumns, target: FloatArray) -> Likelihood:
        """Give what the trees climb, or refuse the target."""

    @abstractmethod
    def _tell_noise(
        self, best: Checkpoint, random: RandomColumns, target: FloatArray
    ) -> None:
        """Set what is known of the residuals or of a dispersion."""

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
        places = order_by_content(values)
        encoder, values = encoder.take(places), values.T[places].T
        reader = LEARNERS[self.learner](values, self.max_bins)
        generator = generator_from(self.random_state)
        factors = training.design.factors
        codes = factors[0].codes if factors else None
        folds = held_out_rows(self.folds, codes, n_rows, generator)
        grower = reader.grower(reader.read(values), shape)
        rounds = boosted(likelihood, grower, folds, n_rows, pace, generator)
        found = self._followed(rounds, random, self.patience if folds else None)
        start = likelihood.start(np.arange(n_rows))
        self.trees_ = BoostedTrees(encoder, places, reader, start, found.trees)
        self._keep(found, random)
        self._tell_noise(found.best, random, target)

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

    def _keep(self, found: Followed, random: RandomColumns) -> None:
        """Take over the state where boosting was best."""
        state = found.best.state
        self.n_iter_, self.converged_ = found.best.n_trees, found.settled
        self.random_part_ = RandomPart(state.effects, state.covariances)
        names = pd.Index(random.names, name="effect")
        self.average_effects_ = pd.Series(state.average, index=names)
        self.loglik_, self.fitted_ = state.loglik, found.best.honest

    def _fixed_part(self, source: Columns) -> FloatArray:
        predicted = self.trees_.predict(source.table)
        if self.average_effects_.any():
            columns = columns_of(self.random_encoder_, source)
            predicted += average_part(columns, np.asarray(self.average_effects_))
        return predicted


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
