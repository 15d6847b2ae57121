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
    require_same_target([candidate.digest for candidate in candidates])
    rows = [_row(candidate) for candidate in candidates]
    return ratio_table(rows, [candidate.name for candidate in candidates])


def require_same_target(digests: Sequence[tuple[float, ...]]) -> None:
    """Refuse models whose targets differ."""
    for other in digests[1:]:
        if len(other) != len(digests[0]) or not np.allclose(
            digests[0], other, rtol=1e-12, atol=0.0
        ):
            raise ModelError(
                "a likelihood-ratio test needs models fitted to the same target, got "
                "different ones; fit all to the same rows."
            )


def ratio_table(rows: Sequence[dict[str, float]], names: Sequence[str]) -> pd.DataFrame:
    """Test each model against the next smaller one.

    Parameters
    ----------
    rows
        Per model what `criteria` gives.
    names
        How the models are called.

    Examples
    --------
    >>> rows = [criteria(-10.0, 2, 50), criteria(-7.0, 3, 50)]
    >>> ratio_table(rows, ["a", "b"])["chi2"].tolist()
    [nan, 6.0]
    """
    table = pd.DataFrame(list(rows), index=list(names))
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
    return criteria(-0.5 * deviance, len(fitted.beta) + n_theta + 1, n_rows)


def criteria(loglik: float, n_parameters: int, n_rows: int) -> dict[str, float]:
    """Give what a model of a comparison is judged by."""
    return {
        "n_parameters": n_parameters,
        "aic": -2.0 * loglik + 2.0 * n_parameters,
        "bic": -2.0 * loglik + float(np.log(n_rows)) * n_parameters,
        "loglik": loglik,
        "deviance": -2.0 * loglik,
    }
