"""What boosting keeps: trees with the values of their leaves, for any table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.arrays import FloatArray, IntArray

from .binning import Bins, learn_bins
from .exact_trees import ExactGrower
from .feature_values import FeatureEncoder
from .histogram_trees import HistogramGrower
from .rounds import Grower, ValuedTree
from .splits import TreeShape


class Reader(Protocol):
    """Turns numbers into what the trees of one learner read."""

    def read(self, values: FloatArray) -> npt.NDArray[Any]:
        """Return what trees read."""

    def grower(
        self, read: npt.NDArray[Any], shape: TreeShape, weights: FloatArray | None
    ) -> Grower:
        """Return what grows trees on it."""


@dataclass(frozen=True, slots=True, eq=False)
class BinReader:
    """Reads bins."""

    bins: Bins

    def read(self, values: FloatArray) -> npt.NDArray[Any]:
        """Return the bin of each value."""
        return self.bins.codes(values)

    def grower(
        self, read: npt.NDArray[Any], shape: TreeShape, weights: FloatArray | None
    ) -> Grower:
        """Return the grower on bins."""
        return HistogramGrower(self.bins, read, shape, weights)


@dataclass(frozen=True, slots=True)
class ValueReader:
    """Reads the values themselves, in 32 bits."""

    def read(self, values: FloatArray) -> npt.NDArray[Any]:
        """Return 32-bit numbers."""
        return np.ascontiguousarray(values, dtype=np.float32)

    def grower(
        self, read: npt.NDArray[Any], shape: TreeShape, weights: FloatArray | None
    ) -> Grower:
        """Return the grower on values."""
        return ExactGrower(read, shape, weights)


def _bin_reader(values: FloatArray, max_bins: int) -> Reader:
    return BinReader(learn_bins(values, max_bins))


def _value_reader(values: FloatArray, max_bins: int) -> Reader:  # noqa: ARG001
    return ValueReader()


LEARNERS: dict[str, Callable[[FloatArray, int], Reader]] = {
    "histogram": _bin_reader,
    "exact": _value_reader,
}


@dataclass(frozen=True, slots=True, eq=False)
class BoostedTrees:
    """A sum of trees.

    Attributes
    ----------
    encoder, reader
        From a table to what the trees read.
    places
        Where the table has the features that the trees read.
    start
        The constant that boosting began with.
    trees
        The trees, in order.
    """

    encoder: FeatureEncoder
    places: IntArray
    reader: Reader
    start: float
    trees: tuple[ValuedTree, ...]

    def predict(self, table: pd.DataFrame) -> FloatArray:
        """Return the sum of the trees for each row of a table."""
        read = self.reader.read(self.encoder.values(table))
        total = np.full(len(table), self.start)
        for tree in self.trees:
            total += tree.of_leaf[tree.tree.leaves(read)]
        return total

    def importances(self) -> FloatArray:
        """Return each feature's share of the splits' gains, in the table's order."""
        gains = np.empty(len(self.places))
        gains[self.places] = _total_gains(self.trees, len(self.places))
        whole = gains.sum()
        return gains / whole if whole > 0.0 else gains


def _total_gains(trees: Sequence[ValuedTree], n_features: int) -> FloatArray:
    total = np.zeros(n_features)
    for tree in trees:
        total += tree.tree.gains(n_features)
    return total
