"""The parameters that a reader names, as functions of (theta, log sigma)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray

from .covariance import CovarianceShape
from .engine import Estimate

TINY = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A standard deviation or a correlation in the user's units.

    Attributes
    ----------
    shape
        The free entries of its factor's Lambda; None for the residual.
    place
        Where that factor's theta begins.
    rows
        The user's effects (one or two) as combinations of internal ones.
    scale
        What internal standard deviations are multiplied by.
    """

    shape: CovarianceShape | None
    place: int
    rows: tuple[FloatArray, ...]
    scale: float

    @property
    def is_correlation(self) -> bool:
        """Whether this is a correlation."""
        return len(self.rows) == 2

    def value(self, point: FloatArray) -> float:
        """Return the parameter at a point (theta, log sigma)."""
        return self.value_and_slope(point)[0]

    def value_and_slope(self, point: FloatArray) -> tuple[float, FloatArray]:
        """Return the parameter and its gradient."""
        measured, slope = self.measure(point)
        if self.is_correlation:
            return measured, slope
        value = float(np.exp(measured))
        return (
            value if value > np.sqrt(2.0 * TINY) * self.scale else 0.0
        ), value * slope

    def scale_of(self, value: float) -> float:
        """Return a value on the scale of `measure`: logarithms of deviations."""
        return value if self.is_correlation else float(np.log(max(value, TINY)))

    def measure(self, point: FloatArray) -> tuple[float, FloatArray]:
        """Return the logarithm of a deviation, or a correlation, and its gradient."""
        slope = np.zeros(len(point))
        if self.shape is None:
            slope[-1] = 1.0
            return float(point[-1] + np.log(self.scale)), slope
        part = slice(self.place, self.place + self.shape.n_theta)
        factor = self.shape.factor(point[part])
        if self.is_correlation:
            value, inner = _correlation(factor, *self.rows)
            slope[part] = self.shape.theta(inner)
            return value, slope
        turned = factor.T @ self.rows[0]
        square = max(float(turned @ turned), TINY)
        slope[part] = self.shape.theta(np.outer(self.rows[0], turned)) / square
        slope[-1] = 1.0
        return 0.5 * float(np.log(square)) + point[-1] + np.log(self.scale), slope

    def moved_to(self, point: FloatArray, value: float) -> FloatArray:
        """Return a point from which the parameter's new value is near."""
        moved = point.copy()
        if self.shape is None:
            moved[-1] = np.log(value / self.scale)
            return moved
        part = slice(self.place, self.place + self.shape.n_theta)
        diagonal = self.shape.rows == self.shape.cols
        moved[part] += 0.01 * diagonal
        if not self.is_correlation:
            moved[part] *= value / self.value(moved)
        return moved


def random_parameters(
    fitted: Estimate, groups: Sequence[tuple[str, Sequence[str]]]
) -> list[Parameter]:
    """Return each standard deviation, correlations within blocks, residual last."""
    scale = fitted.basis.target_scale
    parameters, place = [], 0
    for (_, names), shape, basis in zip(
        groups, fitted.problem.shapes, fitted.basis.random, strict=True
    ):
        for picked in _picked(shape, len(names)):
            rows = tuple(basis[k] for k in picked)
            parameters.append(Parameter(shape, place, rows, scale))
        place += shape.n_theta
    return [*parameters, Parameter(None, 0, (), scale)]


def parameter_frame(
    fitted: Estimate, names: Sequence[str], groups: Sequence[tuple[str, Sequence[str]]]
) -> pd.DataFrame:
    """Return all estimates in one column, named by part and parameter.

    The order is that of `random_parameters`, then the fixed effects.
    """
    sigma = np.sqrt(fitted.at.r2 / fitted.at.free)
    point = np.append(fitted.minimum.theta, np.log(sigma))
    labels: list[tuple[str, str]] = []
    for (group, effects), shape in zip(groups, fitted.problem.shapes, strict=True):
        for picked in _picked(shape, len(effects)):
            kind = "sd" if len(picked) == 1 else "corr"
            listed = ", ".join(effects[k] for k in picked)
            labels.append((group, f"{kind}({listed})"))
    labels.append(("Residual", "sd"))
    random = [p.value(point) for p in random_parameters(fitted, groups)]
    labels += [("fixed", name) for name in names]
    index = pd.MultiIndex.from_tuples(labels, names=["part", "parameter"])
    values = np.concatenate([random, fitted.beta])
    return pd.DataFrame({"estimate": values}, index=index)


def _picked(shape: CovarianceShape, n_effects: int) -> list[tuple[int, ...]]:
    """Return effects one by one, then pairs within a block."""
    single: list[tuple[int, ...]] = [(k,) for k in range(n_effects)]
    pairs, start = [], 0
    for size in shape.blocks:
        block = range(start, start + size)
        pairs += [(j, k) for j in block for k in block if j < k]
        start += size
    return [*single, *pairs]


def _correlation(
    factor: FloatArray, first: FloatArray, second: FloatArray
) -> tuple[float, FloatArray]:
    """Return a correlation and its gradient in Lambda; NaN at a variance of zero."""
    u, v = factor.T @ first, factor.T @ second
    a, b = float(u @ u), float(v @ v)
    if min(a, b) < TINY:
        return np.nan, np.zeros_like(factor)
    value = float(u @ v) / np.sqrt(a * b)
    du = v / np.sqrt(a * b) - value * u / a
    dv = u / np.sqrt(a * b) - value * v / b
    return value, np.outer(first, du) + np.outer(second, dv)
