"""Fit and predict of every mixed model, written once.

A model of this house predicts a fixed part plus, for levels that training showed,
the random effects of each grouping factor. A subclass says how the fixed part is
learned (`_fit_design`) and what it gives for a table (`_fixed_part`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice
from flexcv.arrays import FloatArray
from flexcv.models.design._effects import UNKNOWN_LEVELS, Columns
from flexcv.models.design._table import prediction_table, training_table
from flexcv.models.design.columns import RandomDesign, RandomEncoder, learn_random
from flexcv.models.design.terms import RandomSpecification, RandomTerm, random_terms
from flexcv.models.design.validate import require_column, sample_weights, target_values
from flexcv.models.gaussian.covariance import correlations
from flexcv.models.gaussian.known_rows import LevelSpread
from flexcv.models.laplace.families import Family
from flexcv.models.laplace.unbounded import grows_without_end, warn_without_end
from flexcv.preprocessing import ContextualEffects, GroupMeans
from flexcv.preprocessing.between import learn_group_means
from flexcv.typing import Between, KnownGroups, KnownRows, UnknownLevels

from .known_rows import KnownTarget, predictor_given, stacked_rows

RESIDUAL = "Residual"
COMPONENT = ("group", "name", "variance", "sd")
KNOWN_GROUPS = ("conditional", "population")


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What a model learns from.

    Attributes
    ----------
    source
        The training table.
    terms
        The random terms.
    design
        The random part as numbers.
    target
        The target.
    left_out
        Columns with another role than that of a feature.
    sample_weight
        Positive weights that `fit` was passed.
    """

    source: Columns
    terms: tuple[RandomTerm, ...]
    design: RandomDesign
    target: FloatArray
    left_out: tuple[Any, ...]
    sample_weight: FloatArray | None = None

    @property
    def features(self) -> list[Any]:
        """Names of the feature columns."""
        left_out = set(self.left_out)
        return [name for name in self.source.table.columns if name not in left_out]


@dataclass(frozen=True, slots=True, eq=False)
class RandomPart:
    """What was learned about the random effects.

    Attributes
    ----------
    effects
        Per factor the predicted effects, shape (levels, effects).
    covariances
        Per factor the covariance matrix of the effects of one level.
    """

    effects: tuple[FloatArray, ...]
    covariances: tuple[FloatArray, ...]


class AbstractMixedModel(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A fixed part plus random effects of the grouping columns that it names.

    Subclasses take at least the parameters `groups`, `slopes`, `random`,
    `known_groups` and `between`, and set ``random_part_`` and ``sigma_`` in
    `_fit_design`.

    Attributes
    ----------
    group_means_
        The step that adds group means of features, None where there is none.
    contextual_effects_
        With ``between="auto"``, what was found of slopes within and between groups.
    """

    column_roles: ClassVar[tuple[str, ...]] = ()

    groups: str | Sequence[str] | None
    slopes: str | Sequence[str] | None
    random: RandomSpecification | None
    known_groups: KnownGroups
    between: Between
    group_means_: GroupMeans | None
    contextual_effects_: ContextualEffects | None
    unknown_levels: UnknownLevels = "refuse"
    random_encoder_: RandomEncoder
    random_part_: RandomPart
    sigma_: float
    feature_names_in_: Any
    converged_: bool

    @abstractmethod
    def _fit_design(self, training: Training) -> None:
        """Learn the fixed part, the variances and the random effects."""

    @abstractmethod
    def _fixed_part(self, source: Columns) -> FloatArray:
        """Return the population prediction for a table."""

    def fit(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X
            A table with the features and the columns that the parameters name; an
            array will do when no column is named.
        y
            The target, one value per row: numbers, two classes or counts, as the
            family asks.
        sample_weight
            Weights of the rows; those of weight zero are left out. For a normal
            outcome a weight is a precision: a row of weight w has the residual variance
            sigma^2 / w. For classes and counts it says how often the row counts: its
            log-likelihood is multiplied.
        """
        self._forget()
        training = self._training(X, self._coded_target(y), sample_weight)
        self._fit_design(training)
        self._tell_endless_variance(training)
        return self

    def _forget(self) -> None:
        """Leave nothing behind that could predict, should the fit fail."""
        self.__dict__.pop("random_part_", None)

    def _coded_target(self, y: Any) -> Any:
        """Return the target as numbers."""
        return y

    def _link_family(self) -> Family | None:
        """Return distribution and link; None where effects have the target's units."""
        return None

    def _tell_endless_variance(self, training: Training) -> None:
        """Warn where a variance on the scale of a link has no finite estimate."""
        family, design = self._link_family(), training.design
        if family is None or not design.factors:
            return
        found = self.random_part_.covariances
        if grows_without_end(family, training.target, design, found):
            self.converged_ = False
            warn_without_end(stacklevel=4)

    def _training(self, X: Any, y: Any, sample_weight: Any = None) -> Training:
        """Check and learn what the fit needs; rows of weight zero are left out."""
        check_choice("known_groups", self.known_groups, KNOWN_GROUPS)
        check_choice("unknown_levels", self.unknown_levels, UNKNOWN_LEVELS)
        self._forget()
        terms = self._terms()
        table, target = training_table(self, X, y, named=bool(terms) or self._named())
        left_out = self._left_out(terms, table)
        target = target_values(target, len(table))
        if sample_weight is not None:
            sample_weight = sample_weights(sample_weight, len(table))
            used = sample_weight > 0.0
            if not used.all():
                table, target = table.loc[used], target[used]
                sample_weight = sample_weight[used]
        self._learn_group_means(table, target, left_out)
        source = Columns(self._with_group_means(table))
        self.random_encoder_, design = learn_random(source, terms)
        return Training(source, terms, design, target, left_out, sample_weight)

    def _learn_group_means(
        self, table: pd.DataFrame, target: FloatArray, left_out: Sequence[Any]
    ) -> None:
        """Decide whether group means of features count, and learn which."""
        features = [name for name in table.columns if name not in left_out]
        self.group_means_, self.contextual_effects_ = learn_group_means(
            self.between, table, target, self.grouping_columns(), features
        )

    def _with_group_means(self, table: pd.DataFrame) -> pd.DataFrame:
        """Put the group means of the rows at hand beside the features."""
        if self.group_means_ is None:
            return table
        return pd.concat([table, self.group_means_.means(table)], axis=1)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "random_part_")

    def predict(
        self, X: pd.DataFrame | ArrayLike, known: KnownRows | None = None
    ) -> FloatArray:
        """Predict with the effects of known levels; without for unknown ones.

        Parameters
        ----------
        X
            A table with the training table's columns.
        known
            Rows that became known after the fit, as a pair: a table with the training
            table's columns, groups among them, and its target. They may be of new
            groups or of those that training showed. Effects are updated given the fit,
            which stays: coefficients and variances are those of training. Group means
            of features (`between`) count these rows among the rows at hand.
        """
        check_is_fitted(self)
        if known is not None:
            return predictor_given(self, X, known)[0]
        source = self._source(X)
        return self._linear(source, self._known_design(source))

    def _known_target(self, table: pd.DataFrame, y: Any) -> KnownTarget:
        """Return the outcome of known rows as numbers, with their weights."""
        return KnownTarget(target_values(y, len(table)), np.ones(len(table)))

    def _level_spread(self) -> LevelSpread:
        """Return what training left unknown of the effects of its levels."""
        spread: LevelSpread = self.uncertainty_
        return spread

    @property
    def random_effects_(self) -> dict[str, pd.DataFrame]:
        """Predicted effects: per grouping factor a table of levels by effects."""
        check_is_fitted(self)
        return self._listings(self.random_part_.effects)

    @property
    def variance_components_(self) -> pd.DataFrame:
        """Variances of the random effects and of the residual, with correlations."""
        check_is_fitted(self)
        rows: list[dict[str, Any]] = []
        for encoder, covariance in zip(
            self.random_encoder_.factors, self.random_part_.covariances, strict=True
        ):
            rows += _component_rows(encoder.name, encoder.names, covariance)
        if self._has_residual():
            rows.append(_component(RESIDUAL, "", self.sigma_**2))
        return pd.DataFrame(rows, columns=None if rows else list(COMPONENT))

    def grouping_columns(self) -> tuple[Any, ...]:
        """Name the grouping columns it reads, before or after fitting."""
        names = (name for term in self._terms() for name in term.columns)
        return tuple(dict.fromkeys(names))

    def _terms(self) -> tuple[RandomTerm, ...]:
        return random_terms(self.groups, self.slopes, self.random)

    def _has_residual(self) -> bool:
        """Return whether rows vary about their mean by a variance of their own."""
        return True

    def _columns_read(self) -> set[Any]:
        """Return the columns that a prediction needs: all but weights."""
        return set(self.feature_names_in_) - {getattr(self, "weights", None)}

    def _named(self) -> bool:
        """Return whether a column other than a group is named."""
        return any(getattr(self, role) is not None for role in self.column_roles)

    def _left_out(
        self, terms: Sequence[RandomTerm], table: pd.DataFrame
    ) -> tuple[Any, ...]:
        """Return the columns that are no features."""
        groups = [name for term in terms for name in term.columns]
        others = {role: getattr(self, role) for role in self.column_roles}
        for role, name in others.items():
            if name is not None:
                require_column(table, name, role)
        for name in groups:
            require_column(table, name, "groups")
        named = [name for name in others.values() if name is not None]
        return tuple(dict.fromkeys([*groups, *named]))

    def _source(self, X: Any, beside: Any = None) -> Columns:
        """Return the columns of a table to predict; group means count `beside`, too."""
        return Columns(self._table(X, beside), self.unknown_levels)

    def _table(self, X: Any, beside: Any = None) -> pd.DataFrame:
        """Return the rows of a table to predict, group means beside the features."""
        table = prediction_table(self, X)
        if beside is None or self.group_means_ is None:
            return self._with_group_means(table)
        others = prediction_table(self, beside)
        joint = stacked_rows(table, others, self.grouping_columns())
        return self._with_group_means(joint).iloc[: len(table)]

    def _observed(self, X: Any, beside: Any = None) -> Columns:
        """Return the columns of rows with a target, of which none may be missing."""
        has_zero = self.unknown_levels == "zero"
        return Columns(self._table(X, beside), "zero" if has_zero else "refuse")

    def _known_design(self, source: Columns) -> RandomDesign:
        """Return the random part of rows to predict; warn where it can tell nothing."""
        design = self.random_encoder_.design(source)
        if self.known_groups == "population":
            return design.with_unknown_levels()
        self.random_encoder_.warn_of_strangers(source.table, design)
        return design

    def _linear(self, source: Columns, design: RandomDesign) -> FloatArray:
        """Return the fixed part plus the effects of known levels."""
        effects = design.effects_sum(self.random_part_.effects)
        return source.predicted(self._fixed_part(source) + effects)

    def _listings(self, values: Sequence[FloatArray]) -> dict[str, pd.DataFrame]:
        """Return arrays of shape (levels, effects) as a table for each factor."""
        return {
            encoder.name: encoder.listing(own)
            for encoder, own in zip(self.random_encoder_.factors, values, strict=True)
        }


def _component(group: str, name: str, variance: float) -> dict[str, Any]:
    sd = float(np.sqrt(variance))
    return {"group": group, "name": name, "variance": float(variance), "sd": sd}


def _component_rows(
    group: str, names: Sequence[str], covariance: FloatArray
) -> list[dict[str, Any]]:
    """Return one row per effect; beside it the correlations with earlier effects."""
    corr, rows = correlations(covariance), []
    for k, name in enumerate(names):
        row = _component(group, name, covariance[k, k])
        row |= {f"corr_{names[j]}": corr[k, j] for j in range(k)}
        rows.append(row)
    return rows
