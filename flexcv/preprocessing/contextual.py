"""Whether features act within groups as they act between them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.typing import ArrayLike
from scipy import linalg, stats

from flexcv.arrays import FloatArray

from .group_means import (
    group_codes,
    is_constant_within,
    means_of,
    varying_columns,
)

LEVEL = 0.05  # of the test that `between="auto"` decides by
SPARE = 4  # degrees of freedom that a joint test must leave
MAX_LEVELS = 20  # of a category that is held constant
COLUMNS = (
    "within",
    "within_se",
    "between",
    "between_se",
    "difference",
    "p_value",
    "sd",
)


@dataclass(frozen=True, slots=True, eq=False)
class ContextualEffects:
    """Slopes of features within and between groups, and whether they differ.

    Attributes
    ----------
    table
        A row for each feature that varies within and between groups: `within` and
        `between`, the two slopes, with standard errors; `difference`, between minus
        within; `p_value` of it, adjusted for the number of features (Holm); `sd`, the
        standard deviation of the feature.
    p_value
        Of all differences together.
    n_groups
        How many groups were looked at.
    is_joint
        Whether one regression holds all features, as there are groups enough; else
        each has its own, and `p_value` is the smallest adjusted one.
    """

    table: pd.DataFrame
    p_value: float
    n_groups: int
    is_joint: bool

    @property
    def differ(self) -> bool:
        """Whether the slopes differ at the level of 5 %."""
        return self.p_value < LEVEL

    @property
    def features(self) -> list[Any]:
        """Return the features whose own slopes differ, the surest first."""
        found = self.table[self.table["p_value"] < LEVEL]
        return list(found.sort_values("p_value").index)

    def plot(self, ax: Any = None) -> Any:
        """Draw both slopes of each feature, in standard deviations of the feature.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.
        """
        return importlib.import_module("flexcv.plots").plot_within_and_between(
            self.table, ax
        )

    def __repr__(self) -> str:
        return (
            f"<ContextualEffects of {len(self.table)} feature(s) in {self.n_groups} "
            f"groups: p = {self.p_value:.3g}>\n{self.table.round(3).to_string()}"
        )


def contextual_effects(
    X: pd.DataFrame, y: ArrayLike, groups: ArrayLike
) -> ContextualEffects:
    r"""Test whether the slopes of features within groups are those between groups.

    Random effects take the two for equal: with groups that are not known a mixed model
    predicts by the slope within groups where they differ (a contextual effect). The
    slope within is that of least squares on distances from group means, the slope
    between that of least squares on the group means themselves; their difference d
    has the variance

    .. math:: V = \sum_i \psi_i \psi_i', \quad
       \psi_i = A_b^{-1} z_i \frac{r_i}{1 - h_i}
       - \sqrt{\tfrac{G}{G - 1}} A_w^{-1} \sum_j \tilde x_{ij} \tilde e_{ij}

    summed over whole groups, so that neither equal variances nor independent rows are
    taken for granted (HC3 between groups, CR1 within). With q features, k columns
    between groups and m = G - k, the statistic d'V^{-1}d (m - q + 1) / (m q) is held
    against the F distribution with q and m - q + 1 degrees of freedom. Features that
    are constant within groups and categories are held constant.

    Parameters
    ----------
    X
        The features; rows with missing numbers are left out.
    y
        Numbers, one per row; two classes as 0 and 1.
    groups
        A label per row.

    References
    ----------
    Mundlak, Y. (1978). On the pooling of time series and cross section data.
    Econometrica 46(1), 69-85.
    Hausman, J. A. (1978). Specification tests in econometrics. Econometrica 46(6),
    1251-1271.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat(np.arange(50), 6)
    >>> mean = rng.normal(size=50)[group]
    >>> x = mean + rng.normal(size=300)
    >>> y = 2.0 * mean + 0.5 * (x - mean) + rng.normal(size=300)
    >>> found = contextual_effects(pd.DataFrame({"x": x}), y, group)
    >>> found.differ, found.table[["within", "between"]].round(1).loc["x"].to_list()
    (True, [0.5, 1.6])
    """
    table, target, codes = _complete(X, y, groups)
    within, both = varying_columns(table, codes)
    n_groups = int(codes.max(initial=-1)) + 1
    if not both:
        empty = pd.DataFrame(columns=list(COLUMNS), dtype=float)
        return ContextualEffects(empty, 1.0, n_groups, is_joint=True)
    rows = _Rows(table, target, codes, n_groups)
    held = [name for name in within if name not in both]
    n_columns = 1 + len(both) + rows.controls.shape[1]
    is_joint = n_groups - n_columns - len(both) + 1 >= SPARE
    if is_joint:
        found = rows.slopes(both, held)
        p_value = found.p_joint
        parts = [found.table]
    else:
        alone = [rows.slopes([name], [], controlled=False) for name in both]
        parts = [found.table for found in alone]
    listing = pd.concat(parts).rename_axis("feature")
    listing["sd"] = table[both].astype(float).std()
    listing["p_value"] = holm(listing["p_value"].to_numpy())
    if not is_joint:
        p_value = float(np.nanmin(listing["p_value"]))
    return ContextualEffects(listing, p_value, n_groups, is_joint)


def holm(p_values: FloatArray) -> FloatArray:
    """Adjust p-values for their number (Holm 1979).

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


@dataclass(frozen=True, slots=True, eq=False)
class _Slopes:
    table: pd.DataFrame
    p_joint: float


class _Rows:
    """Rows as distances from their group's mean, and the groups as means."""

    def __init__(
        self,
        table: pd.DataFrame,
        target: FloatArray,
        codes: npt.NDArray[np.intp],
        n_groups: int,
    ) -> None:
        self.table, self.codes, self.n_groups = table, codes, n_groups
        self.first = np.unique(codes, return_index=True)[1]
        self.inner_y, self.mean_y = self._apart(pd.DataFrame({"y": target}))
        self.controls = self._controls()

    def slopes(
        self,
        tested: Sequence[Any],
        held: Sequence[Any],
        *,
        controlled: bool = True,
    ) -> _Slopes:
        """Compare the slopes of the columns tested, others held constant."""
        q = len(tested)
        inner, means = self._apart(self.table[[*tested, *held]])
        outer = [np.ones((self.n_groups, 1)), means[:, :q]]
        if controlled:
            outer.append(self.controls)
        b_within, psi_within = self._within(inner)
        b_between, psi_between = self._between(np.hstack(outer))
        psi_within, psi_between = psi_within[:, :q], psi_between[:, 1 : q + 1]
        difference = b_between[1 : q + 1] - b_within[:q]
        psi = psi_between - psi_within
        covariance = psi.T @ psi
        m = self.n_groups - sum(part.shape[1] for part in outer)
        errors = np.sqrt(np.diag(covariance))
        frame = pd.DataFrame(
            {
                "within": b_within[:q],
                "within_se": np.sqrt((psi_within**2).sum(axis=0)),
                "between": b_between[1 : q + 1],
                "between_se": np.sqrt((psi_between**2).sum(axis=0)),
                "difference": difference,
                "p_value": 2.0 * stats.t.sf(np.abs(difference) / errors, max(m, 1)),
            },
            index=pd.Index(list[Any](tested)),
        )
        return _Slopes(frame, _joint(difference, covariance, m))

    def _apart(self, columns: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """Return the distances from group means, by row, and the means, by group."""
        means = means_of(columns, self.codes).to_numpy()
        return columns.to_numpy(float) - means, means[self.first]

    def _within(self, inner: FloatArray) -> tuple[FloatArray, FloatArray]:
        inverse = linalg.pinvh(inner.T @ inner)
        slopes = inverse @ (inner.T @ self.inner_y[:, 0])
        scores = inner * (self.inner_y[:, 0] - inner @ slopes)[:, None]
        sums = np.zeros((self.n_groups, inner.shape[1]))
        np.add.at(sums, self.codes, scores)
        correction = np.sqrt(self.n_groups / max(self.n_groups - 1, 1))
        return slopes, correction * sums @ inverse

    def _between(self, outer: FloatArray) -> tuple[FloatArray, FloatArray]:
        inverse = linalg.pinvh(outer.T @ outer)
        slopes = inverse @ (outer.T @ self.mean_y[:, 0])
        residual = self.mean_y[:, 0] - outer @ slopes
        leverage = np.einsum("ij,jk,ik->i", outer, inverse, outer)
        kept = np.maximum(1.0 - leverage, 1e-8)
        return slopes, (outer * (residual / kept)[:, None]) @ inverse

    def _controls(self) -> FloatArray:
        """Return what is constant within groups, a row per group."""
        firsts = self.table.iloc[self.first]
        columns = []
        for name in self.table.columns:
            column = self.table[name]
            if not is_constant_within(column, self.codes):
                continue
            if pd.api.types.is_numeric_dtype(column):
                columns.append(firsts[[name]].astype(float))
            elif column.nunique() <= MAX_LEVELS:
                columns.append(pd.get_dummies(firsts[name], drop_first=True))
        if not columns:
            return np.zeros((self.n_groups, 0))
        values = pd.concat(columns, axis=1).to_numpy(float)
        return values[:, np.ptp(values, axis=0) > 0.0]


def _joint(difference: FloatArray, covariance: FloatArray, m: int) -> float:
    q = len(difference)
    if m - q + 1 < 1:
        return float("nan")
    statistic = float(difference @ linalg.pinvh(covariance) @ difference)
    freedom = m - q + 1
    return float(stats.f.sf(statistic * freedom / (m * q), q, freedom))


def _complete(
    X: pd.DataFrame, y: ArrayLike, groups: ArrayLike
) -> tuple[pd.DataFrame, FloatArray, npt.NDArray[np.intp]]:
    """Return the rows that lack nothing."""
    target = np.asarray(y, dtype=float)
    labels = pd.Series(np.asarray(groups))
    if not len(X) == len(target) == len(labels):
        raise ValueError(
            "`X`, `y` and `groups` must have one length, got "
            f"{len(X)}, {len(target)} and {len(labels)}; pass one table's."
        )
    table = X.reset_index(drop=True)
    numeric = table.select_dtypes(["number", "bool"]).columns
    kept = table[numeric].notna().all(axis=1).to_numpy() & np.isfinite(target)
    kept &= labels.notna().to_numpy()
    rows = table.loc[kept].reset_index(drop=True)
    return rows, target[kept], group_codes(labels[kept])
