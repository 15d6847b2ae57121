"""The sums over a subject's rows that stand for the rows.

The likelihood of the curves is quadratic in coefficients and fixed effects, so a
subject is X'X, X'y, y'y and the number of rows, and nothing depends on how many there
are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from flexcv.arrays import FloatArray, IntArray

BLOCK_ROWS = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class SubjectSums:
    """Sums of the rows of n subjects, with d curve and p fixed columns.

    Attributes
    ----------
    gram
        X'X, shape (n, d, d).
    cross
        X'y, shape (n, d).
    square
        y'y, shape (n,).
    sizes
        Numbers of rows, shape (n,).
    fixed_cross
        X'W, shape (n, d, p).
    fixed_gram
        W'W, shape (n, p, p).
    fixed_target
        W'y, shape (n, p).
    features
        What predicts a subject's component of the first layer, shape (n, q).
    """

    gram: FloatArray
    cross: FloatArray
    square: FloatArray
    sizes: FloatArray
    fixed_cross: FloatArray
    fixed_gram: FloatArray
    fixed_target: FloatArray
    features: FloatArray

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def n_fixed(self) -> int:
        """How many fixed columns there are."""
        return int(self.fixed_target.shape[1])

    def take(self, subjects: IntArray | slice) -> SubjectSums:
        """Keep the given subjects, in the given order."""
        fields = {name: getattr(self, name)[subjects] for name in SubjectSums.__slots__}
        return SubjectSums(**fields)

    def less_fixed(self, fixed: FloatArray) -> SubjectSums:
        """Return the sums for the target y - W beta."""
        if not self.n_fixed:
            return self
        explained = self.fixed_gram @ fixed
        square = self.square - 2.0 * self.fixed_target @ fixed + explained @ fixed
        return replace(
            self,
            cross=self.cross - self.fixed_cross @ fixed,
            square=np.maximum(square, 0.0),
            fixed_target=self.fixed_target - explained,
        )

    def plus(self, other: SubjectSums) -> SubjectSums:
        """Add the rows of the same subjects seen on another occasion."""
        fields = {
            name: getattr(self, name) + getattr(other, name)
            for name in SubjectSums.__slots__
            if name != "features"
        }
        return SubjectSums(**fields, features=self.features)

    def followed_by(self, other: SubjectSums) -> SubjectSums:
        """Put other subjects behind these."""
        fields = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in SubjectSums.__slots__
        }
        return SubjectSums(**fields)


def subject_sums(
    curve: FloatArray,
    fixed: FloatArray,
    target: FloatArray,
    codes: IntArray,
    n_subjects: int,
    features: FloatArray | None = None,
) -> SubjectSums:
    """Sum the rows of each subject.

    Parameters
    ----------
    curve
        The curve columns X, shape (rows, d).
    fixed
        The fixed columns W, shape (rows, p).
    target
        y, shape (rows,).
    codes
        The subject of each row, from 0.
    n_subjects
        How many subjects there are; some may have no row.
    features
        Of the subjects, shape (n_subjects, q); none by default.
    """
    d, p = curve.shape[1], fixed.shape[1]
    joined = np.column_stack([curve, fixed, target])
    gram = np.zeros((n_subjects, d + p + 1, d + p + 1))
    order = np.argsort(codes, kind="stable")
    for start in range(0, len(order), BLOCK_ROWS):
        rows = order[start : start + BLOCK_ROWS]
        _add_products(gram, joined[rows], codes[rows])
    sizes = np.bincount(codes, minlength=n_subjects).astype(np.float64)
    return SubjectSums(
        gram=gram[:, :d, :d].copy(),
        cross=gram[:, :d, -1].copy(),
        square=gram[:, -1, -1].copy(),
        sizes=sizes,
        fixed_cross=gram[:, :d, d:-1].copy(),
        fixed_gram=gram[:, d:-1, d:-1].copy(),
        fixed_target=gram[:, d:-1, -1].copy(),
        features=np.zeros((n_subjects, 0)) if features is None else features,
    )


def _add_products(gram: FloatArray, rows: FloatArray, codes: IntArray) -> None:
    """Add the products of rows that are sorted by subject."""
    firsts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    for k, column in enumerate(rows.T):
        sums = np.add.reduceat(column[:, None] * rows, firsts, axis=0)
        gram[codes[firsts], k] += sums
