"""What is kept of a finished fit: moments, the subjects' curves, frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray

from .ascent import Step
from .messages import chunks, local_factor, messages
from .parameters import Parameters, path_gaussians
from .search import Outcome
from .sums import SubjectSums

TRACE = ("start", "bound", "gain", "sigma2", "n_paths")
LEAST_VARIANCE = 1e-300  # of a fit without residuals, so that it can be divided by


def population_moments(parameters: Parameters) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of the coefficients over all paths."""
    weight, mean, covariance = path_gaussians(parameters)
    centre = np.asarray(weight @ mean)
    apart = mean - centre
    spread = np.einsum("c,cab->ab", weight, covariance)
    return centre, spread + np.einsum("c,ca,cb->ab", weight, apart, apart)


def subject_curves(
    sums: SubjectSums, parameters: Parameters
) -> tuple[FloatArray, FloatArray]:
    """Return each subject's expected coefficients and share in the first layer.

    Parameters
    ----------
    sums
        With the fixed part taken out.
    parameters
        Of the fit.

    Returns
    -------
    Shapes (n, d) and (n, k).
    """
    told, n = messages(parameters), len(sums)
    n_paths, d = told.linear.shape
    curves, share = np.empty((n, d)), np.empty((n, parameters.n_components[0]))
    for part in chunks(n, n_paths, d):
        local = local_factor(sums.take(part), told, parameters)
        curves[part] = (local.share[..., None] * local.mean).sum(axis=1)
        share[part] = local.component_share(share.shape[1])
    return curves, share


def least_squares(design: FloatArray, target: FloatArray) -> tuple[FloatArray, float]:
    """Return coefficients and residual variance; the shortest where many fit alike."""
    found = np.asarray(np.linalg.lstsq(design, target, rcond=None)[0])
    left = target - design @ found
    freedom = max(1, len(target) - int(np.linalg.matrix_rank(design)))
    return found, max(float(left @ left) / freedom, LEAST_VARIANCE)


def trace_row(start: int, step: Step, scale: float) -> dict[str, float]:
    """Return the numbers of one sweep; the noise variance in the target's units."""
    noise = scale**2 / step.parameters.noise_precision
    values = (start, step.bound, step.gain, noise, step.parameters.n_paths)
    return dict(zip(TRACE, values, strict=True))


def trace_frame(rows: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """Return the rows as a frame, iterations as the index."""
    frame = pd.DataFrame(rows, columns=["iteration", *TRACE])
    return frame.set_index("iteration")


def selection_frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return a row per start."""
    return pd.DataFrame(
        {
            "n_components": [o.size.n_components for o in outcomes],
            "n_factors": [o.size.n_factors for o in outcomes],
            "start": [o.start for o in outcomes],
            "left": [o.step.parameters.n_components for o in outcomes],
            "n_iter": [o.step.iteration for o in outcomes],
            "bound": [o.step.bound for o in outcomes],
        }
    )
