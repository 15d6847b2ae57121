"""What boosting tells of its way: a row per checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from flexcv.models.alternating.alternation import component_names, relative_change
from flexcv.models.gaussian.residual_effects import RandomColumns

from .rounds import Checkpoint

BEFORE = ("iteration", "loglik", "sigma2", "trace_d")
AFTER = ("change", "learner_seconds", "effects_seconds")


def boosting_row(
    now: Checkpoint,
    before: Checkpoint | None,
    random: RandomColumns,
    unit: float = 1.0,
) -> dict[str, float]:
    """Return one row: rounds, honest likelihood, variances, change and seconds.

    The residual variance is that of a row of weight `unit`.
    """
    state = now.state
    variances = np.concatenate([[], *(d.diagonal() for d in state.covariances)])
    change = np.nan if before is None else relative_change(state, before.state)
    return {
        "iteration": now.n_trees,
        "loglik": state.loglik,
        "sigma2": unit * state.sigma2,
        "trace_d": float(variances.sum()),
        **dict(zip(component_names(random), map(float, variances), strict=True)),
        "change": change,
        "learner_seconds": now.learner_seconds,
        "effects_seconds": now.effects_seconds,
    }


def boosting_frame(
    rows: Sequence[Mapping[str, float]], random: RandomColumns
) -> pd.DataFrame:
    """Return the trace as a table with a row per checkpoint."""
    columns = [*BEFORE, *component_names(random), *AFTER]
    return pd.DataFrame(list(rows), columns=columns).astype({"iteration": int})
