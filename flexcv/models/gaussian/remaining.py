"""The system of the factors that remain, factorised: dense, or sparse for many levels.

After the largest factor is eliminated, I + Lambda' M Lambda of the others is left to
solve with. Nested factors keep it nearly block diagonal, so a sparse factorisation
has little to fill in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import block_diag, csc_array, csr_array, eye_array, kron
from scipy.sparse.linalg import splu

from flexcv.arrays import FloatArray


class Rest(NamedTuple):
    """A factorised system.

    ``chol`` is the lower Cholesky factor of a dense one, None of a sparse one.
    """

    log_det: float
    solve: Callable[[FloatArray], FloatArray]
    chol: FloatArray | None


def dense_rest(
    moments: FloatArray, factors: Sequence[FloatArray], sizes: Sequence[tuple[int, int]]
) -> Rest:
    """Factorise a dense system by Cholesky."""
    half = times_factors(moments, factors, sizes)
    inner = times_factors(half.T, factors, sizes)
    inner[np.diag_indices(len(inner))] += 1.0
    chol, failed = lapack.dpotrf(inner.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise np.linalg.LinAlgError("the levels' matrix is not positive definite")

    def solve(right: FloatArray) -> FloatArray:
        return np.asarray(lapack.dpotrs(chol, right, lower=1)[0])

    return Rest(2.0 * float(np.log(chol.diagonal()).sum()), solve, chol)


def sparse_rest(
    moments: csr_array, factors: Sequence[FloatArray], sizes: Sequence[tuple[int, int]]
) -> Rest:
    """Factorise a sparse system without pivoting; it is positive definite."""
    blocks = [
        kron(csr_array(factor), eye_array(n))
        for factor, (_, n) in zip(factors, sizes, strict=True)
    ]
    whole = csr_array(block_diag(blocks))
    inner = csc_array(whole.T @ moments @ whole + eye_array(moments.shape[0]))
    lu = splu(
        inner,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    log_det = float(np.log(np.abs(lu.U.diagonal())).sum())
    return Rest(log_det, lambda right: np.asarray(lu.solve(right)), None)


def times_factors(
    matrix: FloatArray,
    factors: Sequence[FloatArray],
    sizes: Sequence[tuple[int, int]],
    *,
    transposed: bool = True,
) -> FloatArray:
    """Return Lambda' A (or Lambda A) for A's rows ordered by factor, effect, level."""
    result, start = np.empty_like(matrix), 0
    for factor, (q, n) in zip(factors, sizes, strict=True):
        rows = slice(start, start + q * n)
        left = factor.T if transposed else factor
        if q == 1:
            np.multiply(matrix[rows], factor[0, 0], out=result[rows])
        else:
            block = left @ matrix[rows].reshape(q, -1)
            result[rows] = block.reshape(q * n, -1)
        start += q * n
    return result


def symmetric(upper: FloatArray) -> FloatArray:
    """Copy the upper triangle into the lower one, block by block, in place."""
    size, step = len(upper), 64
    for start in range(0, size, step):
        rows = slice(start, start + step)
        square = upper[rows, rows]
        lower = np.tril_indices(len(square), -1)
        square[lower] = square.T[lower]
        upper[start + step :, rows] = upper[rows, start + step :].T
    return upper


def lengthened(factor: FloatArray, column: FloatArray) -> FloatArray:
    """Return the triangular factor of D + v v'."""
    upper = np.linalg.qr(np.column_stack([factor, column]).T, mode="r")
    return np.asarray(upper).T
