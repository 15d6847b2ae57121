"""Fixed effects that want to be infinite: perfect and quasi-complete separation.

A direction d with s_i x_i'd >= 0 in every row, and more in some, makes the likelihood
grow without end (Albert & Anderson 1984, Biometrika 71, 1-10); s_i is the side on
which row i's target lies. Rows whose target is inside have x_i'd = 0.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from ._validate import FloatArray
from .families import Family

FAR = 9.0  # linear predictor, or effect of a standard deviation, that looks infinite
MOVED = 1e-6


def separating_direction(
    family: Family, y: FloatArray, fixed: FloatArray
) -> FloatArray | None:
    """Give a direction of the coefficients that separates, or None.

    Parameters
    ----------
    family
        Response distribution; only binomial and count targets can be separated.
    y
        The target.
    fixed
        The fixed columns as lines, of similar size, shape (p, n_rows).

    Examples
    --------
    >>> from flexcv.models.families import Binomial
    >>> y, x = np.array([0.0, 0.0, 1.0, 1.0]), np.array([-2.0, -1.0, 1.0, 2.0])
    >>> separating_direction(Binomial(), y, x[None])
    array([1.])
    >>> separating_direction(Binomial(), y, x[None] ** 2) is None
    True
    """
    side = _side(family, y)
    if side is None or not len(fixed):
        return None
    signed = fixed * side
    edge = side != 0.0
    inside = _distinct(fixed[:, ~edge])
    outside = _distinct(signed[:, edge])
    found = linprog(
        -outside.sum(axis=0),
        A_ub=-outside,
        b_ub=np.zeros(len(outside)),
        A_eq=inside if len(inside) else None,
        b_eq=np.zeros(len(inside)) if len(inside) else None,
        bounds=[(-1.0, 1.0)] * len(fixed),
        method="highs",
    )
    if not found.success or -found.fun <= MOVED:
        return None
    return np.asarray(found.x, dtype=float)


def looks_separated(beta: FloatArray, fixed: FloatArray, offset: FloatArray) -> bool:
    """Say whether a fit is far enough out to look for a separating direction."""
    if not len(beta):
        return False
    farthest = float(np.abs(beta @ fixed + offset - np.median(offset)).max())
    return max(farthest, float(np.abs(beta).max())) > FAR


def _side(family: Family, y: FloatArray) -> FloatArray | None:
    """Give 1 or -1 where the likelihood of a row never stops growing, else 0."""
    if family.name == "binomial":
        return np.where(y == 1.0, 1.0, np.where(y == 0.0, -1.0, 0.0))
    if family.name in ("poisson", "negative_binomial"):
        return np.where(y == 0.0, -1.0, 0.0)
    return None


def _distinct(lines: FloatArray) -> FloatArray:
    return np.asarray(np.unique(lines.T, axis=0)) if lines.size else lines.T
