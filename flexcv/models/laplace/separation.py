"""Fixed effects that want to be infinite: perfect and quasi-complete separation.

A direction d with s_i x_i'd >= 0 in every row, and more in some, makes the likelihood
grow without end (Albert & Anderson 1984, Biometrika 71, 1-10); s_i is the side on
which row i's target lies. Rows whose target is inside have x_i'd = 0.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from flexcv.arrays import FloatArray

from .families import Family

FAR = 9.0  # linear predictor, or effect of a standard deviation, that looks infinite


def separating_columns(
    family: Family, y: FloatArray, fixed: FloatArray
) -> list[int] | None:
    """Return positions of a few columns that separate the target, or None.

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
    >>> from flexcv.models.laplace.families import Binomial
    >>> y, x = np.array([0.0, 0.0, 1.0, 1.0]), np.array([-2.0, -1.0, 1.0, 2.0])
    >>> separating_columns(Binomial(), y, np.stack([np.ones(4), x]))
    [1]
    >>> separating_columns(Binomial(), y, np.stack([np.ones(4), x**2])) is None
    True
    """
    side = _side(family, y)
    if side is None or not len(fixed) or not side.any():
        return None
    direction = _direction(fixed, side)
    if direction is None:
        return None
    constant = [k for k, line in enumerate(fixed) if line.min() == line.max()]
    order = [int(k) for k in np.argsort(-np.abs(direction)) if k not in constant]
    for size in range(len(order)):
        chosen = sorted([*constant, *order[:size]])
        if chosen and _direction(fixed[chosen], side) is not None:
            return sorted(order[:size]) or constant
    return sorted(order)


def _direction(fixed: FloatArray, side: FloatArray) -> FloatArray | None:
    """Return the smallest d with an average margin of one, None where there is none."""
    edge = side != 0.0
    inside, outside = _distinct(fixed[:, ~edge]), _distinct((fixed * side)[:, edge])
    both = np.hstack([outside, -outside])
    rows = [both.sum(axis=0, keepdims=True)]
    right = [np.array([float(len(outside))])]
    if len(inside):
        rows.append(np.hstack([inside, -inside]))
        right.append(np.zeros(len(inside)))
    found = linprog(
        np.ones(2 * len(fixed)),
        A_ub=-both,
        b_ub=np.zeros(len(both)),
        A_eq=np.vstack(rows),
        b_eq=np.concatenate(right),
        bounds=(0.0, None),
        method="highs",
    )
    if not found.success:
        return None
    return np.asarray(found.x[: len(fixed)] - found.x[len(fixed) :])


def looks_separated(beta: FloatArray, fixed: FloatArray, offset: FloatArray) -> bool:
    """Return whether a fit is far enough out to look for a separating direction."""
    if not len(beta):
        return False
    farthest = float(np.abs(beta @ fixed + offset - np.median(offset)).max())
    return max(farthest, float(np.abs(beta).max())) > FAR


def _side(family: Family, y: FloatArray) -> FloatArray | None:
    """Return 1 or -1 where the likelihood of a row never stops growing, else 0."""
    if family.name == "binomial":
        return np.where(y == 1.0, 1.0, np.where(y == 0.0, -1.0, 0.0))
    if family.name in ("poisson", "negative_binomial"):
        return np.where(y == 0.0, -1.0, 0.0)
    return None


def _distinct(lines: FloatArray) -> FloatArray:
    return np.asarray(np.unique(lines.T, axis=0)) if lines.size else lines.T
