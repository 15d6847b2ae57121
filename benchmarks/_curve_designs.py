"""Simulated curves with a known truth: the three designs of the deep mixture's paper.

Kock, Klein & Nott (2023), arXiv:2311.07156, section 4. Where the text leaves a detail
open (the oscillators' start, how noise enters their Euler steps) the choice is stated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

FloatArray = np.ndarray
SINE_VARIANCES = (0.1, 0.045, 0.01, 0.001)
NOISE = 0.3
EULER_STEP = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Observed rows, and each subject's true curve on a grid.

    Attributes
    ----------
    rows
        Columns subject, time and y.
    grid, truth
        Shapes (times,) and (subjects, times).
    cluster
        The true cluster of each subject; None where there is none.
    """

    rows: pd.DataFrame
    grid: FloatArray
    truth: FloatArray
    cluster: FloatArray | None = None

    @property
    def table(self) -> pd.DataFrame:
        """The rows without the target."""
        return self.rows[["subject", "time"]]

    @property
    def whole(self) -> pd.DataFrame:
        """Every subject at every time of the grid."""
        n, m = self.truth.shape
        return pd.DataFrame(
            {"subject": np.repeat(np.arange(n), m), "time": np.tile(self.grid, n)}
        )

    @property
    def time_range(self) -> tuple[float, float]:
        """First and last time."""
        return float(self.grid[0]), float(self.grid[-1])


def two_sines(seed: int, n: int = 600, per_subject: int = 10) -> Curves:
    """Design 1: plus or minus sin(4 pi t), four random sines, noise of sd 0.3."""
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1.0, 1.0], n)
    weights = rng.normal(size=(n, 4)) * np.sqrt(SINE_VARIANCES)

    def curve(subject: FloatArray, time: FloatArray) -> FloatArray:
        waves = np.sqrt(2.0) * np.sin(np.pi * np.outer(time, np.arange(1, 5)))
        own = (weights[subject] * waves).sum(axis=1)
        return sign[subject] * np.sin(4.0 * np.pi * time) + own

    choices = np.arange(1, 100) / 100.0
    times = [rng.choice(choices, per_subject, replace=False) for _ in range(n)]
    subject, time = np.repeat(np.arange(n), per_subject), np.concatenate(times)
    y = curve(subject, time) + NOISE * rng.normal(size=len(time))
    grid = np.linspace(0.0, 1.0, 250)
    truth = curve(np.repeat(np.arange(n), 250), np.tile(grid, n)).reshape(n, 250)
    rows = pd.DataFrame({"subject": subject, "time": time, "y": y})
    return Curves(rows, grid, truth, (sign > 0.0).astype(int))


def oscillators(seed: int, n: int = 100) -> Curves:
    """Design 2: van der Pol oscillators seen at 15 to 24 of 101 times without noise.

    Both coordinates start standard normal; each Euler step adds 0.1 times a normal
    forcing of sd 0.5 to either.
    """
    rng = np.random.default_rng(seed)
    theta = np.log(rng.uniform(1.0, 5.0, n))
    x, v = rng.normal(size=n), rng.normal(size=n)
    path = [x]
    for _ in range(200):
        force = 0.5 * rng.normal(size=(2, n))
        speed = theta * (1.0 - x**2) * v - x
        x, v = x + EULER_STEP * (v + force[0]), v + EULER_STEP * (speed + force[1])
        path.append(x)
    truth = np.array(path).T[:, 100:]
    return _observed(rng, np.linspace(10.0, 20.0, 101), truth, 15, 24)


def cosines(seed: int, n: int = 120) -> Curves:
    """Design 3: a slow and a fast cosine, each large or small; the noise is truth."""
    rng = np.random.default_rng(seed)
    size = rng.choice([1.0, 0.1], (n, 2))
    slow, fast = rng.integers(1, 4, (n, 1)), rng.integers(7, 10, (n, 1))
    grid = np.linspace(0.0, 1.0, 40)
    truth = size[:, :1] * np.cos(np.pi * slow * grid)
    truth = truth + size[:, 1:] * np.cos(np.pi * fast * grid)
    truth = truth + np.sqrt(0.1) * rng.normal(size=(n, 40))
    return _observed(rng, grid, truth, 20, 24)


def _observed(
    rng: np.random.Generator, grid: FloatArray, truth: FloatArray, low: int, high: int
) -> Curves:
    """Show `low` to `high` random times of each curve."""
    parts = []
    for subject, curve in enumerate(truth):
        n = rng.integers(low, high + 1)
        seen = np.sort(rng.choice(len(grid), n, replace=False))
        part = {"subject": subject, "time": grid[seen], "y": curve[seen]}
        parts.append(pd.DataFrame(part))
    return Curves(pd.concat(parts, ignore_index=True), grid, truth)
