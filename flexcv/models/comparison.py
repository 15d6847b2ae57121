"""The likelihood-ratio test between nested mixed models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from flexcv.errors import ModelError

from .engine import Estimate, search


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model of a comparison.

    Attributes
    ----------
    name
        How it is called in the table.
    fitted
        The fitted model.
    digest
        Numbers that tell whether two models saw the same target.
    """

    name: str
    fitted: Estimate
    digest: tuple[float, ...]


def likelihood_ratio_table(candidates: Sequence[Candidate]) -> pd.DataFrame:
    """Compare models fitted to the same rows, the smallest first.

    Restricted fits are refitted by maximum likelihood. The p-value of a variance is
    too large, up to twice, because zero is on the edge of what a variance can be.
    """
    first = candidates[0]
    for other in candidates[1:]:
        if not np.allclose(first.digest, other.digest, rtol=1e-12, atol=0.0):
            raise ModelError(
                "a likelihood-ratio test needs models fitted to the same target, got "
                "different ones; fit all to the same rows."
            )
    rows = [_row(candidate) for candidate in candidates]
    table = pd.DataFrame(rows, index=[c.name for c in candidates])
    table = table.sort_values("n_parameters", kind="stable")
    table["chi2"] = -table["deviance"].diff()
    table["df"] = table["n_parameters"].diff()
    tail = stats.chi2.sf(table["chi2"].clip(lower=0.0), table["df"])
    table["p"] = np.where(table["df"] > 0, tail, np.nan)
    return table


def _row(candidate: Candidate) -> dict[str, float]:
    fitted = candidate.fitted
    problem = replace(fitted.problem, reml=False, latest=[])
    scale = fitted.basis.target_scale
    n_rows = problem.sums.n_rows
    deviance = search(problem).value + 2.0 * n_rows * float(np.log(scale))
    n_theta = sum(shape.n_theta for shape in problem.shapes)
    n_parameters = len(fitted.beta) + n_theta + 1
    return {
        "n_parameters": n_parameters,
        "aic": deviance + 2.0 * n_parameters,
        "bic": deviance + float(np.log(n_rows)) * n_parameters,
        "loglik": -0.5 * deviance,
        "deviance": deviance,
    }
