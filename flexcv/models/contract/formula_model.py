"""A mixed model whose fixed part is linear: formula, weights and offset as columns."""

from __future__ import annotations

import importlib
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice
from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import RankDeficiencyWarning
from flexcv.models.design._effects import Columns, categories_used
from flexcv.models.design._notation import read_formula
from flexcv.models.design._tree import Name, Node, names_in, tree_of
from flexcv.models.design.columns import FixedEncoder, learn_fixed
from flexcv.models.design.effects_table import tidy_effects
from flexcv.models.design.estimable import ColumnSpace, column_space
from flexcv.models.design.fingerprint import Fingerprint, fingerprint
from flexcv.models.design.gaps import complete_rows, with_gaps, without_gaps
from flexcv.models.design.terms import RandomTerm, names_of_term
from flexcv.models.design.validate import sample_weights
from flexcv.typing import NaAction

from .base import AbstractMixedModel, Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes


NA_ACTIONS = ("raise", "drop")


class AbstractFormulaModel(AbstractMixedModel):
    """A mixed model with the parameters `formula`, `weights` and `offset`.

    Subclasses set ``fixed_encoder_`` and ``coefficients_`` in `_fit_design`.
    """

    column_roles: ClassVar[tuple[str, ...]] = ("weights", "offset")

    formula: str | None
    weights: str | None
    offset: str | None
    na_action: NaAction
    n_dropped_rows_: int
    fixed_encoder_: FixedEncoder
    coefficients_: FloatArray
    estimate_: Any
    fingerprint_: Fingerprint
    column_space_: ColumnSpace | None

    @property
    @abstractmethod
    def fixed_effects_(self) -> pd.DataFrame:
        """Fixed effects with standard errors, tests and intervals."""

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
            The target, one value per row.
        sample_weight
            Weights of the rows, beside those of the column `weights`, which they
            multiply and whose meaning they have. Rows of weight zero are left out.
        """
        self._forget()
        check_choice("na_action", self.na_action, NA_ACTIONS)
        self._require_left_side(y)
        self.n_dropped_rows_ = 0
        if self.na_action == "drop" and y is not None:
            given, names = (X, y), self._names_said()
            X, y, self.n_dropped_rows_ = without_gaps(X, y, names)
            if self.n_dropped_rows_ and sample_weight is not None:
                kept = complete_rows(given[0], names) & complete_rows(given[1])
                sample_weight = sample_weights(sample_weight, len(kept))[kept]
        coded = self._coded_target(y)
        self._fit_design(self._training(X, coded, sample_weight))
        return self

    def predict(self, X: pd.DataFrame | ArrayLike) -> npt.NDArray[Any]:
        """Predict with the effects of known levels; without for unknown ones.

        Parameters
        ----------
        X
            A table with the columns that the model reads. With ``na_action="drop"`` a
            row that lacks one of their values is predicted as NaN.
        """
        return self._with_gaps(X, super().predict)

    def plot_fixed_effects(
        self, ax: Axes | None = None, *, intercept: bool = False
    ) -> Any:
        """Draw each fixed effect as a dot on its interval; gives the axes.

        Blue is positive and orange negative where the interval excludes zero; an
        effect that may be zero is grey.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.
        intercept
            Whether to draw the intercept too.
        """
        effects = self.fixed_effects_
        if not intercept:
            effects = effects.drop(index="Intercept", errors="ignore")
        return importlib.import_module("flexcv.plots").plot_fixed_effects(effects, ax)

    def _with_gaps(
        self,
        X: Any,
        predict: Callable[[Any], npt.NDArray[Any]],
        width: tuple[int, ...] = (),
    ) -> npt.NDArray[Any]:
        check_is_fitted(self)
        if self.na_action == "raise":
            return predict(X)
        return with_gaps(X, self._columns_read(), predict, width)

    def _require_left_side(self, y: Any) -> None:
        """Refuse a left side that is not the name of the target."""
        left = None if self.formula is None else read_formula(self.formula).left
        name = getattr(y, "name", None)
        if left is None or self._says_target(left, name):
            return
        wanted = "" if name is None else f" {str(name)!r}"
        raise ValueError(
            f"the left side of a formula must be the target's name{wanted}, got "
            f"'{left}'; pass the target as `y`, transformed if you wish."
        )

    def _says_target(self, left: Node, name: Any) -> bool:
        return isinstance(left, Name) and (name is None or str(name) == left.column)

    def _names_said(self) -> set[Any] | None:
        """Return all names in formula and parameters; None where all features count."""
        terms = self._terms()
        if self.formula is None:
            return None
        in_formula = names_in(tree_of(self.formula or "1"))
        if in_formula is None:
            return None
        said: set[Any] = set(in_formula)
        for name in [name for term in terms for name in term.slopes]:
            said = said | {name} | names_of_term(name)
        return said | {self.offset, self.weights, *self.grouping_columns()}

    def _kept_names(self) -> list[str]:
        names = self.fixed_encoder_.names
        return [names[k] for k in self.estimate_.basis.kept]

    def _described(self) -> str:
        """Return the model in one line, as a formula."""
        fixed = [n for n in self._kept_names() if n != "Intercept"] or ["1"]
        return " + ".join([*fixed, *(str(term) for term in self._terms())])

    def _gap_notes(self) -> list[str]:
        if not self.n_dropped_rows_:
            return []
        return [f"Rows dropped for missing values: {self.n_dropped_rows_}."]

    def _terms(self) -> tuple[RandomTerm, ...]:
        bars = () if self.formula is None else read_formula(self.formula).bars
        if not bars:
            return super()._terms()
        if self.groups is not None or self.random is not None:
            raise ValueError(
                "pass random terms once, got them in `formula` and in `groups` or "
                "`random`; keep one."
            )
        return tuple(RandomTerm(*bar) for bar in bars)

    def _named(self) -> bool:
        return super()._named() or self.formula is not None

    def _learn_fixed(self, training: Training) -> FixedEncoder:
        return learn_fixed(
            training.source,
            leave_out=training.left_out,
            formula=self._formula_with_means(),
            polynomial=True,
        )

    def _formula_with_means(self) -> str | None:
        """Return the formula, with the group means of the features that it names."""
        if self.formula is None or self.group_means_ is None:
            return self.formula
        said = names_in(tree_of(self.formula or "1"))
        added = [
            mean
            for name, mean in self.group_means_.named
            if said is not None and name in said
        ]
        return " + ".join([self.formula, *(f"`{mean}`" for mean in added)])

    def _categories(self) -> set[Any]:
        """Return the columns whose levels have fixed effects of a formula."""
        effects = self.fixed_encoder_.effects
        return set() if self.formula is None else categories_used(effects)

    @abstractmethod
    def conditional_sd(self) -> dict[str, pd.DataFrame]:
        """Return the standard deviations of the random effects given the data."""

    def random_effects_table(self) -> pd.DataFrame:
        """Return all random effects in one tidy table, ready to draw.

        Columns: factor, group (the level), name, effect, sd (given the data).
        """
        return tidy_effects(self.random_effects_, self.conditional_sd())

    def _row_weights(self, training: Training) -> FloatArray | None:
        """Return what the column and `sample_weight` say together; None for neither."""
        named = None if self.weights is None else self._weights(training.source)
        given = training.sample_weight
        if named is None or given is None:
            return given if named is None else named
        return named * given

    def _weights(self, source: Columns) -> FloatArray:
        weights = source.numeric(self.weights)
        if not (weights > 0.0).all():
            raise ValueError(
                f"weights must be positive, got {float(weights.min())!r} in column "
                f"{self.weights!r}; drop rows of weight zero."
            )
        return weights

    def _fingerprint(
        self,
        family: str,
        training: Training,
        columns: Sequence[FloatArray],
        kept: IntArray,
    ) -> Fingerprint:
        """Return what is remembered of the rows, to compare models."""
        source, names = training.source, self.fixed_encoder_.names
        return fingerprint(
            family,
            training.target,
            self._row_weights(training),
            self._offset(source) if self._has_offset() else None,
            [names[k] for k in kept],
            [columns[k] for k in kept],
        )

    def _dropped(self, columns: list[FloatArray], kept: IntArray) -> tuple[str, ...]:
        """Return the names of dropped columns, and remember how they came about."""
        self.column_space_ = column_space(columns, kept)
        names = self.fixed_encoder_.names
        dropped = tuple(np.delete(np.array(names, dtype=object), kept))
        if dropped:
            warnings.warn(
                f"fixed columns {list(dropped)} are determined by earlier ones and "
                "were dropped; remove them to silence this.",
                RankDeficiencyWarning,
                stacklevel=4,
            )
        return dropped

    def _fixed_part(self, source: Columns) -> FloatArray:
        total: FloatArray = np.zeros(len(source.table))
        columns = self.fixed_encoder_.columns(source)
        self._heed_column_space(columns)
        for column, coefficient in zip(columns, self.coefficients_, strict=True):
            total += coefficient * column
        return total + self._offset(source)

    def _heed_column_space(self, columns: list[FloatArray]) -> None:
        """Warn of rows to which a dropped column would make a difference."""
        if self.column_space_ is None or not len(columns[0]):
            return
        outside = int(self.column_space_.outside(columns).sum())
        if outside:
            names = [self.fixed_encoder_.names[k] for k in self.column_space_.dropped]
            warnings.warn(
                f"{outside} row(s) are not estimable: training had no such combination "
                f"of the fixed columns and dropped {names}, which count as zero here; "
                "drop these rows, or a term of the model.",
                RankDeficiencyWarning,
                stacklevel=4,
            )

    def _columns_read(self) -> set[Any]:
        """Return the columns that the formula, the groups and the offset name."""
        fixed, random = self.fixed_encoder_.used, self.random_encoder_.used
        means = () if self.group_means_ is None else self.group_means_.named
        used = {*fixed, *random, self.offset}
        return used - {mean for _, mean in means} | {name for name, _ in means}

    def _has_offset(self) -> bool:
        return self.offset is not None or bool(self.fixed_encoder_.offsets)

    def _offset(self, source: Columns) -> FloatArray:
        """Return what is added with coefficient one, by `offset` and by the formula."""
        total = self.fixed_encoder_.offset(source)
        return total if self.offset is None else total + source.numeric(self.offset)
