"""Other ways to predict curves, all asked the same: known and new subjects' rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from flexcv.merf import MERF
from flexcv.models import DeepMixtureLMM, LinearMixedEffectsModel, RandomTerm
from flexcv.models.mixtures.curve_basis import SplineBasis, learn_splines
from flexcv.models.mixtures.start import common_curves
from flexcv.models.mixtures.sums import SubjectSums, subject_sums

FloatArray = np.ndarray
Rival = Callable[
    [pd.DataFrame, pd.DataFrame, pd.DataFrame], tuple[FloatArray, FloatArray | None]
]
KERNEL_SUBJECTS = 60  # whose rows the Gaussian process learns its kernel from
RANGE = (0.0, 1.0)


def mixture(**options: object) -> Rival:
    """Return the deep mixture with these options."""

    def fit(train: pd.DataFrame, known: pd.DataFrame, new: pd.DataFrame):
        model = DeepMixtureLMM(
            "subject", "time", n_basis=10, time_range=RANGE, random_state=0, **options
        )
        columns = ["subject", "time"]
        model.fit(train[columns], train["y"])
        seen = new[new["seen"]]
        told = (seen[columns], seen["y"])
        hidden = new[~new["seen"]]
        return (
            model.predict(known[columns]),
            model.predict(hidden[columns], condition_on=told),
        )

    return fit


def one_gaussian(train: pd.DataFrame, known: pd.DataFrame, new: pd.DataFrame):
    """One Gaussian with a free covariance for the same ten splines, by EM."""
    basis = learn_splines("time", train["time"].to_numpy(), 10, 3, "uniform", RANGE)
    seen = new[new["seen"]]
    found = common_curves(_sums(basis, train))
    precision = np.linalg.inv(found.covariance)
    sums = _sums(basis, seen)
    cov = np.linalg.inv(precision + sums.gram / found.noise)
    pull = precision @ found.mean + sums.cross / found.noise
    coefficients = (cov @ pull[..., None])[..., 0]
    hidden = new[~new["seen"]]
    places = pd.Index(np.unique(seen["subject"])).get_indexer(hidden["subject"])
    return (
        _curves(basis, known, found.predicted[known["subject"]]),
        _curves(basis, hidden, coefficients[places]),
    )


def lmm(n_basis: int) -> Rival:
    """Return the linear mixed model, as many correlated splines as its rows allow."""

    def fit(train: pd.DataFrame, known: pd.DataFrame, new: pd.DataFrame):
        basis = learn_splines(
            "time", train["time"].to_numpy(), n_basis, 3, "uniform", RANGE
        )
        names = tuple(f"b{k}" for k in range(n_basis))
        model = LinearMixedEffectsModel(
            formula="0 + " + " + ".join(names),
            random=RandomTerm("subject", names, intercept=False),
        )
        model.fit(_with_splines(basis, train, names), train["y"])
        del new
        return model.predict(_with_splines(basis, known, names)), None

    return fit


def merf(n_basis: int) -> Rival:
    """Return MERF with spline columns of time as features and slopes."""

    def fit(train: pd.DataFrame, known: pd.DataFrame, new: pd.DataFrame):
        basis = learn_splines(
            "time", train["time"].to_numpy(), n_basis, 3, "uniform", RANGE
        )
        names = tuple(f"b{k}" for k in range(n_basis))
        forest = RandomForestRegressor(100, min_samples_leaf=5, random_state=0)
        model = MERF(forest, random=RandomTerm("subject", names, intercept=False))
        model.fit(_with_splines(basis, train, names), train["y"])
        del new
        return model.predict(_with_splines(basis, known, names)), None

    return fit


def gaussian_process(train: pd.DataFrame, known: pd.DataFrame, new: pd.DataFrame):
    """scikit-learn's Gaussian process around the mean curve, one kernel for all."""
    basis = learn_splines("time", train["time"].to_numpy(), 10, 3, "uniform", RANGE)
    design = basis.design(train["time"].to_numpy())
    mean = np.linalg.lstsq(design, train["y"].to_numpy(), rcond=None)[0]
    kernel = _learnt_kernel(train, train["y"] - design @ mean)
    hidden = new[~new["seen"]]
    return (
        _processes(kernel, basis, mean, train, known),
        _processes(kernel, basis, mean, new[new["seen"]], hidden),
    )


def _learnt_kernel(train: pd.DataFrame, left: pd.Series):
    """Learn variance, length and noise; subjects are independent of one another."""
    bounds = np.array([[0.01, 10.0], [1e-3, 1.001e-3]])
    kernel = ConstantKernel(0.5) * RBF([0.2, 1e-3], bounds) + WhiteKernel(0.1)
    chosen = (train["subject"] < KERNEL_SUBJECTS).to_numpy()
    points = train.loc[chosen, ["time", "subject"]].to_numpy(dtype=float)
    process = GaussianProcessRegressor(kernel, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the second length is fixed on purpose
        return process.fit(points, left[chosen]).kernel_


def _processes(
    kernel: object,
    basis: SplineBasis,
    mean: FloatArray,
    seen: pd.DataFrame,
    asked: pd.DataFrame,
) -> FloatArray:
    """Condition one process per subject on its rows."""
    predicted = pd.Series(basis.design(asked["time"].to_numpy()) @ mean, asked.index)
    centred = seen["y"] - basis.design(seen["time"].to_numpy()) @ mean
    rows = dict(iter(asked.groupby("subject")))
    for subject, own in seen.groupby("subject"):
        process = GaussianProcessRegressor(kernel, optimizer=None)
        points = ["time", "subject"]
        process.fit(own[points].to_numpy(dtype=float), centred[own.index])
        at = rows[subject]
        predicted[at.index] += process.predict(at[points].to_numpy(dtype=float))
    return predicted.to_numpy()


def _sums(basis: SplineBasis, rows: pd.DataFrame) -> SubjectSums:
    codes = np.unique(rows["subject"], return_inverse=True)[1]
    design = basis.design(rows["time"].to_numpy())
    none = np.zeros((len(rows), 0))
    return subject_sums(design, none, rows["y"].to_numpy(), codes, codes.max() + 1)


def _curves(
    basis: SplineBasis, rows: pd.DataFrame, coefficients: FloatArray
) -> FloatArray:
    return (basis.design(rows["time"].to_numpy()) * coefficients).sum(axis=1)


def _with_splines(
    basis: SplineBasis, rows: pd.DataFrame, names: tuple[str, ...]
) -> pd.DataFrame:
    design = basis.design(rows["time"].to_numpy())
    columns = pd.DataFrame(design, rows.index, list(names))
    return columns.assign(subject=rows["subject"])


RIVALS: dict[str, Rival] = {
    "deep mixture": mixture(),
    "single factor-analytic model": mixture(n_components=(1, 1)),
    "one Gaussian, same splines (EM)": one_gaussian,
    "linear mixed model, 6 splines": lmm(6),
    "Gaussian process (scikit-learn)": gaussian_process,
    "MERF, 6 splines": merf(6),
}
