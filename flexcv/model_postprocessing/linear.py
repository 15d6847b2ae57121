"""Coefficients and residuals of a linear model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from flexcv.arrays import FloatArray
from flexcv.evaluation import FittedFold
from flexcv.results import Finding

from .base import ModelPostProcessor, final_model, final_table, require


class LinearModelPostProcessor(ModelPostProcessor):
    """Look at an ordinary least-squares fit the way a textbook does.

    Takes `LinearModel` and scikit-learn's `LinearRegression`. Gives

    - ``"coefficients"``: name, estimate, std_error, t, p, lower, upper
    - ``"fit"``: quantity, value
    - ``"vif"``: feature, vif (variance inflation factor)
    - ``"residuals"``, ``"qq"``, ``"scale_location"``, ``"leverage"``: the training
      rows, each with its drawing; the last has Cook's distance

    Coefficients are those of the columns that the model reads; with `scale_out` these
    are scaled.

    Parameters
    ----------
    level
        Coverage of the intervals.
    """

    def __init__(self, level: float = 0.95) -> None:
        if not 0.0 < level < 1.0:
            raise ValueError(
                f"`level` must lie between 0 and 1, got {level!r}; 0.95 is usual."
            )
        self._level = level

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return the findings about one fitted model."""
        fit = self._fit(fitted)
        table = coefficient_table(fit, self._level)
        yield Finding("coefficients", table, "fixed_effects")
        yield Finding("fit", _fit_table(fit))
        yield Finding("vif", variance_inflation(fit.design, fit.names))
        residuals = residual_table(fit, fitted.train_rows)
        drawings = {
            "residuals": (["fitted", "residual"], "residuals"),
            "qq": (["normal_quantile", "standardised"], "quantiles"),
            "scale_location": (["fitted", "root_residual"], "scale_location"),
            "leverage": (
                ["leverage", "standardised", "cooks_distance", "n_coefficients"],
                "leverage",
            ),
        }
        for name, (columns, draw) in drawings.items():
            yield Finding(name, residuals[["row", *columns]], draw)

    def _fit(self, fitted: FittedFold) -> LeastSquares:
        model = final_model(fitted)
        target = fitted.train.target.to_numpy(dtype=float)
        if hasattr(model, "result_"):
            result = model.result_
            names = [str(name) for name in result.model.data.xnames]
            return LeastSquares(np.asarray(result.model.exog), target, names)
        require(model, ["coef_", "intercept_", "positive", "fit_intercept"], self)
        if model.positive or type(model).__name__ != "LinearRegression":
            raise TypeError(
                "LinearModelPostProcessor needs ordinary least squares, got "
                f"{type(model).__name__}(positive={model.positive}); choose another "
                "post-processor."
            )
        table = final_table(fitted, fitted.X_train)
        design, names = table.to_numpy(dtype=float), [str(n) for n in table.columns]
        if model.fit_intercept:
            design = np.column_stack([np.ones(len(design)), design])
            names = ["Intercept", *names]
        return LeastSquares(design, target, names)


class LeastSquares:
    """A least-squares fit and what it leaves over; redundant columns are allowed.

    Parameters
    ----------
    design
        Shape (n_rows, n_columns), with the column of ones if there is one.
    target
        Shape (n_rows,).
    names
        One per column.
    """

    def __init__(
        self, design: FloatArray, target: FloatArray, names: list[str]
    ) -> None:
        self.design, self.names = design, names
        left, singular, right = np.linalg.svd(design, full_matrices=False)
        kept = singular > singular[0] * max(design.shape) * np.finfo(float).eps
        left, singular, right = left[:, kept], singular[kept], right[kept]
        self.coefficients = right.T @ ((left.T @ target) / singular)
        self.leverage: FloatArray = (left**2).sum(axis=1)
        self.fitted: FloatArray = design @ self.coefficients
        self.residuals: FloatArray = target - self.fitted
        self.rank = int(kept.sum())
        self.df = len(target) - self.rank
        total = float(((target - target.mean()) ** 2).sum())
        rest = float(self.residuals @ self.residuals)
        self.sigma2 = rest / self.df if self.df > 0 else np.nan
        self.r2 = 1.0 - rest / total if total > 0.0 else np.nan
        self.covariance: FloatArray = self.sigma2 * ((right.T / singular**2) @ right)


def coefficient_table(fit: LeastSquares, level: float) -> pd.DataFrame:
    """Return estimates, standard errors, t tests and intervals."""
    error = np.sqrt(np.diagonal(fit.covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = fit.coefficients / error
    df = max(fit.df, 1)
    reach = stats.t.ppf(0.5 + level / 2.0, df) * error
    return pd.DataFrame(
        {
            "name": fit.names,
            "estimate": fit.coefficients,
            "std_error": error,
            "t": t,
            "p": 2.0 * stats.t.sf(np.abs(t), df),
            "lower": fit.coefficients - reach,
            "upper": fit.coefficients + reach,
        }
    )


def variance_inflation(design: FloatArray, names: list[str]) -> pd.DataFrame:
    """Return 1 / (1 - R2) of each column explained by the others; inf if redundant.

    Examples
    --------
    >>> a = np.array([1.0, 2.0, 3.0, 4.0])
    >>> b = np.array([1.0, -1.0, -1.0, 1.0])
    >>> variance_inflation(np.column_stack([a, b]), ["a", "b"])["vif"].tolist()
    [1.0, 1.0]
    """
    varies = np.ptp(design, axis=0) > 0.0
    columns = design[:, varies] - design[:, varies].mean(axis=0)
    columns = columns / np.linalg.norm(columns, axis=0)
    factors = []
    for number in range(columns.shape[1]):
        column, others = columns[:, number], np.delete(columns, number, axis=1)
        left = column - others @ (np.linalg.pinv(others) @ column)
        unexplained = float(left @ left)
        is_redundant = unexplained < 1e-12  # of a column of length one
        factors.append(np.inf if is_redundant else 1.0 / unexplained)
    kept = [name for name, keep in zip(names, varies, strict=True) if keep]
    return pd.DataFrame({"feature": kept, "vif": factors})


def residual_table(fit: LeastSquares, rows: Any) -> pd.DataFrame:
    """Return each training row's residual and influence.

    A row with leverage one is fitted exactly whatever its target, and has no
    standardised residual.
    """
    free = 1.0 - fit.leverage
    free = np.where(free > 1e-10, free, np.nan)
    standardised = fit.residuals / np.sqrt(fit.sigma2 * free)
    cooks = standardised**2 * fit.leverage / (free * fit.rank)
    return pd.DataFrame(
        {
            "row": rows,
            "fitted": fit.fitted,
            "residual": fit.residuals,
            "standardised": standardised,
            "root_residual": np.sqrt(np.abs(standardised)),
            "normal_quantile": _normal_quantiles(standardised),
            "leverage": fit.leverage,
            "cooks_distance": cooks,
            "n_coefficients": fit.rank,
        }
    )


def _normal_quantiles(values: Any) -> Any:
    ranks = stats.rankdata(values, nan_policy="omit")
    return stats.norm.ppf((ranks - 0.5) / max(int(np.isfinite(values).sum()), 1))


def _fit_table(fit: LeastSquares) -> pd.DataFrame:
    quantities = {
        "n_rows": float(len(fit.fitted)),
        "n_coefficients": float(fit.rank),
        "r2": fit.r2,
        "sigma": float(np.sqrt(fit.sigma2)),
    }
    return pd.DataFrame({"quantity": list(quantities), "value": quantities.values()})
