"""Rounds of boosting, in step for all rows and for every training fold.

The trees of all rows are what is kept. Beside them, one sequence of trees per fold is
grown on the other folds' rows; together these give every row a fitted value that has
not seen it. Such honest values tell the variances, which give the next trees their
metric, and the likelihood, which tells when to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from flexcv._rounding import on_grid
from flexcv.arrays import BoolArray, FloatArray, IntArray
from flexcv.models.gaussian.residual_effects import ResidualEffects

from .histogram_trees import Grown
from .likelihoods import TINY, Likelihood, Member, leaf_values
from .monotone import ordered_values
from .splits import TreeShape

LEAST_RISE = 1e-9  # of the likelihood per row that is more than rounding


class Grower(Protocol):
    """Grows trees on one table."""

    @property
    def shape(self) -> TreeShape:
        """How far trees grow."""

    def grow(self, gradient: FloatArray, used: BoolArray, seed: int) -> Grown:
        """Grow one tree per row of `gradient`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How boosting goes.

    Attributes
    ----------
    learning_rate
        Share of a leaf's step that is taken.
    subsample
        Share of the rows that each tree is grown on.
    l2
        See `leaf_values`.
    newton
        Whether leaves take Newton steps.
    every
        After how many rounds the variances are found anew.
    most
        The most rounds.
    """

    learning_rate: float
    subsample: float
    l2: float
    newton: bool
    every: int
    most: int


@dataclass(frozen=True, slots=True, eq=False)
class ValuedTree:
    """A tree and the value of each of its leaves, the learning rate included."""

    tree: Any
    of_leaf: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What is known after some rounds.

    Attributes
    ----------
    n_trees
        Rounds so far.
    trees
        The newest trees of all rows, those since the checkpoint before.
    state
        The random part that goes with the honest fitted values.
    honest, fitted
        The honest fitted values, and those of all rows' trees.
    learner_seconds, effects_seconds
        What trees and variances cost since the checkpoint before.
    """

    n_trees: int
    trees: tuple[ValuedTree, ...]
    state: ResidualEffects
    honest: FloatArray
    fitted: FloatArray
    learner_seconds: float
    effects_seconds: float


def boosted(
    likelihood: Likelihood,
    grower: Grower,
    held_out: Sequence[IntArray],
    n_rows: int,
    pace: Pace,
    generator: np.random.RandomState,
) -> Iterator[Checkpoint]:
    """Return checkpoint after checkpoint; the caller may stop before the last.

    Parameters
    ----------
    likelihood
        What the trees climb.
    grower
        Grows the trees.
    held_out
        The rows of each fold, which together are all rows; none at all takes the
        fitted values of all rows for honest ones.
    n_rows
        How many rows there are.
    pace
        How fast.
    generator
        Draws the rows of each tree.
    """
    sequences = _Sequences(likelihood, held_out, n_rows)
    state = likelihood.solve(sequences.honest(), None)
    n_trees = 0
    while n_trees < pace.most:
        began = time.perf_counter()
        members = sequences.members(
            likelihood.for_trees(state, sequences.fitted[-1], sequences.honest())
        )
        trees = tuple(
            _one_round(sequences, members, grower, pace, generator)
            for _ in range(min(pace.every, pace.most - n_trees))
        )
        n_trees += len(trees)
        half = time.perf_counter()
        honest = sequences.honest()
        state = likelihood.solve(honest, state)
        done = time.perf_counter()
        yield Checkpoint(
            n_trees,
            trees,
            state,
            honest,
            sequences.fitted[-1].copy(),
            half - began,
            done - half,
        )


class _Sequences:
    """The fitted values of every sequence of trees, that of all rows the last."""

    def __init__(
        self, likelihood: Likelihood, held_out: Sequence[IntArray], n_rows: int
    ) -> None:
        everything = np.arange(n_rows)
        self.likelihood, self.held_out = likelihood, held_out
        self.rows = [np.setdiff1d(everything, out) for out in held_out] + [everything]
        self.trains = np.zeros((len(self.rows), n_rows), dtype=bool)
        for line, rows in zip(self.trains, self.rows, strict=True):
            line[rows] = True
        starts = [likelihood.start(rows) for rows in self.rows]
        self.fitted = np.repeat(np.array(starts)[:, None], n_rows, axis=1)

    def members(self, state: ResidualEffects) -> list[Member]:
        """Return the rows of every sequence with the variances of a state."""
        return [self.likelihood.member(rows, state) for rows in self.rows]

    def honest(self) -> FloatArray:
        """Return each row the value of the sequence that has not seen it."""
        values: FloatArray = self.fitted[-1].copy()
        for line, rows in zip(self.fitted, self.held_out, strict=False):
            values[rows] = line[rows]
        return values


def _one_round(
    sequences: _Sequences,
    members: Sequence[Member],
    grower: Grower,
    pace: Pace,
    generator: np.random.RandomState,
) -> ValuedTree:
    """Grow one tree in every sequence, and move the fitted values."""
    fitted = sequences.fitted
    lines = list(zip(fitted, sequences.rows, members, strict=True))
    pulls = [member.pull(line[rows]) for line, rows, member in lines]
    gradient = np.zeros_like(fitted)
    for line, rows, pull in zip(gradient, sequences.rows, pulls, strict=True):
        line[rows] = on_grid(pull.gradient)
    grown = grower.grow(
        gradient,
        _drawn(sequences.trains, pace.subsample, generator),
        int(generator.randint(2**31 - 1)),
    )
    parts = zip(sequences.rows, pulls, grown.leaves, grown.n_leaves, strict=True)
    values = np.zeros(0)
    for place, (rows, pull, leaves, n_leaves) in enumerate(parts):
        step = leaf_values(pull, leaves[rows], n_leaves, pace.l2, newton=pace.newton)
        if grower.shape.directions is not None:
            own = np.bincount(leaves[rows], pull.information, n_leaves) + TINY
            sizes, nodes = own.astype(np.float64), grown.trees[place].nodes
            step = ordered_values(step, nodes, grower.shape.directions, sizes)
        values = pace.learning_rate * step
        fitted[place] += values[leaves]
    return ValuedTree(grown.trees[-1], values)


def _drawn(
    trains: BoolArray, share: float, generator: np.random.RandomState
) -> BoolArray:
    """Draw the rows that the trees are grown on, the same for all of them.

    A sequence of which no row is drawn takes all of its rows.
    """
    if share == 1.0:
        return trains
    drawn = np.asarray(trains & (generator.random_sample(trains.shape[1]) < share))
    is_empty = ~drawn.any(axis=1)
    drawn[is_empty] = trains[is_empty]
    return drawn


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Where boosting was best.

    Attributes
    ----------
    best
        The checkpoint of the largest honest likelihood.
    trees
        All trees up to there.
    settled
        Whether it had been the best for long enough.
    """

    best: Checkpoint
    trees: tuple[ValuedTree, ...]
    settled: bool


def followed(
    rounds: Iterable[Checkpoint],
    patience: int | None,
    told: Callable[[Checkpoint, Checkpoint | None], bool],
) -> Followed:
    """Follow boosting until the honest likelihood has not risen for some rounds.

    Parameters
    ----------
    rounds
        What `boosted` gives.
    patience
        For how many rounds; None follows to the end and takes the last for the best.
    told
        Called with each checkpoint and the one before; True stops.
    """
    trees: list[ValuedTree] = []
    best, before, settled = None, None, False
    for now in rounds:
        trees.extend(now.trees)
        if best is None or patience is None or _has_risen(now, best):
            best = now
        stop = told(now, before)
        settled = patience is not None and now.n_trees - best.n_trees >= patience
        if stop or settled:
            break
        before = now
    assert best is not None
    return Followed(best, tuple(trees[: best.n_trees]), settled)


def _has_risen(now: Checkpoint, best: Checkpoint) -> bool:
    least = LEAST_RISE * now.state.n_rows
    return now.state.loglik > best.state.loglik + least
