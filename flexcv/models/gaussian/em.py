"""The EM steps around any fixed-effects regressor, on sums per level.

With residuals r = y - f(X) of a regressor and one grouping factor the model is
r = Z b + e, b ~ N(0, D) in each level and e ~ N(0, sigma^2 I). One step is

    b      = D Z' V^-1 r,  V = Z D Z' + sigma^2 I
    sigma^2 <- mean over rows of |r - Z b|^2 + tr(Z P Z')
    D       <- mean over levels of b b' + P,  P = D - D Z' V^-1 Z D

(Hajjem, Bellavance & Larocque 2014, J. Stat. Comput. Simul. 84, 1313-1328). All of
it follows from Z'Z, Z'r and r'r per level: no matrix has a side as long as a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from flexcv.arrays import FloatArray, IntArray

from .criterion import LOG_2PI
from .one_factor import GroupSums, resolvent

START_SIGMA2 = 1.0  # the classical start, in squared units of the target
PINV_CUTOFF = 1e-15  # relative to the largest singular value, as in numpy's pinv


class EmStep(NamedTuple):
    """One EM step.

    Attributes
    ----------
    sigma2, covariance
        The new residual variance and covariance D of the effects.
    effects
        Predicted effects at the old ones, shape (levels, effects).
    """

    sigma2: float
    covariance: FloatArray
    effects: FloatArray


class Posterior(NamedTuple):
    """What is known about the effects given the residuals.

    Attributes
    ----------
    effects
        Predicted effects, shape (effects, levels).
    covariance
        Their conditional covariance, shape (effects, effects, levels).
    loglik
        Marginal log-likelihood of the residuals.
    """

    effects: FloatArray
    covariance: FloatArray
    loglik: float


def design_products(
    columns: Sequence[FloatArray], codes: IntArray, n_levels: int
) -> FloatArray:
    """Return Z'Z of each level, shape (effects, effects, levels).

    Examples
    --------
    >>> design_products([np.array([1.0, 1.0, 2.0])], np.array([0, 0, 1]), 2)
    array([[[2., 4.]]])
    """
    q = len(columns)
    products = np.empty((q, q, n_levels))
    for i in range(q):
        for j in range(i, q):
            sums = np.bincount(codes, columns[i] * columns[j], n_levels)
            products[i, j] = products[j, i] = sums
    return products


def residual_sums(
    products: FloatArray,
    columns: Sequence[FloatArray],
    codes: IntArray,
    residuals: FloatArray,
) -> GroupSums:
    """Put Z'Z beside Z'r and r'r: all that an EM step needs.

    Parameters
    ----------
    products
        Of `design_products`.
    columns, codes
        The random columns and the level of each row.
    residuals
        Target less fixed part, shape (n_rows,).
    """
    q, _, n_levels = products.shape
    cross = np.empty((q, q + 1, n_levels))
    cross[:, :q] = products
    for line, column in zip(cross, columns, strict=True):
        line[q] = np.bincount(codes, column * residuals, n_levels)
    return GroupSums(len(residuals), np.array([[residuals @ residuals]]), cross)


def em_step(
    sums: GroupSums,
    sigma2: float,
    covariance: FloatArray,
    blocks: Sequence[int] | None = None,
) -> EmStep:
    """Take one EM step for (sigma^2, D) given the fixed part.

    Parameters
    ----------
    sums
        Of `residual_sums`.
    sigma2, covariance
        Where to start.
    blocks
        Sizes of the sets of effects that may be correlated; None is one set.

    Examples
    --------
    Two levels of two rows with residuals 1, 1 and -1, -1:

    >>> cross = np.array([[[2.0, 2.0], [2.0, -2.0]]])
    >>> sums = GroupSums(4, np.array([[4.0]]), cross)
    >>> step = em_step(sums, 1.0, np.eye(1))
    >>> step.effects.ravel().round(4)
    array([ 0.6667, -0.6667])
    """
    known = posterior(sums, sigma2, covariance)
    n_levels = known.effects.shape[1]
    second = known.effects @ known.effects.T + known.covariance.sum(axis=2)
    spread = float((sums.cross[:, : sums.n_effects] * known.covariance).sum())
    loss = residual_loss(sums, known.effects)
    return EmStep(
        (loss + spread) / sums.n_rows,
        _keep_blocks(second / n_levels, blocks),
        known.effects.T,
    )


def posterior(sums: GroupSums, sigma2: float, covariance: FloatArray) -> Posterior:
    """Return the effects' conditional mean and covariance, and the likelihood.

    Examples
    --------
    >>> cross = np.array([[[2.0, 2.0], [2.0, -2.0]]])
    >>> sums = GroupSums(4, np.array([[4.0]]), cross)
    >>> posterior(sums, 1.0, np.zeros((1, 1))).effects
    array([[0., 0.]])
    """
    q = sums.n_effects
    relative = covariance / sigma2
    solved, log_det = resolvent(q)(sums.cross, relative, _square_root(relative))
    effects = relative @ solved[:, q]
    half = np.tensordot(relative, solved[:, :q], axes=1)
    shrunk = np.tensordot(half, relative, axes=([1], [0])).transpose(0, 2, 1)
    quadratic = float(sums.gram[0, 0]) - float((sums.cross[:, q] * effects).sum())
    loglik = -0.5 * (
        sums.n_rows * (LOG_2PI + np.log(sigma2)) + log_det + quadratic / sigma2
    )
    conditional = sigma2 * (relative[:, :, None] - shrunk)
    return Posterior(effects, conditional, float(loglik))


def residual_loss(sums: GroupSums, effects: FloatArray) -> float:
    """Return the sum of squares |r - Z b|^2 from the sums.

    Parameters
    ----------
    sums
        Of `residual_sums`.
    effects
        Shape (effects, levels).
    """
    q = sums.n_effects
    fitted = (sums.cross[:, :q] * effects[None]).sum(axis=1)
    taken = (effects * (2.0 * sums.cross[:, q] - fitted)).sum()
    return max(float(sums.gram[0, 0] - taken), 0.0)


def generalised_loss(
    loss: float,
    n_rows: int,
    sigma2: float,
    covariances: Sequence[FloatArray],
    effects: Sequence[FloatArray],
) -> float:
    """Return the generalised log-likelihood (GLL) of Hajjem et al., a loss.

    It plugs the predicted effects in, so unlike the marginal likelihood it has no
    extreme worth looking for; it is kept for comparison with other software.

    Parameters
    ----------
    loss
        The sum of squares |r - Z b|^2 over `n_rows` rows.
    covariances, effects
        Per factor D, and b of shape (levels, effects).

    Examples
    --------
    >>> generalised_loss(4.0, 4, 1.0, [np.eye(1)], [np.zeros((2, 1))])
    4.0
    """
    total = loss / sigma2 + n_rows * float(np.log(sigma2))
    for covariance, values in zip(covariances, effects, strict=True):
        precision = np.linalg.pinv(covariance, rcond=PINV_CUTOFF)
        total += float((values @ precision * values).sum())
        total += len(values) * float(np.linalg.slogdet(covariance)[1])
    return total


def _square_root(covariance: FloatArray) -> FloatArray:
    """Return a symmetric root, which exists while a variance is zero."""
    if len(covariance) <= 2:
        return covariance  # these sizes are solved in closed form, without a root
    values, axes = np.linalg.eigh(covariance)
    return np.asarray((axes * np.sqrt(np.maximum(values, 0.0))) @ axes.T)


def _keep_blocks(covariance: FloatArray, blocks: Sequence[int] | None) -> FloatArray:
    if blocks is None or len(blocks) == 1:
        return covariance
    label = np.repeat(np.arange(len(blocks)), blocks)
    return np.where(label[:, None] == label, covariance, 0.0)
