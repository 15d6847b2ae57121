"""What a fitted mixture of curves tells: predictions, intervals, draws, clusters."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv.errors import ModelError
from flexcv.models._validate import FloatArray, IntArray

from .curve_basis import SplineBasis
from .messages import local_factor
from .parameters import path_gaussians
from .prediction import (
    RowMixture,
    cluster_curves,
    component_share,
    draw_coefficients,
    population_messages,
    row_mixture,
)
from .rows import AbstractCurveModel, CurveRows
from .settings import check_whole, check_word, generator_from

OF = ("observation", "curve")
SURE = 1e13  # shape of an inverse gamma that is a point


class AbstractCurveMixture(AbstractCurveModel):
    """A model of curves from a mixture, and what it says of a table's rows."""

    cluster_: pd.Series

    def predict(self, X: Any, condition_on: Any = None) -> FloatArray:
        """Predict the curves at the table's times.

        Known subjects get their posterior curve, others the mean of the population,
        or the curve that their rows in `condition_on` suggest.

        Parameters
        ----------
        X
            A table with the training table's columns.
        condition_on
            A table of observed rows and their target, as a pair; of new subjects, or
            of known ones beside what training showed.
        """
        if condition_on is None:
            return super().predict(X)
        rows = self._rows(X, condition_on)
        return self._user(rows.fixed + self._mixture(rows, "curve").expectation())

    def predict_quantiles(
        self,
        X: Any,
        quantiles: Any = (0.05, 0.5, 0.95),
        *,
        condition_on: Any = None,
        of: str = "observation",
    ) -> pd.DataFrame:
        """Give quantiles of the predictive distribution, a column for each.

        Parameters
        ----------
        X, condition_on
            As in `predict`.
        quantiles
            Probabilities between 0 and 1.
        of
            ``"observation"`` for a new measurement, ``"curve"`` for what it measures.
        """
        asked = np.atleast_1d(np.asarray(quantiles, dtype=np.float64))
        if not ((asked > 0.0) & (asked < 1.0)).all():
            raise ValueError(
                f"`quantiles` must lie between 0 and 1, got {quantiles!r}."
            )
        rows = self._rows(X, condition_on)
        values = self._mixture(rows, of).quantiles(asked)
        shifted = self._user(rows.fixed[:, None] + values)
        return pd.DataFrame(shifted, getattr(X, "index", None), asked.tolist())

    def predict_interval(
        self,
        X: Any,
        level: float = 0.95,
        *,
        condition_on: Any = None,
        of: str = "observation",
    ) -> pd.DataFrame:
        """Predict with an interval that leaves as much below as above.

        Parameters
        ----------
        X, condition_on, of
            As in `predict_quantiles`.
        level
            Coverage of the intervals.

        Returns
        -------
        Columns prediction, lower and upper.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(
                f"`level` must lie between 0 and 1, got {level!r}; 0.95 is usual."
            )
        rows = self._rows(X, condition_on)
        mixture = self._mixture(rows, of)
        edges = mixture.quantiles(np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level]))
        values = np.column_stack([mixture.expectation(), edges])
        names = ["prediction", "lower", "upper"]
        shifted = self._user(rows.fixed[:, None] + values)
        return pd.DataFrame(shifted, getattr(X, "index", None), names)

    def sample(
        self,
        X: Any,
        n_samples: int = 100,
        *,
        condition_on: Any = None,
        of: str = "curve",
        random_state: Any = None,
    ) -> FloatArray:
        """Draw whole curves: rows of one subject share a draw, known or not.

        Parameters
        ----------
        X, condition_on, of
            As in `predict_quantiles`.
        n_samples
            How many draws.
        random_state
            Seeds them.

        Returns
        -------
        Shape (n_samples, rows).
        """
        check_word("of", of, OF)
        n = check_whole("n_samples", n_samples, 1)
        generator = generator_from(random_state)
        rows = self._rows(X, condition_on)
        firsts = np.unique(rows.draws, return_index=True)[1]
        drawn = draw_coefficients(rows.local, rows.subjects[firsts], n, generator)
        curves = np.einsum("rd,srd->sr", rows.design, drawn[:, rows.draws])
        if of == "observation":
            noise = self.sigma_ / self.units_.scale
            curves = curves + noise * generator.normal(size=curves.shape)
        return self._user(rows.fixed + curves)

    def predict_cluster(self, X: Any, condition_on: Any = None) -> IntArray:
        """Give the most probable cluster of each row's subject."""
        share = self.predict_cluster_proba(X, condition_on)
        return np.asarray(share.argmax(axis=1))

    def predict_cluster_proba(self, X: Any, condition_on: Any = None) -> FloatArray:
        """Give each cluster's probability for each row's subject, rows by clusters.

        Clusters are the components of the first layer, the largest one first.
        """
        rows = self._rows(X, condition_on)
        share = component_share(rows.local.share, self.parameters_.n_components)
        return share[rows.subjects]

    def log_score(self, X: Any, y: Any) -> float:
        """Give the mean log density of the subjects' rows, each subject as a new one.

        The larger, the better; for subjects that training did not show it compares
        sizes of the mixture without favouring the larger one.

        Parameters
        ----------
        X, y
            A table and its target.
        """
        self._require_subjects()
        sums = self._sums(X, y, pd.Index([]), "subject")[0]
        noise = (self.sigma_ / self.units_.scale) ** 2
        sure = replace(self.parameters_, noise_shape=SURE, noise_scale=SURE * noise)
        local = local_factor(sums, population_messages(sure), sure)
        density = local.evidence - sums.sizes * np.log(self.units_.scale)
        return float(density.mean())

    @property
    def weights_(self) -> FloatArray:
        """Weight of each path through the layers, the first layer slowest."""
        check_is_fitted(self)
        return path_gaussians(self.parameters_)[0]

    @property
    def means_(self) -> FloatArray:
        """Mean coefficients on each path, with average fixed columns."""
        check_is_fitted(self)
        return self._curves(path_gaussians(self.parameters_)[1])

    @property
    def covariances_(self) -> FloatArray:
        """Covariance of the coefficients on each path."""
        check_is_fitted(self)
        covariances = path_gaussians(self.parameters_)[2]
        return self.units_.coefficient_covariance(covariances)

    def trajectories(self, n_times: int = 100) -> pd.DataFrame:
        """Give every known subject's curve, with average fixed columns.

        Returns
        -------
        Columns subject, cluster, time and mean.
        """
        times, design = self._grid(n_times)
        levels = self.random_encoder_.factors[0].levels
        effects = self.units_.coefficients(self.mean_coefficients_)
        coefficients = self.random_part_.effects[0] + effects
        values = coefficients @ design.T + self.units_.centre
        return pd.DataFrame(
            {
                "subject": np.repeat(np.asarray(levels), len(times)),
                "cluster": np.repeat(self.cluster_.to_numpy(), len(times)),
                "time": np.tile(times, len(levels)),
                "mean": values.ravel(),
            }
        )

    def cluster_trajectories(
        self, n_times: int = 100, level: float = 0.95
    ) -> pd.DataFrame:
        """Give each cluster's mean curve and the range of its subjects' curves.

        Returns
        -------
        Columns cluster, weight, time, mean, lower and upper.
        """
        times, design = self._grid(n_times)
        names = ["mean", "lower", "upper"]
        parts: list[pd.DataFrame] = []
        for weight, values in cluster_curves(self.parameters_, design, level):
            part = pd.DataFrame(self._user(values), columns=names)
            part.insert(0, "time", times)
            part.insert(0, "weight", weight)
            part.insert(0, "cluster", len(parts))
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def plot_trajectories(self, ax: Any = None, n_times: int = 100) -> Any:
        """Draw the subjects' curves, coloured by cluster, and the clusters' means.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.
        n_times
            Points along each curve.
        """
        curves, clusters = (
            self.trajectories(n_times),
            self.cluster_trajectories(n_times),
        )
        drawing = importlib.import_module("flexcv.plots.trajectories")
        axes = drawing.plot_trajectories(curves, clusters, ax)
        axes.set_xlabel(str(self.time))
        return axes

    def _mixture(self, rows: CurveRows, of: str) -> RowMixture:
        check_word("of", of, OF)
        noise = (self.sigma_ / self.units_.scale) ** 2 if of == "observation" else 0.0
        return row_mixture(rows.design, rows.local, rows.subjects, noise)

    def _curves(self, coefficients: FloatArray) -> FloatArray:
        """Give coefficients that hold the target's centre where splines can."""
        centre = self.units_.centre if isinstance(self.basis_, SplineBasis) else 0.0
        return self.units_.coefficients(coefficients) + centre

    def _grid(self, n_times: int) -> tuple[FloatArray, FloatArray]:
        check_is_fitted(self)
        if not isinstance(self.basis_, SplineBasis):
            raise ModelError(
                "trajectories are drawn along `time`, and this model has a basis of "
                "its own columns; predict a table with these columns instead."
            )
        n = check_whole("n_times", n_times, 2)
        times = np.linspace(self.basis_.lower, self.basis_.upper, n)
        return times, self.basis_.design(times)
