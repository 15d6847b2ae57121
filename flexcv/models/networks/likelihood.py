r"""The exact marginal likelihood of whole groups, with what each row would gain.

Rows of a level have residuals :math:`r_i \sim N(0, V_i)`,
:math:`V_i = Z_i G Z_i' + \sigma^2 I` with :math:`G = LL'`. With
:math:`S_i = Z_i'Z_i`, :math:`v_i = Z_i'r_i` and
:math:`C_iC_i' = M_i = \sigma^2 I + L'S_iL`, Woodbury's identity gives

.. math:: -\ell_i = \tfrac12 \Bigl[n_i \log 2\pi + (n_i - k) \log \sigma^2
          + \log |M_i| + \sigma^{-2} \bigl(r_i'r_i - |C_i^{-1}L'v_i|^2\bigr)\Bigr]

and its derivative in r_i is :math:`V_i^{-1}r_i = (r_i - Z_i\hat b_i) / \sigma^2`, where
:math:`\hat b_i = L M_i^{-1} L'v_i` is the best prediction of the effects. Whole groups
make V block-diagonal, so a batch of them has the likelihood that it has within the
whole table. No matrix has a side as long as a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.gaussian.criterion import LOG_2PI


@dataclass(frozen=True, slots=True, eq=False)
class LevelKernels:
    """What each level contributes at one (sigma^2, L).

    Attributes
    ----------
    sigma2
        Residual variance.
    kernels
        L M^-1 L' per level, which takes v to the predicted effects, shape
        (levels, effects, effects).
    log_dets
        (n - k) log sigma^2 is added per row; this is log|M| - k log sigma^2, shape
        (levels,).
    """

    sigma2: float
    kernels: FloatArray
    log_dets: FloatArray


def level_kernels(
    products: FloatArray, sigma2: float, lower: FloatArray
) -> LevelKernels:
    """Factorise M of every level.

    Parameters
    ----------
    products
        Z'Z of each level, shape (effects, effects, levels).
    sigma2
        Residual variance.
    lower
        L, a factor of the effects' covariance, shape (effects, effects); it may be
        singular.

    Examples
    --------
    >>> made = level_kernels(np.array([[[2.0, 0.0]]]), 1.0, np.array([[1.0]]))
    >>> made.kernels.ravel().round(3), made.log_dets.round(3)
    (array([0.333, 1.   ]), array([1.099, 0.   ]))
    """
    k = len(lower)
    inner = np.matmul(lower.T, np.matmul(np.moveaxis(products, 2, 0), lower))
    inner[:, range(k), range(k)] += sigma2
    roots = np.linalg.cholesky(inner)
    half = np.linalg.solve(roots, np.broadcast_to(lower.T, inner.shape))
    log_dets = 2.0 * np.log(roots[:, range(k), range(k)]).sum(axis=1)
    kernels = np.matmul(half.transpose(0, 2, 1), half)
    return LevelKernels(sigma2, kernels, log_dets - k * np.log(sigma2))


def marginal_loss(
    residuals: FloatArray,
    columns: Sequence[FloatArray],
    starts: IntArray,
    levels: IntArray,
    at: LevelKernels,
) -> tuple[float, FloatArray]:
    """Return minus the log-likelihood of some whole levels and its derivative.

    Parameters
    ----------
    residuals
        Target less fixed part; the rows of a level stand together.
    columns
        The random columns of these rows.
    starts
        The first row of each level.
    levels
        Which level each of them is.
    at
        Of `level_kernels`.

    Returns
    -------
    The loss, and V^-1 r of each row, which is its derivative in the residuals.

    Examples
    --------
    >>> at = level_kernels(np.array([[[2.0]]]), 1.0, np.array([[1.0]]))
    >>> first, only = np.array([0]), np.array([0])
    >>> loss, slope = marginal_loss(np.ones(2), [np.ones(2)], first, only, at)
    >>> round(loss, 4), slope.round(4)
    (2.7205, array([0.3333, 0.3333]))
    """
    counts = np.diff(np.append(starts, len(residuals)))
    sums = [np.add.reduceat(column * residuals, starts) for column in columns]
    effects = np.einsum("lab,bl->al", at.kernels[levels], np.stack(sums))
    left = residuals.copy()
    for column, effect in zip(columns, effects, strict=True):
        left -= column * np.repeat(effect, counts)
    value = len(residuals) * (LOG_2PI + np.log(at.sigma2))
    value += at.log_dets[levels].sum() + float(residuals @ left) / at.sigma2
    return 0.5 * float(value), left / at.sigma2


def independent_loss(
    residuals: FloatArray, variance: FloatArray | float
) -> tuple[float, FloatArray]:
    """Return minus the log-likelihood of independent rows and its derivative.

    Parameters
    ----------
    residuals
        Target less everything predicted.
    variance
        Of all rows, or of each.
    """
    value = LOG_2PI + np.log(variance) + residuals**2 / variance
    return 0.5 * float(value.sum()), residuals / variance


def lower_root(covariance: FloatArray) -> FloatArray:
    """Return the lower triangular L with G = L L', also where G is singular.

    Examples
    --------
    >>> lower_root(np.array([[4.0, 2.0], [2.0, 1.0]])).round(6) + 0.0
    array([[2., 0.],
           [1., 0.]])
    """
    values, axes = np.linalg.eigh(covariance)
    root = axes * np.sqrt(np.maximum(values, 0.0))
    lower = np.asarray(np.linalg.qr(root.T, mode="r")).T
    return lower * np.where(lower.diagonal() < 0.0, -1.0, 1.0)
