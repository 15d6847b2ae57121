"""The columns of one fold as combinations of the whole table's standard lines.

Standard lines are the constant, the features centred and scaled over all rows, and what
least squares leaves of the target. Any fold's centring and scaling is an affine change
of them, so a fold's sums are exact algebra on sums of the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from flexcv.arrays import FloatArray
from flexcv.models.design.accumulate import orthogonal_basis

from .rows import Basis

LEAST_VARIANCE = 1e-6  # of a feature in a fold, relative to all rows: fewer digits left
LEAST_PIVOT = 1e-4  # squared share of a feature that the others leave
Blocks = Sequence[tuple[int, ...]]  # places among [1, features] of correlated effects


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """How the standard lines come from the user's columns.

    Attributes
    ----------
    centre, spread
        A feature is ``centre + spread * line``, each (features,).
    origin
        Least-squares coefficients of ``[1, lines]`` taken out of the target.
    target_scale
        What the rest of the target was divided by.
    """

    centre: FloatArray
    spread: FloatArray
    origin: FloatArray
    target_scale: float


@dataclass(frozen=True, slots=True, eq=False)
class FoldBasis:
    """The columns of one fold, each a column of coefficients of standard lines.

    Attributes
    ----------
    lines
        Internal fixed columns and target, (p + 1, p + 1).
    random
        Internal random columns of each factor, (p, q).
    users
        The fixed columns that the model of the fold sees, (p, p).
    basis
        The way back from internal to the model's coefficients.
    """

    lines: FloatArray
    random: tuple[FloatArray, ...]
    users: FloatArray
    basis: Basis


def fold_basis(
    gram: FloatArray,
    n_rows: int,
    standard: Standard,
    factors: Sequence[Blocks],
    *,
    scaled: bool,
) -> FoldBasis | None:
    """Return the basis in which an ordinary fit of a fold would work.

    None where the fold's columns are nearly constant or nearly dependent, so that sums
    would lose digits, or a column would be dropped.

    Parameters
    ----------
    gram, n_rows
        Products of the standard lines over the fold's training rows, (p + 1, p + 1).
    standard
        How the lines come from the user's columns.
    factors
        The effects of each grouping factor.
    scaled
        Whether the model sees features standardised over the training rows.
    """
    p = len(gram) - 1
    moments = gram / n_rows
    mean = moments[0, 1:p]
    variance = moments.diagonal()[1:p] - mean**2
    if variance.min(initial=1.0) < LEAST_VARIANCE:
        return None
    sd = np.sqrt(variance)
    lines = np.diag(np.concatenate([[1.0], 1.0 / sd, [1.0]]))
    lines[0, 1:p] = -mean / sd
    correlation = (lines.T @ moments @ lines)[:p, :p]
    if _are_dependent(correlation):
        return None
    seen, fixed = _seen_columns(mean, sd, standard, scaled=scaled)
    made = [_random(blocks, correlation, seen, fixed) for blocks in factors]
    origin = np.append(1.0, sd) * standard.origin
    origin[0] += mean @ standard.origin[1:]
    basis = Basis(
        np.arange(p),
        fixed,
        origin,
        tuple(back for _, back in made),
        standard.target_scale,
    )
    inner = lines[:p, :p]
    random = tuple(inner @ columns for columns, _ in made)
    return FoldBasis(lines, random, inner @ seen, basis)


def _are_dependent(correlation: FloatArray) -> bool:
    try:
        lower = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        return True
    return bool(lower.diagonal().min() ** 2 < LEAST_PIVOT)


def _seen_columns(
    mean: FloatArray, sd: FloatArray, standard: Standard, *, scaled: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the model's columns in internal ones, and the inverse of that."""
    shift, width = np.zeros(len(mean)), np.ones(len(mean))
    if not scaled:
        shift = standard.centre + standard.spread * mean
        width = standard.spread * sd
    seen = np.diag(np.append(1.0, width))
    seen[0, 1:] = shift
    fixed = np.diag(np.append(1.0, 1.0 / width))
    fixed[0, 1:] = -shift / width
    return seen, fixed


def _random(
    blocks: Blocks, correlation: FloatArray, seen: FloatArray, fixed: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return a factor's columns in internal fixed ones, and the way back.

    A block with an intercept is centred; one without keeps its origin, which counts.
    """
    columns, backs = [], []
    for block in blocks:
        places = list(block)
        if 0 in places:
            own = np.eye(len(correlation))[:, places]
            undo = fixed[np.ix_(places, places)]
        else:
            own, undo = seen[:, places], np.eye(len(places))
        inner = orthogonal_basis(own.T @ correlation @ own)
        columns.append(own @ inner)
        backs.append(undo @ inner)
    if len(columns) == 1:
        return columns[0], backs[0]
    return np.hstack(columns), np.asarray(block_diag(*backs))
