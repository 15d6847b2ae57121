"""A of crossed factors: its solution and its determinant are those of one big matrix."""

import numpy as np
import pytest

from flexcv.errors import ModelError
from flexcv.models.laplace import crossed_rows as module
from flexcv.models.laplace.crossed_rows import crossed_rows
from flexcv.models.laplace.families import family_of
from flexcv.models.laplace.group_modes import group_rows

SIZES, EFFECTS = (7, 4, 3), (2, 1, 2)


def drawn():
    rng = np.random.default_rng(1)
    columns = np.vstack([np.ones(50), rng.normal(size=50)])
    y = rng.poisson(1.0, 50).astype(float)
    groups = [
        group_rows(family_of("poisson", "log"), y, codes, columns[:q], None, n)
        for n, q in zip(SIZES, EFFECTS, strict=True)
        for codes in [rng.integers(0, n, 50)]
    ]
    factors = [np.tril(rng.normal(size=(q, q))) for q in EFFECTS]
    return groups, factors, rng.uniform(0.2, 2.0, 50)


def whole_matrix(groups, factors, information):
    lines = []
    for group, factor in zip(groups, factors, strict=True):
        indicator = np.eye(group.levels.n_levels)[group.levels.codes]
        lines += [indicator * line[:, None] for line in factor.T @ group.columns]
    z = np.hstack(lines)
    return np.eye(z.shape[1]) + z.T @ (information[:, None] * z)


def test_it_solves_and_has_the_determinant_of_the_whole():
    groups, factors, information = drawn()
    rows = crossed_rows(groups)
    whole = whole_matrix(groups, factors, information)
    system = rows.factorised(factors, information)
    assert rows.n_effects == len(whole) == 7 * 2 + 4 + 3 * 2
    assert system.log_det == pytest.approx(np.linalg.slogdet(whole)[1])
    rng = np.random.default_rng(2)
    right = [rng.normal(size=(q, n)) for q, n in zip(EFFECTS, SIZES, strict=True)]
    found = np.concatenate([part.ravel() for part in rows.solve(system, right)])
    flat = np.concatenate([part.ravel() for part in right])
    np.testing.assert_allclose(found, np.linalg.solve(whole, flat), rtol=1e-9)


def test_more_effects_than_one_matrix_holds_are_refused(monkeypatch):
    groups, _, _ = drawn()
    monkeypatch.setattr(module, "LARGEST_REST", 10)
    crossed_rows(groups)
    monkeypatch.setattr(module, "LARGEST_REST", 9)
    with pytest.raises(ModelError, match="may be 9 random effects in all, got 10"):
        crossed_rows(groups)
