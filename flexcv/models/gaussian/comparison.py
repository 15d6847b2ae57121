"""The likelihood-ratio test between nested mixed models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from flexcv.errors import ModelError
from flexcv.models.design.fingerprint import Fingerprint

from .engine import Estimate, search

ROUNDING = 1e-8  # loss of a larger model, relative to the criterion, that is none


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model of a comparison.

    Attributes
    ----------
    name
        How it is called in the table.
    fitted
        The fitted model.
    rows
        What is remembered of its rows.
    """

    name: str
    fitted: Estimate
    rows: Fingerprint


def likelihood_ratio_table(
    candidates: Sequence[Candidate], *, refit: bool = True
) -> pd.DataFrame:
    """Compare models fitted to the same rows, the smallest first.

    The p-value of a variance is too large, up to twice, because zero is on the edge of
    what a variance can be.

    Parameters
    ----------
    candidates
        The models.
    refit
        Whether restricted fits are refitted by maximum likelihood; otherwise they may
        differ in the random part only.
    """
    if not refit:
        _require_same_method(candidates)
    rows = [_row(candidate, refit) for candidate in candidates]
    names = [candidate.name for candidate in candidates]
    return ratio_table(rows, names, [candidate.rows for candidate in candidates])


def require_comparable(models: Sequence[Any]) -> tuple[Fingerprint, ...]:
    """Return what fitted models remember of their rows; refuse other rows."""
    for model in models:
        if not hasattr(model, "fingerprint_"):
            raise TypeError(
                "a likelihood-ratio test compares fitted linear or generalised mixed "
                f"models, got a {type(model).__name__}; fit it first or compare it by "
                "cross-validation."
            )
    found = tuple(model.fingerprint_ for model in models)
    for model, other in zip(models[1:], found[1:], strict=True):
        if other.family != found[0].family:
            raise ModelError(
                "a likelihood-ratio test needs models of one family, got "
                f"{found[0].family} and {other.family}; fit all by the same one."
            )
        different = found[0].differs_in(other)
        if different:
            raise ModelError(
                "a likelihood-ratio test needs models fitted to the same rows in the "
                f"same order, got another {different} in {model._described()!r}; fit "
                "all to one table."
            )
    return found


def ratio_table(
    rows: Sequence[dict[str, float]],
    names: Sequence[str],
    fixed: Sequence[Fingerprint],
) -> pd.DataFrame:
    """Test each model against the next smaller one.

    Parameters
    ----------
    rows
        Per model what `criteria` gives.
    names
        How the models are called.
    fixed
        Per model what its fixed columns span.

    Raises
    ------
    ModelError
        When the fixed part of a model is not in the next larger one, or when a larger
        model fits worse.
    """
    table = pd.DataFrame(list(rows), index=list(names))
    order = np.argsort(table["n_parameters"].to_numpy(), kind="stable")
    table = table.iloc[order]
    for smaller, larger in pairwise(order):
        if not fixed[larger].spans(fixed[smaller]):
            raise ModelError(
                "a likelihood-ratio test needs nested models, got fixed columns in "
                f"{names[smaller]!r} that are not in {names[larger]!r}; compare models "
                "that are not nested by `aic_` or by cross-validation."
            )
    df, gain = table["n_parameters"].diff(), -table["deviance"].diff()
    _require_gains(gain, df, table["deviance"])
    table = table.assign(chi2=gain.mask((df > 0) & (gain < 0.0), 0.0), df=df)
    tail = stats.chi2.sf(table["chi2"], df)
    return table.assign(p=np.where(df > 0, tail, np.nan))


def _require_gains(gain: pd.Series, df: pd.Series, deviance: pd.Series) -> None:
    """Refuse a larger model that fits worse by more than rounding."""
    worse = (df > 0) & (gain < -ROUNDING * (1.0 + deviance.abs()))
    told = [f"{value:.4f} of {name!r}" for name, value in deviance.items()]
    for place in np.flatnonzero(worse).tolist():
        raise ModelError(
            "a larger model fits at least as well, got a -2 log-likelihood of "
            f"{told[place]} and of {told[place - 1]}; their random parts are not "
            "nested, or a fit has not converged."
        )


def _require_same_method(candidates: Sequence[Candidate]) -> None:
    """Refuse restricted fits that differ in more than the random part."""
    first = candidates[0]
    for other in candidates[1:]:
        if first.fitted.problem.reml != other.fitted.problem.reml:
            raise ModelError(
                "likelihoods of one kind can be compared, got fits by REML and by ML; "
                "pass refit=True."
            )
        if not first.fitted.problem.reml:
            continue
        same = set(first.rows.names) == set(other.rows.names)
        if not (same and first.rows.spans(other.rows)):
            raise ModelError(
                "restricted likelihoods can be compared between models that differ in "
                f"the random part only, got other fixed columns in {other.name!r}; "
                "pass refit=True."
            )


def _row(candidate: Candidate, refit: bool) -> dict[str, float]:
    fitted = candidate.fitted
    problem, n_rows = fitted.problem, fitted.problem.sums.n_rows
    deviance = fitted.criterion
    if problem.reml and refit:
        scale = float(np.log(fitted.basis.target_scale))
        again = search(replace(problem, reml=False, latest=[]))
        deviance = again.value + 2.0 * n_rows * scale
    n_theta = sum(shape.n_theta for shape in problem.shapes)
    return criteria(-0.5 * deviance, len(fitted.beta) + n_theta + 1, n_rows)


def criteria(loglik: float, n_parameters: int, n_rows: int) -> dict[str, float]:
    """Return what a model of a comparison is judged by."""
    return {
        "n_parameters": n_parameters,
        "aic": -2.0 * loglik + 2.0 * n_parameters,
        "bic": -2.0 * loglik + float(np.log(n_rows)) * n_parameters,
        "loglik": loglik,
        "deviance": -2.0 * loglik,
    }
