"""Level blocks of matrices whose rows are ordered by factor, effect and level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from flexcv.arrays import FloatArray, IntArray

CHUNK_LEVELS = 256

Sizes: TypeAlias = Sequence[tuple[int, int]]  # effects and levels of each factor
ColumnsOf: TypeAlias = Callable[[IntArray], FloatArray]


def starts_of(sizes: Sizes) -> Iterator[tuple[int, int, int]]:
    """Yield first row, effects and levels of each factor."""
    start = 0
    for q, n in sizes:
        yield start, q, n
        start += q * n


def level_blocks(square: Any, start: int, q: int, n: int) -> FloatArray:
    """Return one factor's blocks on the diagonal of Z'Z, (effects, effects, levels)."""
    blocks = np.empty((q, q, n))
    for a in range(q):
        for b in range(q):
            rows = slice(start + a * n, start + (a + 1) * n)
            cols = slice(start + b * n, start + (b + 1) * n)
            blocks[a, b] = square[rows, cols].diagonal()
    return blocks


def blocks_of_columns(columns: ColumnsOf, sizes: Sizes) -> list[FloatArray]:
    """Return the level blocks of a square matrix that is asked for by columns.

    Parameters
    ----------
    columns
        Gives columns by their places, all rows of them.
    sizes
        Effects and levels of each factor.

    Returns
    -------
    Per factor (levels, effects, effects).
    """
    blocks = []
    for start, q, n in starts_of(sizes):
        block = np.empty((n, q, q))
        for first in range(0, n, CHUNK_LEVELS):
            levels = np.arange(first, min(first + CHUNK_LEVELS, n))
            places = (start + np.arange(q)[:, None] * n + levels).reshape(-1)
            square = columns(places)[places].reshape(q, len(levels), q, len(levels))
            block[levels] = np.einsum("ambm->mab", square)
        blocks.append(block)
    return blocks


def form_of_columns(
    columns: ColumnsOf, place: IntArray, load: FloatArray
) -> FloatArray:
    """Return v'Wv of sparse v, row by row, W being asked for by columns.

    Parameters
    ----------
    columns
        Gives columns of W by their places, all rows of them.
    place, load
        Where each v is not zero and what stands there, shape (n_rows, effects).
    """
    used, inverse = np.unique(place, return_inverse=True)
    square = columns(used)[used]
    where = inverse.reshape(place.shape)
    total = np.zeros(len(place))
    for a in range(place.shape[1]):
        for b in range(place.shape[1]):
            total += load[:, a] * load[:, b] * square[where[:, a], where[:, b]]
    return total
