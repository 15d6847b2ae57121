"""One row per epoch: likelihoods, variances, covariances and seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray
from flexcv.models.gaussian.residual_effects import RandomColumns

from .gaussian import Reading

BEFORE = ("loglik", "train_loss", "sigma2")
AFTER = ("change", "validation_loss", "learner_seconds", "effects_seconds")


def trace_row(
    iteration: int,
    reading: Reading,
    before: Reading,
    entries: Sequence[str],
    after: Sequence[float],
) -> dict[str, float]:
    """Return one row of a trace.

    Parameters
    ----------
    iteration
        The epoch.
    reading, before
        Of this epoch and of the one before.
    entries
        Of `entry_names`.
    after
        Held-out loss and the seconds of network and random part.
    """
    per_row = reading.loglik / reading.n_rows
    gain = per_row - before.loglik / before.n_rows
    values = [float(v) for c in reading.covariances for v in _entries(c)]
    return {
        "iteration": iteration,
        "loglik": reading.loglik,
        "train_loss": -per_row,
        "sigma2": reading.sigma2,
        **dict(zip(entries, values, strict=True)),
        "change": float(abs(np.expm1(min(gain, 50.0)))),
        **dict(zip(AFTER[1:], after, strict=True)),
    }


def trace_frame(
    rows: Sequence[Mapping[str, float]], entries: Sequence[str]
) -> pd.DataFrame:
    """Return the trace as a table with a row per epoch."""
    columns = [*BEFORE, *entries, *AFTER]
    numbers = pd.Index([int(row["iteration"]) for row in rows], name="iteration")
    values = [[row[column] for column in columns] for row in rows]
    return pd.DataFrame(values, index=numbers, columns=columns, dtype=np.float64)


def entry_names(random: RandomColumns) -> list[str]:
    """Name each entry of a covariance: ``group.effect``, ``group.effect:other``."""
    names = []
    for factor in random.design.factors:
        for place, name in enumerate(factor.names):
            names.append(f"{factor.name}.{name}")
            names += [f"{factor.name}.{name}:{o}" for o in factor.names[place + 1 :]]
    return names


def _entries(covariance: FloatArray) -> FloatArray:
    return np.asarray(covariance[np.triu_indices(len(covariance))])
