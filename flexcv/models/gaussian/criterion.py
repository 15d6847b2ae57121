"""-2 log-likelihood with the fixed effects and the residual variance profiled out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from flexcv.arrays import FloatArray

LEAST = np.float64(1e-290)  # of squares: rows over it are still a number
LOG_2PI = float(np.log(2.0 * np.pi))


class FixedPart(NamedTuple):
    """The Schur complement of the fixed part, solved."""

    beta: FloatArray
    root: FloatArray
    r2: float
    log_det: float


def solve_fixed(schur: FloatArray) -> FixedPart:
    """Solve for beta in the Schur complement of ``[X y]``.

    ``root`` is the inverse of its lower Cholesky factor, so (X'V^-1X)^-1 is
    ``root.T @ root``.
    """
    p = len(schur) - 1
    if p == 0:
        return FixedPart(np.zeros(0), np.zeros((0, 0)), float(schur[0, 0]), 0.0)
    lower, failed = lapack.dpotrf(schur[:p, :p], lower=1)
    if failed:
        raise np.linalg.LinAlgError("the fixed columns are dependent given V")
    root = lapack.dtrtri(lower, lower=1)[0]
    half = root @ schur[:p, p]
    r2 = float(schur[p, p] - half @ half)
    log_det = 2.0 * float(np.log(lower.diagonal()).sum())
    return FixedPart(half @ root, root, max(r2, LEAST), log_det)


def fixed_of_rows(rows: FloatArray) -> FixedPart:
    """Solve for beta in rows whose products are the Schur complement of ``[X y]``.

    By a triangularisation: r^2 keeps its digits also where beta explains all but a
    trace of y.
    """
    p = rows.shape[1] - 1
    if p == 0:
        r2 = float(rows[:, 0] @ rows[:, 0])
        return FixedPart(np.zeros(0), np.zeros((0, 0)), max(r2, LEAST), 0.0)
    upper = np.asarray(np.linalg.qr(rows, mode="r"))
    upper *= np.where(upper.diagonal() < 0.0, -1.0, 1.0)[:, None]
    root, failed = lapack.dtrtri(upper[:p, :p])
    if failed:
        raise np.linalg.LinAlgError("the fixed columns are dependent given V")
    log_det = 2.0 * float(np.log(upper.diagonal()[:p]).sum())
    r2 = float(upper[p, p] ** 2)
    return FixedPart(root @ upper[:p, p], root.T, max(r2, LEAST), log_det)


class ResidualLevel(NamedTuple):
    """1 / sigma^2, and how much of it a change of r^2 takes along (0 when kept)."""

    precision: float
    pull: float


def criterion(
    log_det: float,
    fixed: FixedPart,
    free: int,
    log_weights: float,
    *,
    reml: bool,
    precision: float | None = None,
) -> tuple[float, ResidualLevel]:
    """Return -2 log-likelihood with beta, and sigma unless kept, profiled out."""
    value = log_det - log_weights + (fixed.log_det if reml else 0.0)
    if precision is None:
        level = ResidualLevel(free / fixed.r2, 1.0 / free)
        return value + free * (1.0 + LOG_2PI - float(np.log(level.precision))), level
    level = ResidualLevel(precision, 0.0)
    value += free * (LOG_2PI - float(np.log(precision))) + fixed.r2 * precision
    return value, level
