"""Small tables of curves for the tests of the mixture."""

import numpy as np
import pandas as pd

from flexcv.models.mixtures.curve_basis import learn_splines
from flexcv.models.mixtures.parameters import Layer, Parameters
from flexcv.models.mixtures.sums import subject_sums


def curves(seed=0, n=40, rows=8, noise=0.2, groups=2):
    """Sines with a sign, or a phase, per cluster: subject, time, y and cluster."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n), rows)
    cluster = rng.integers(0, groups, n)
    time = rng.random(n * rows)
    phase = 2 * np.pi * cluster / groups
    level = 0.3 * rng.normal(size=n)
    y = np.sin(2 * np.pi * time + phase[subject]) + level[subject]
    y += noise * rng.normal(size=n * rows)
    frame = pd.DataFrame({"subject": subject, "time": time, "y": y})
    return frame, cluster


def sums_of(frame, n_basis=6, fixed=0, seed=0):
    """Sums of a table of curves, with random fixed columns that add to the target."""
    times = frame["time"].to_numpy()
    X = learn_splines("time", times, n_basis, 3, "uniform", None).design(times)
    W = np.random.default_rng(seed).normal(size=(len(frame), fixed))
    y = frame["y"].to_numpy() + W.sum(axis=1)
    y = (y - y.mean()) / y.std()
    codes = frame["subject"].to_numpy()
    return subject_sums(X, W, y, codes, codes.max() + 1)


def random_sums(seed=0, n=12, d=4, p=0):
    """Sums of rows with random columns; the last subject has a single row."""
    rng = np.random.default_rng(seed)
    codes = np.append(np.repeat(np.arange(n - 1), 5), n - 1)
    X, W = rng.normal(size=(len(codes), d)), rng.normal(size=(len(codes), p))
    y = rng.normal(size=len(codes)) + X[:, 0]
    return subject_sums(X, W, y, codes, n), (X, W, y, codes)


def random_parameters(seed=0, d=4, components=(3, 2), factors=(2, 1), sure=False):
    """Parameters drawn at random; `sure` leaves (almost) no uncertainty."""
    rng = np.random.default_rng(seed)
    layers = []
    for k, m in zip(components, factors, strict=True):
        layers.append(random_layer(rng, k, d, m, sure))
        d = m
    shape = 1e13 if sure else 6.0
    return Parameters(tuple(layers), shape, 0.5 * shape, 1.3, np.zeros(0))


def random_layer(rng, k, d, m, sure):
    many = 1e13 if sure else 5.0
    root = 0.0 if sure else 0.3
    roots = root * rng.normal(size=(k, d, 1 + m, 1 + m))
    own = 0.2 + rng.random((k, d))
    return Layer(
        mean=rng.normal(size=(k, d, 1 + m)),
        covariance=roots @ roots.swapaxes(-1, -2)
        + (0.0 if sure else 0.01) * np.eye(1 + m),
        spread_shape=np.full(k, many),
        spread_scale=many * own,
        spread_mixing=0.5 + rng.random((k, d)),
        mean_mixing=0.5 + rng.random((k, d)),
        local_rate=0.5 + rng.random((k, d, m)),
        local_mixing=0.5 + rng.random((k, d, m)),
        global_scale=2.0 + rng.random(k),
        global_mixing=0.5 + rng.random(k),
        weights=many * (1.0 + rng.random(k)),
    )
