"""What a fitted mixture of curves tells: predictions, intervals, draws, clusters."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice, check_integer
from flexcv.arrays import BoolArray, FloatArray, IntArray
from flexcv.errors import ExtrapolationWarning, ModelError, UnknownGroupsWarning
from flexcv.models.contract.base import AbstractMixedModel
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import FixedEncoder
from flexcv.models.design.labels import (
    ColumnLabels,
    level_codes,
    plain_index,
    warn_of_strangers,
)
from flexcv.models.design.validate import require_no_missing, target_values
from flexcv.typing import KnownRows, Seed

from .curve_basis import (
    Basis,
    SplineBasis,
    basis_columns,
    require_near,
    require_times,
)
from .curve_rows import CurveRows, Seen
from .membership import Membership
from .messages import Local, local_factor, messages
from .parameters import Parameters, path_gaussians
from .prediction import (
    RowMixture,
    cluster_curves,
    draw_coefficients,
    nobody,
    population_messages,
    posterior,
    row_mixture,
)
from .settings import generator_from
from .sums import SubjectSums, subject_sums
from .units import Units

if TYPE_CHECKING:
    from matplotlib.axes import Axes


OF = ("observation", "curve")

SURE = 1e13  # shape of an inverse gamma that is a point


class AbstractCurveMixture(AbstractMixedModel):
    """A model of curves from a mixture, and what it says of a table's rows."""

    time: str | None
    extrapolation: str
    basis_: Basis
    membership_: Membership
    fixed_encoder_: FixedEncoder
    units_: Units
    parameters_: Parameters
    sums_: SubjectSums
    mean_coefficients_: FloatArray
    cluster_: pd.Series

    def predict(  # type: ignore[override]
        self,
        X: pd.DataFrame | ArrayLike,
        condition_on: pd.DataFrame | tuple[pd.DataFrame, ArrayLike] | None = None,
        known: KnownRows | None = None,
    ) -> FloatArray:
        """Predict the curves at the table's times.

        Known subjects get their posterior curve, others the mean of the population, or
        of its members with their features, or the curve that their rows in
        `condition_on` suggest.

        Parameters
        ----------
        X
            A table with the training table's columns.
        condition_on
            A table of observed rows and their target, as a pair; of new subjects, or
            of known ones beside what training showed.
        known
            The same by the name that all mixed models have for it.
        """
        check_is_fitted(self)
        if known is not None:
            if condition_on is not None:
                raise TypeError(
                    "`known` and `condition_on` are two names of one thing, got both; "
                    "pass one pair (table, y)."
                )
            condition_on = known  # type: ignore[assignment]
        if condition_on is None and not self.membership_.effects:
            return super().predict(X)
        rows = self._rows(X, condition_on)
        return self._user(rows.fixed + self._mixture(rows, "curve").expectation())

    def predict_quantiles(
        self,
        X: pd.DataFrame | ArrayLike,
        quantiles: ArrayLike = (0.05, 0.5, 0.95),
        *,
        condition_on: pd.DataFrame | tuple[pd.DataFrame, ArrayLike] | None = None,
        of: str = "observation",
    ) -> pd.DataFrame:
        """Return quantiles of the predictive distribution, a column for each.

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
        X: pd.DataFrame | ArrayLike,
        level: float = 0.95,
        *,
        condition_on: pd.DataFrame | tuple[pd.DataFrame, ArrayLike] | None = None,
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
        X: pd.DataFrame | ArrayLike,
        n_samples: int = 100,
        *,
        condition_on: pd.DataFrame | tuple[pd.DataFrame, ArrayLike] | None = None,
        of: str = "curve",
        random_state: Seed = None,
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
        check_choice("of", of, OF)
        n = check_integer("n_samples", n_samples, 1)
        generator = generator_from(random_state)
        rows = self._rows(X, condition_on)
        firsts = np.unique(rows.draws, return_index=True)[1]
        drawn = draw_coefficients(rows.local, rows.subjects[firsts], n, generator)
        curves = np.einsum("rd,srd->sr", rows.design, drawn[:, rows.draws])
        if of == "observation":
            noise = self.sigma_ / self.units_.scale
            curves = curves + noise * generator.normal(size=curves.shape)
        return self._user(rows.fixed + curves)

    def predict_cluster(
        self,
        X: pd.DataFrame | ArrayLike,
        condition_on: pd.DataFrame | tuple[pd.DataFrame, ArrayLike] | None = None,
    ) -> IntArray:
        """Return the most probable cluster of each row's subject."""
        share = self.predict_cluster_proba(X, condition_on)
        return np.asarray(share.argmax(axis=1))

    def predict_cluster_proba(
        self,
        X: pd.DataFrame | ArrayLike,
        condition_on: pd.DataFrame | tuple[pd.DataFrame, ArrayLike] | None = None,
    ) -> FloatArray:
        """Return each cluster's probability for each row's subject, rows by clusters.

        Clusters are the components of the first layer, the largest one first. New
        subjects without rows in `condition_on` have the weights of the clusters, or
        what their features say.
        """
        rows = self._rows(X, condition_on)
        share = rows.local.component_share(self.parameters_.n_components[0])
        return share[rows.subjects]

    def log_score(self, X: pd.DataFrame | ArrayLike, y: ArrayLike) -> float:
        """Return the mean log density of the subjects' rows, each subject as a new one.

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
        """Return every known subject's curve, with average fixed columns.

        Returns
        -------
        Columns subject, cluster, time and mean.
        """
        times, design = self._grid(n_times)
        encoder = self.random_encoder_.factors[0]
        effects = self.units_.coefficients(self.mean_coefficients_)
        coefficients = self.random_part_.effects[0][encoder.listed] + effects
        values = coefficients @ design.T + self.units_.centre
        subjects = np.asarray(self.cluster_.index)
        return pd.DataFrame(
            {
                "subject": np.repeat(subjects, len(times)),
                "cluster": np.repeat(self.cluster_.to_numpy(), len(times)),
                "time": np.tile(times, len(subjects)),
                "mean": values.ravel(),
            }
        )

    def cluster_trajectories(
        self, n_times: int = 100, level: float = 0.95
    ) -> pd.DataFrame:
        """Return each cluster's mean curve and the range of its subjects' curves.

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

    def plot_trajectories(self, ax: Axes | None = None, n_times: int = 100) -> Any:
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
        check_choice("of", of, OF)
        noise = (self.sigma_ / self.units_.scale) ** 2 if of == "observation" else 0.0
        return row_mixture(rows.design, rows.local, rows.subjects, noise)

    def _curves(self, coefficients: FloatArray) -> FloatArray:
        """Return coefficients that hold the target's centre where splines can."""
        centre = self.units_.centre if isinstance(self.basis_, SplineBasis) else 0.0
        return self.units_.coefficients(coefficients) + centre

    def _grid(self, n_times: int) -> tuple[FloatArray, FloatArray]:
        check_is_fitted(self)
        if not isinstance(self.basis_, SplineBasis):
            raise ModelError(
                "trajectories are drawn along `time`, and this model has a basis of "
                "its own columns; predict a table with these columns instead."
            )
        n = check_integer("n_times", n_times, 2)
        times = np.linspace(self.basis_.lower, self.basis_.upper, n)
        return times, self.basis_.design(times)

    def _rows(self, X: Any, condition_on: Any) -> CurveRows:
        self._require_subjects()
        beside = condition_on[0] if isinstance(condition_on, tuple) else None
        source = self._source(X, beside)
        self._heed_times(source)
        column = self._subjects(source.table, "grouping")
        seen = self._seen(condition_on, X)
        codes = level_codes(column, seen.labels)
        self._heed_subjects(column, codes, seen)
        features = self.membership_.of_rows(source)
        local, subjects = self._posterior(codes, seen, features)
        unknown = pd.factorize(column)[0] + len(column) * subjects
        draws = np.where(codes >= 0, codes, codes.max(initial=-1) + 1 + unknown)
        return CurveRows(
            self._design(source),
            source.predicted(self._fixed(source)),
            local,
            subjects,
            np.unique(draws, return_inverse=True)[1],
        )

    def _require_subjects(self) -> None:
        check_is_fitted(self)
        if not self.random_encoder_.factors:
            raise ModelError(
                "the distribution of curves needs subjects; name their column in "
                "`groups` and fit again."
            )

    def _subjects(self, table: pd.DataFrame, role: str) -> pd.Series:
        column: pd.Series = table[self.random_encoder_.factors[0].group_columns[0]]
        require_no_missing(column, role)
        return column

    def _heed_subjects(self, column: pd.Series, codes: IntArray, seen: Seen) -> None:
        """Warn when all rows' subjects are unknown, and of visits that serve none."""
        if self.known_groups == "population" or not len(codes):
            return
        if codes.max() < 0:
            here = plain_index(column.unique())
            warn_of_strangers([ColumnLabels(column.name, here, seen.labels)])
        unasked = seen.labels[np.setdiff1d(seen.visited, codes)]
        if len(unasked):
            warnings.warn(
                f"`condition_on` has rows of {len(unasked)} subject(s) that no row "
                f"asks for, such as {unasked.tolist()[0]!r}, and they change nothing; "
                "write labels as in the table to predict, or drop these rows.",
                UnknownGroupsWarning,
                stacklevel=4,
            )

    def _seen(self, condition_on: Any, X: Any) -> Seen:
        """Return the sums of known subjects and of new ones that have rows."""
        levels = self.random_encoder_.factors[0].levels
        population = self.known_groups == "population"
        if population and condition_on is not None:
            raise ValueError(
                "`condition_on` needs known_groups='conditional', got 'population'."
            )
        if condition_on is None:
            return Seen(self.sums_, None, levels[:0] if population else levels)
        if not isinstance(condition_on, tuple) or len(condition_on) != 2:
            raise TypeError(
                "`condition_on` must be a pair (table, y) of observed rows, got "
                f"{type(condition_on).__name__}."
            )
        sums, labels = self._sums(*condition_on, levels, "`condition_on`", X)
        known = self.sums_.plus(sums.take(slice(0, len(levels))))
        new = sums.take(slice(len(levels), None))
        return Seen(known, new, labels, np.flatnonzero(sums.sizes))

    def _sums(
        self, X: Any, y: Any, levels: pd.Index, role: str, beside: Any = None
    ) -> tuple[SubjectSums, pd.Index]:
        """Sum a table's rows for the subjects in `levels` and then for new ones."""
        source = self._observed(X, beside)
        target = target_values(y, len(source.table))
        self._heed_times(source)
        column = self._subjects(source.table, role)
        codes = level_codes(column, levels).copy()
        new_codes, new_labels = pd.factorize(column[codes < 0])
        codes[codes < 0] = len(levels) + new_codes
        labels = levels.append(pd.Index(new_labels)) if len(new_labels) else levels
        left = self.units_.target(target) - self._fixed(source)
        none = np.zeros((len(target), 0))
        n = len(labels)
        features = self.membership_.of_subjects(source, codes, n)
        sums = subject_sums(self._design(source), none, left, codes, n, features)
        return sums, labels

    def _posterior(
        self, codes: IntArray, seen: Seen, features: FloatArray
    ) -> tuple[Local, IntArray]:
        """Return the local factors of the rows' subjects and each row's place there.

        Rows of subjects of whom nothing was observed go by their features.
        """
        n_known, d = len(seen.known), seen.known.cross.shape[1]
        needed = np.unique(codes[codes >= 0])
        of_known, of_new = needed[needed < n_known], needed[needed >= n_known]
        kinds, places = _kinds(features, codes < 0)
        others = nobody(len(kinds), d, kinds)
        if seen.new is not None:
            others = seen.new.take(of_new - n_known).followed_by(others)
        told = messages(self.parameters_)
        known = seen.known.take(of_known)
        local = posterior(known, others, told, self.parameters_)
        observed = np.searchsorted(needed, codes)
        return local, np.where(codes >= 0, observed, len(needed) + places)

    def _design(self, source: Columns) -> FloatArray:
        return self.units_.curve(basis_columns(self.basis_, source))

    def _fixed(self, source: Columns) -> FloatArray:
        columns = np.column_stack(self.fixed_encoder_.columns(source))
        return np.asarray(self.units_.fixed(columns) @ self.parameters_.fixed)

    def _fixed_part(self, source: Columns) -> FloatArray:
        """Return the population's mean."""
        self._heed_times(source)
        curve = self._design(source) @ self.mean_coefficients_
        return self._user(self._fixed(source) + curve)

    def _user(self, values: FloatArray) -> FloatArray:
        return np.asarray(self.units_.centre + self.units_.scale * values)

    def _heed_times(self, source: Columns) -> None:
        """Refuse times far outside the range, and warn of those a little outside."""
        if not isinstance(self.basis_, SplineBasis):
            return
        times = require_times(source.table[self.time], self.time)
        said = require_near(self.basis_, times, self.extrapolation)
        if said:
            warnings.warn(said, ExtrapolationWarning, stacklevel=4)


def _kinds(features: FloatArray, asked: BoolArray) -> tuple[FloatArray, IntArray]:
    """Return the distinct features of the rows asked for, and their places there."""
    places = np.zeros(len(features), dtype=np.intp)
    if not features.shape[1]:
        return np.zeros((1, 0)), places
    kinds, places[asked] = np.unique(features[asked], axis=0, return_inverse=True)
    return kinds, places
