"""What a linear mixed model asks of the sums over its rows.

Three designs answer: one grouping factor or none (`one_factor`), several with few
levels in all (`few_levels`), and several of which one is large (`many_levels`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from flexcv.arrays import FloatArray, IntArray

from .one_factor import GroupSums, Profile


class Sums(Protocol):
    """Sums over rows, from which the criterion and all that follows is calculated.

    Rows of levels are ordered by factor, then by effect, then by level.
    """

    @property
    def n_rows(self) -> int:
        """Rows that entered."""

    @property
    def gram(self) -> FloatArray:
        """``[X y]'[X y]``, shape (p + 1, p + 1)."""

    @property
    def n_fixed(self) -> int:
        """Fixed columns, p."""

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Effects and levels of each factor."""

    @property
    def is_exact(self) -> bool:
        """Whether the Hessian of a profile is exact."""

    @property
    def is_of_rows(self) -> bool:
        """Whether what the levels leave is known from the rows, to their last digit."""

    def profile(
        self,
        factors: Sequence[FloatArray],
        *,
        reml: bool,
        precision: float | None = None,
    ) -> Profile:
        """Evaluate the criterion and its derivatives in the entries of every D.

        Parameters
        ----------
        factors
            Lambda of each factor.
        reml
            Whether to maximise the restricted likelihood.
        precision
            A residual precision 1 / sigma^2 to keep instead of the best one.
        """

    def moments_by_factor(self) -> list[FloatArray]:
        """Return Z'Z summed over levels, per factor (effects, effects)."""

    def alone(self) -> list[GroupSums]:
        """Return the sums of each factor as if it were the only one."""

    def lost(self, r2: float, theta: FloatArray) -> float:
        """Return how many times the last digit of r^2 its sums are off at theta."""

    def far_factors(self) -> list[FloatArray]:
        """Return Lambdas to begin from where the levels lie far from zero."""

    def turned(self, turn: FloatArray) -> Sums:
        """Return the sums with the columns ``[X y] turn`` in place of ``[X y]``."""

    def level_rows(self, values: FloatArray) -> FloatArray:
        """Return what a profile gives per level as rows of levels."""

    def within_blocks(
        self, at: Profile, factors: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """Return the level blocks of Z'V^-1Z, per factor (levels, effects, effects)."""

    def within_square(
        self, at: Profile, factors: Sequence[FloatArray], places: IntArray
    ) -> FloatArray:
        """Return rows and columns of Z'V^-1Z at some places."""

    def within_form(
        self,
        at: Profile,
        factors: Sequence[FloatArray],
        place: IntArray,
        load: FloatArray,
    ) -> FloatArray:
        """Return v'Z'V^-1Zv of sparse v, row by row.

        Parameters
        ----------
        at, factors
            The profile, and the Lambdas that it was taken at.
        place, load
            Where each v is not zero and what stands there, shape (n_rows, effects).
        """

    def draws(
        self, factors: Sequence[FloatArray], sigma: float
    ) -> Callable[[np.random.Generator], Sums]:
        """Return the function that draws the sums anew from the model."""
