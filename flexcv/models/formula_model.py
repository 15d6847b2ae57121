"""A mixed model whose fixed part is linear: formula, weights and offset as columns."""

from __future__ import annotations

import importlib
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from flexcv.errors import RankDeficiencyWarning
from flexcv.models.design._effects import Columns, categories_used
from flexcv.models.design._notation import read_formula
from flexcv.models.design.columns import FixedEncoder, learn_fixed
from flexcv.models.design.effects_table import tidy_effects
from flexcv.models.design.fingerprint import Fingerprint, fingerprint
from flexcv.models.design.terms import RandomTerm

from ._validate import FloatArray, IntArray
from .base import AbstractMixedModel, Training


class AbstractFormulaModel(AbstractMixedModel):
    """A mixed model with the parameters `formula`, `weights` and `offset`.

    Subclasses set ``fixed_encoder_`` and ``coefficients_`` in `_fit_design`.
    """

    column_roles: ClassVar[tuple[str, ...]] = ("weights", "offset")

    formula: str | None
    weights: Any
    offset: Any
    fixed_encoder_: FixedEncoder
    coefficients_: FloatArray
    fingerprint_: Fingerprint

    @property
    @abstractmethod
    def fixed_effects_(self) -> pd.DataFrame:
        """Fixed effects with standard errors, tests and intervals."""

    def plot_fixed_effects(self, ax: Any = None, *, intercept: bool = False) -> Any:
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
            formula=self.formula,
            polynomial=True,
        )

    def _categories(self) -> set[Any]:
        """Give the columns whose levels have fixed effects of a formula."""
        effects = self.fixed_encoder_.effects
        return set() if self.formula is None else categories_used(effects)

    @abstractmethod
    def conditional_sd(self) -> dict[str, pd.DataFrame]:
        """Give the standard deviations of the random effects given the data."""

    def random_effects_table(self) -> pd.DataFrame:
        """Give all random effects in one tidy table, ready to draw.

        Columns: factor, group (the level), name, effect, sd (given the data).
        """
        return tidy_effects(self.random_effects_, self.conditional_sd())

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
        """Give what is remembered of the rows, to compare models."""
        source, names = training.source, self.fixed_encoder_.names
        return fingerprint(
            family,
            training.target,
            source.ones if self.weights is None else source.numeric(self.weights),
            None if self.offset is None else source.numeric(self.offset),
            [names[k] for k in kept],
            [columns[k] for k in kept],
        )

    def _dropped(self, kept: Any) -> tuple[str, ...]:
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
        for column, coefficient in zip(columns, self.coefficients_, strict=True):
            total += coefficient * column
        return total + self._offset(source)

    def _offset(self, source: Columns) -> FloatArray:
        """Give what is added with coefficient one, by `offset` and by the formula."""
        total = self.fixed_encoder_.offset(source)
        return total if self.offset is None else total + source.numeric(self.offset)
