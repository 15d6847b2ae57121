"""Where to search from when the effects of levels lie far from zero."""

from __future__ import annotations

import numpy as np

from flexcv.arrays import FloatArray

TOLD = 1e-2  # of the largest moment of a level, where all its effects are told
SHARES = (-1.0, 0.0, 1.0)  # of the first deviation, in its covariances with others
TINY = 1e-300


def far_factors(
    square: FloatArray, right: FloatArray, noise: float
) -> list[FloatArray]:
    """Return Lambdas from what least squares gives in each level.

    A fixed effect can make up for effects that all levels share, so the criterion has
    several valleys: correlations of both signs are begun from, too.

    Parameters
    ----------
    square, right
        Z'Z and Z'y of each level, shapes (levels, effects, effects) and
        (levels, effects).
    noise
        Variance of what the levels leave of y.

    Examples
    --------
    >>> square, right = np.full((3, 1, 1), 4.0), np.array([[8.0], [4.0], [-8.0]])
    >>> far_factors(square, right, 0.03)[0].round(6)
    array([[10.]])
    """
    q = right.shape[1]
    size = np.linalg.eigvalsh(square)
    told = size[:, 0] > TOLD * size[:, -1]
    if told.sum() < 2 * q:
        return []
    effects = np.linalg.solve(square[told], right[told][:, :, None])[:, :, 0]
    moments = effects.T @ effects / (len(effects) * max(noise, TINY))
    lower = np.linalg.cholesky(moments + np.diag(1e-9 * moments.diagonal() + TINY))
    first = np.zeros_like(lower)
    first[1:, 0] = lower[0, 0]
    shares = SHARES if q > 1 else (0.0,)
    return [lower + share * first for share in shares]
