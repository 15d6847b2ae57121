"""Ends of the search where a variance is thousands of times the residual's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from benchmarks._lme4_draws import case_of
from flexcv.errors import ConvergenceWarning
from flexcv.models import LinearMixedEffectsModel
from flexcv.models.design._effects import Columns

TWO_RIDGES = Path(__file__).parents[2] / "reference" / "lme4" / "two_ridges.csv"


def table_of(mean: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Eight groups of six around a mean that the fixed part leaves to the groups."""
    rng = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(8), 6), rng.normal(size=48)
    y = mean + x + 2.0 * rng.normal(size=8)[g] + rng.normal(size=8)[g] * x
    y = y + 0.5 * rng.normal(size=48)
    return pd.DataFrame({"x": x, "g": g, "h": np.tile(np.arange(6), 8)}), y


def criterion_of(model: LinearMixedEffectsModel, table: pd.DataFrame, y: np.ndarray):
    """-2 log-likelihood by a triangularisation of the rows: no sum is subtracted."""
    source = Columns(table)
    factors = model.random_encoder_.design(source).factors
    shapes = model.estimate_.problem.shapes
    fixed = np.column_stack(model.fixed_encoder_.columns(source))
    ends = np.cumsum([0, *(shape.n_theta for shape in shapes)])

    def columns(theta: np.ndarray) -> list[np.ndarray]:
        parts = []
        for k, (factor, shape) in enumerate(zip(factors, shapes, strict=True)):
            scaled = np.column_stack(factor.columns) @ shape.factor(
                theta[ends[k] : ends[k + 1]]
            )
            parts += list(np.eye(factor.n_levels)[factor.codes].T[:, :, None] * scaled)
        return parts

    def criterion(theta: np.ndarray) -> float:
        z = np.hstack(columns(theta))
        m, p, n = z.shape[1], fixed.shape[1], len(y)
        upper = np.column_stack([z, fixed, y])
        lower = np.eye(m, m + p + 1)
        sizes = np.abs(np.linalg.qr(np.vstack([upper, lower]), mode="r").diagonal())
        value, r2 = 2.0 * np.log(sizes[:m]).sum(), sizes[-1] ** 2
        if not model.reml:
            return float(value + n * (1.0 + np.log(2.0 * np.pi * r2 / n)))
        value += 2.0 * np.log(sizes[m:-1]).sum()
        return float(value + (n - p) * (1.0 + np.log(2.0 * np.pi * r2 / (n - p))))

    return criterion


def best_near(criterion, theta: np.ndarray) -> float:
    """The lowest value that a search without gradients finds from theta."""
    steps = 0.1 * np.diag(np.maximum(np.abs(theta), 0.1))
    simplex = np.vstack([theta, theta + steps])
    options = {"xatol": 1e-9, "fatol": 1e-10, "maxfev": 3000}
    for _ in range(2):
        found = minimize(
            criterion,
            simplex[0],
            method="Nelder-Mead",
            options=options | {"initial_simplex": simplex},
        )
        simplex = np.vstack([found.x, found.x + steps])
    return float(found.fun)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("mean", [1e3, 1e4])
@pytest.mark.parametrize(
    "formula", ["0 + x + (1 | g)", "0 + x + (x | g)", "0 + x + (1 | g) + (1 | h)"]
)
def test_without_an_intercept_the_end_is_the_best_known(
    formula: str, mean: float, reml: bool
) -> None:
    table, y = table_of(mean, 1)
    model = LinearMixedEffectsModel(formula=formula, reml=reml).fit(table, y)
    criterion = criterion_of(model, table, y)
    assert model.converged_
    assert np.abs(model.theta_).max() > 0.5 * mean
    assert model.criterion_ == pytest.approx(criterion(model.theta_), abs=1e-5)
    assert model.criterion_ < best_near(criterion, model.theta_) + 1e-5


@pytest.mark.filterwarnings("ignore::flexcv.errors.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(3))
def test_no_end_is_called_converged_that_is_not(seed: int) -> None:
    table, y = table_of(1e5, seed)
    model = LinearMixedEffectsModel(formula="0 + x + (x | g)").fit(table, y)
    criterion = criterion_of(model, table, y)
    excess = criterion(model.theta_) - best_near(criterion, model.theta_)
    assert excess < 1e-4 or not model.converged_


def test_an_end_that_rounding_hides_is_told_of() -> None:
    table, y = table_of(1e6, 0)
    model = LinearMixedEffectsModel(formula="0 + x + (x | g)")
    with pytest.warns(ConvergenceWarning, match="the variances did not converge"):
        model.fit(table, y)
    assert not model.converged_


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bars", ["(1 | g)", "({0} | g)"])
def test_raw_cubics_of_years_keep_their_digits(bars: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    group, year = np.repeat(np.arange(30), 6), np.tile(np.arange(2018.0, 2024.0), 30)
    table = pd.DataFrame({"year": year, "c": year - 2020.5, "g": group})
    y = 0.1 * table["c"] ** 2 + rng.normal(size=30)[group] + rng.normal(size=180)
    fits = []
    for name in ("year", "c"):
        powers = f"{name} + I({name}**2) + I({name}**3) + {bars.format(name)}"
        fits.append(LinearMixedEffectsModel(formula=powers, reml=False).fit(table, y))
    raw, centred = fits
    assert raw.criterion_ == pytest.approx(centred.criterion_, abs=1e-6)
    np.testing.assert_allclose(raw.predict(table), centred.predict(table), atol=1e-5)
    cubic = (model.fixed_effects_["t"].iloc[-1] for model in fits)
    assert next(cubic) == pytest.approx(next(cubic), rel=1e-5)


def test_weighted_raw_cubics_keep_their_digits() -> None:
    rng = np.random.default_rng(0)
    group, year = np.repeat(np.arange(30), 6), np.tile(np.arange(2018.0, 2024.0), 30)
    table = pd.DataFrame({"year": year, "c": year - 2020.5, "g": group})
    table["w"] = rng.uniform(0.5, 2.0, size=180)
    y = table["c"] + rng.normal(size=30)[group] + rng.normal(size=180)
    ts = [
        LinearMixedEffectsModel(
            formula=f"{n} + I({n}**2) + I({n}**3) + (1 | g)", weights="w"
        )
        .fit(table, y)
        .fixed_effects_["t"]
        .iloc[-1]
        for n in ("year", "c")
    ]
    assert ts[0] == pytest.approx(ts[1], rel=1e-5)


def crossed_table(mean: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Eight groups of six, crossed with five, around a mean left to the groups."""
    rng = np.random.default_rng(0)
    g, x, s = np.repeat(np.arange(8), 6), rng.normal(size=48), rng.integers(0, 5, 48)
    noise, effects = rng.normal(size=48), rng.normal(size=8)[g]
    y = mean + x + effects + rng.normal(size=5)[s] + 0.5 * rng.normal(size=8)[g] * x
    table = pd.DataFrame({"x": x, "far": 3.0 + x, "g": g, "s": s})
    return table, y + noise


# lmerTest 3.1-3 and lme4 1.1-31, R 4.2.2, at a mean of 10: df of x, the second from a start at
# theta = (1, 1): lme4 alone ends in a valley higher by 9.4.
@pytest.mark.parametrize(
    ("formula", "df"),
    [("0 + x + (1 | g)", 39.093), ("0 + x + (1 | g) + (1 | s)", 41.511)],
)
def test_degrees_of_freedom_do_not_hang_on_the_mean(formula: str, df: float) -> None:
    table, y = crossed_table(10.0)
    near = LinearMixedEffectsModel(formula=formula).fit(table, y)
    assert near.fixed_effects_["df"].iloc[0] == pytest.approx(df, rel=1e-3)
    table, y = crossed_table(1e5)
    far = LinearMixedEffectsModel(formula=formula).fit(table, y)
    assert far.fixed_effects_["df"].iloc[0] == pytest.approx(df, rel=5e-3)


@pytest.mark.parametrize("x", ["x", "far"])
def test_predictions_of_crossed_groups_do_not_hang_on_the_mean(x: str) -> None:
    centred = []
    for mean in (1e3, 1e5):
        table, y = crossed_table(mean)
        formula = f"0 + {x} + (1 | g) + (1 | s)"
        model = LinearMixedEffectsModel(formula=formula).fit(table, y)
        centred.append(model.predict(table) - mean)
        criterion = criterion_of(model, table, y)
        assert model.criterion_ == pytest.approx(criterion(model.theta_), abs=1e-6)
        assert model.converged_
    np.testing.assert_allclose(centred[0], centred[1], atol=2e-3)


def test_several_valleys_are_searched_where_a_slope_goes_with_the_level() -> None:
    table, y = table_of(1e4, 5)
    model = LinearMixedEffectsModel(formula="0 + x + (x | g)", reml=False).fit(table, y)
    criterion = criterion_of(model, table, y)
    for share in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0):
        begin = np.array([1e4, share * 1e4, 1.0])
        assert model.criterion_ < best_near(criterion, begin) + 1e-4


@pytest.mark.slow
def test_a_long_valley_of_correlations_is_walked_to_its_end() -> None:
    """Nested slopes that fixed columns span, around a mean of 1e5 without intercept."""
    case = case_of(256)
    model = LinearMixedEffectsModel(formula=case.formula, reml=case.reml)
    model.fit(case.table.drop(columns="y"), case.table["y"])
    best = 1383.6892798  # Nelder-Mead on the criterion by triangularisation
    assert model.criterion_ == pytest.approx(best, abs=1e-6)
    assert model.converged_


def test_a_lower_ridge_beside_a_singular_one_is_found() -> None:
    """Two of lme4's optimisers end at 283.5693, bobyqa stops at 274.8402.

    The table is seed 1000077 of `benchmarks/beside_lme4.py`, made there.
    """
    table = pd.read_csv(TWO_RIDGES)
    model = LinearMixedEffectsModel(formula="y ~ 0 + x + (x | g)", reml=False)
    model.fit(table[["x", "g"]], table["y"])
    assert model.criterion_ == pytest.approx(274.00839, abs=1e-4)
    assert model.converged_
    assert not model.singular_
