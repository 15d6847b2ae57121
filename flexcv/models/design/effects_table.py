"""Random effects of all factors as one tidy table."""

from __future__ import annotations

from typing import Any

import pandas as pd

COLUMNS = ["factor", "group", "name", "effect", "sd"]


def tidy_effects(
    effects: dict[str, pd.DataFrame], deviations: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Put effects and their conditional standard deviations into one table.

    Parameters
    ----------
    effects, deviations
        Per grouping factor a table of levels by effects.

    Examples
    --------
    >>> one = pd.DataFrame({"Intercept": [0.5]}, index=["a"])
    >>> print(tidy_effects({"g": one}, {"g": 0.1 * one}).to_string(index=False))
    factor group      name  effect   sd
         g     a Intercept     0.5 0.05
    """
    parts = []
    for factor, frame in effects.items():
        labels = [_label(level) for level in frame.index]
        parts += [
            pd.DataFrame(
                {
                    "factor": factor,
                    "group": labels,
                    "name": name,
                    "effect": frame[name].to_numpy(),
                    "sd": deviations[factor][name].to_numpy(),
                }
            )
            for name in frame
        ]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True)


def _label(level: Any) -> str:
    """Return a level as text, a:b for an interaction."""
    return ":".join(map(str, level)) if isinstance(level, tuple) else str(level)
