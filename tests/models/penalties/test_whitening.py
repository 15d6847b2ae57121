"""Square roots of V^-1."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import RandomDesign, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.penalties.whitening import DENSE_EFFECTS, learn_whitening, some_rows

RNG = np.random.default_rng(5)
TABLE = pd.DataFrame(
    {
        "x": RNG.normal(size=80),
        "g": RNG.integers(0, 12, 80),
        "h": RNG.integers(0, 7, 80),
        "many": RNG.permutation(np.repeat(np.arange(40), 2)),
    }
)
SLOPE = np.array([[2.0, 0.5], [0.5, 0.7]])
DESIGNS = {
    "(1 | g)": [np.array([[1.7]])],
    "(1 + x | g)": [SLOPE],
    "(1 + x || g)": [np.diag([2.0, 0.0])],
    "(1 | g) + (1 | h)": [np.array([[1.7]]), np.array([[0.4]])],
    "(1 + x | g) + (1 | h)": [SLOPE, np.array([[0.0]])],
}


def design_of(random: str, table: pd.DataFrame = TABLE) -> RandomDesign:
    return learn_random(Columns(table), random_terms(random=random))[1]


def dense_z(design: RandomDesign) -> list[np.ndarray]:
    parts = []
    for factor in design.factors:
        z = np.zeros((len(design), factor.n_levels, factor.n_effects))
        z[np.arange(len(design)), factor.codes] = np.stack(factor.columns, axis=1)
        parts.append(z.reshape(len(design), -1))
    return parts


def dense_v(design: RandomDesign, relative: list, weights: np.ndarray) -> np.ndarray:
    total = np.diag(1.0 / weights)
    for factor, z, d in zip(design.factors, dense_z(design), relative, strict=True):
        total += z @ np.kron(np.eye(factor.n_levels), d) @ z.T
    return total


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("random", list(DESIGNS))
def test_cross_products_of_whitened_rows_are_those_of_the_inverse_of_v(
    random: str, weighted: bool
) -> None:
    design, relative = design_of(random), DESIGNS[random]
    weights = RNG.uniform(0.2, 3.0, 80) if weighted else np.ones(80)
    whiten = learn_whitening(design, relative, weights if weighted else None)
    rows = RNG.normal(size=(80, 3))
    inverse = np.linalg.inv(dense_v(design, relative, weights))
    np.testing.assert_allclose(whiten(rows).T @ whiten(rows), rows.T @ inverse @ rows)
    np.testing.assert_allclose(whiten(rows[:, 0]), whiten(rows)[:, 0])


@pytest.mark.parametrize("random", list(DESIGNS))
def test_effects_are_the_best_predictions(random: str) -> None:
    design, relative = design_of(random), DESIGNS[random]
    residuals = RNG.normal(size=80)
    effects = learn_whitening(design, relative).effects(residuals)
    scores = np.linalg.solve(dense_v(design, relative, np.ones(80)), residuals)
    for z, d, found in zip(dense_z(design), relative, effects, strict=True):
        wanted = (z.T @ scores).reshape(found.shape) @ d
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_one_factor_has_a_symmetric_root_of_as_many_rows() -> None:
    design, relative = design_of("(1 + x | g)"), [SLOPE]
    root = learn_whitening(design, relative)(np.eye(80))
    np.testing.assert_allclose(root, root.T, atol=1e-12)
    inverse = np.linalg.inv(dense_v(design, relative, np.ones(80)))
    np.testing.assert_allclose(root @ root, inverse, atol=1e-12)


def test_a_random_intercept_subtracts_a_share_of_the_mean() -> None:
    design = design_of("(1 | g)")
    codes, rows = design.factors[0].codes, RNG.normal(size=80)
    sizes = np.bincount(codes)
    share = 1.0 - 1.0 / np.sqrt(1.0 + 1.7 * sizes)
    means = np.bincount(codes, rows) / sizes
    wanted = rows - (share * means)[codes]
    np.testing.assert_allclose(
        learn_whitening(design, [np.array([[1.7]])])(rows), wanted
    )


def test_many_levels_of_several_factors_are_factorised_sparsely() -> None:
    rng = np.random.default_rng(1)
    n = 2 * DENSE_EFFECTS
    table = pd.DataFrame({"g": np.repeat(np.arange(n // 2), 2)})
    table["h"] = rng.integers(0, 9, n)
    design = design_of("(1 | g) + (1 | h)", table)
    relative, rows = [np.eye(1), 2.0 * np.eye(1)], rng.normal(size=(n, 2))
    found = learn_whitening(design, relative)(rows)
    inverse = np.linalg.inv(dense_v(design, relative, np.ones(n)))
    np.testing.assert_allclose(found.T @ found, rows.T @ inverse @ rows)


def test_without_random_effects_rows_stay_as_they_are() -> None:
    whiten, rows = learn_whitening(RandomDesign((), 80), []), RNG.normal(size=(80, 2))
    assert whiten(rows) is rows
    assert whiten.effects(rows[:, 0]) == ()


def test_whole_groups_whiten_alike_alone_and_in_the_table() -> None:
    design, relative = design_of("(1 + x | g)"), [SLOPE]
    chosen = np.flatnonzero(design.factors[0].codes < 4)
    rows = RNG.normal(size=(80, 2))
    alone = learn_whitening(some_rows(design, chosen), relative)(rows[chosen])
    together = learn_whitening(design, relative)(rows)[chosen]
    np.testing.assert_allclose(alone, together, atol=1e-14)
