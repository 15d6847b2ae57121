"""What the alternation works on: the learner's table, Z and the target, and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from flexcv._rows import take_arguments, take_rows
from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.residual_effects import RandomColumns

from .out_of_sample import Refit, refit
from .warm_start import can_renew, renewed
from .working import Task, weight_argument


@dataclass(frozen=True, slots=True, eq=False)
class LearnerRows:
    """Some rows of a training table.

    Attributes
    ----------
    X
        What the learner reads, a table or an array.
    random
        The random columns, with the levels of the whole table.
    target
        The target.
    fit_params
        Arguments of the learner's `fit`.
    """

    X: Any
    random: RandomColumns
    target: FloatArray
    fit_params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def design(self) -> RandomDesign:
        """The random design."""
        return self.random.design

    def take(self, rows: IntArray) -> LearnerRows:
        """Keep the given rows."""
        return LearnerRows(
            take_rows(self.X, rows),
            self.random.take(rows),
            self.target[rows],
            take_arguments(self.fit_params, rows, len(self.target)),
        )

    def split(
        self, fraction: float | None, generator: np.random.RandomState
    ) -> tuple[LearnerRows, LearnerRows | None]:
        """Keep a share of the rows apart, drawn at random; None keeps none."""
        if fraction is None:
            return self, None
        if not 0.0 < fraction < 1.0:
            raise ValueError(
                f"`validation_fraction` must lie between 0 and 1, got {fraction!r}; "
                "0.2 keeps a fifth of the rows apart."
            )
        order = generator.permutation(len(self.target))
        n_apart = max(1, round(fraction * len(order)))
        return self.take(np.sort(order[n_apart:])), self.take(np.sort(order[:n_apart]))


@dataclass(frozen=True, slots=True, eq=False)
class LearnerRefits:
    """Refits of one learner to changing tasks; call it with a task and refit before.

    Attributes
    ----------
    learner, rows
        What is fitted, and to which rows.
    kind, folds
        Which fitted values are wanted, see `out_of_sample.refit`.
    warm
        Whether a forest goes on from the refit before.
    """

    learner: Any
    rows: LearnerRows
    kind: str
    folds: Any
    warm: bool = False

    def __post_init__(self) -> None:
        if self.warm and not can_renew(self.learner):
            raise ValueError(
                "`warm_start` needs a forest with `warm_start` of its own, got "
                f"{self.learner!r}; leave it False."
            )

    def __call__(self, task: Task, before: Refit | None = None) -> Refit:
        """Fit to a task."""
        factors = self.rows.design.factors
        return refit(
            self.learner,
            self.rows.X,
            task.target,
            self.kind if before is None else before.kind,
            folds=self.folds,
            groups=factors[0].codes if factors else None,
            fit_params=self._params(task.weights),
            start=renewed(before.learner) if self.warm and before else None,
        )

    def _params(self, weights: FloatArray | None) -> Mapping[str, Any]:
        """Return the arguments of `fit`; the task's weights multiply the user's."""
        name = None if weights is None else weight_argument(self.learner)
        given = self.rows.fit_params
        if name is None:
            return given
        own = given.get(name)
        both = weights if own is None else weights * np.asarray(own, dtype=float)
        return {**given, name: both}


def seeded(learner: Any, generator: np.random.RandomState) -> Any:
    """Clone a learner and seed what it leaves open.

    Every refit then draws the same numbers, so that refits differ by the target alone.
    """
    copy = clone(learner)
    seed = int(generator.randint(2**31 - 1))
    seeds = {
        name: seed
        for name, value in copy.get_params(deep=True).items()
        if value is None and name.split("__")[-1] == "random_state"
    }
    return copy.set_params(**seeds) if seeds else copy


def generator_from(random_state: Any) -> np.random.RandomState:
    """Return a generator; None draws fresh entropy and leaves the global one alone."""
    if random_state is None:
        fresh = np.random.SeedSequence().generate_state(1)
        return np.random.RandomState(fresh)
    return cast("np.random.RandomState", check_random_state(random_state))
