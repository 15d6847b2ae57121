"""Several factors: the dense and the staged form against each other and differences."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_fixed, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.gaussian import rows as rows_module
from flexcv.models.gaussian.covariance import covariance_shape
from flexcv.models.gaussian.engine import search
from flexcv.models.gaussian.few_levels import DenseSums
from flexcv.models.gaussian.many_levels import StagedSums
from flexcv.models.gaussian.problem import Problem

RANDOM = {
    "crossed": "(1 | a) + (1 | b)",
    "slopes on the large factor": "(x | a) + (1 | b)",
    "slopes on the small factor": "(1 | a) + (x | b)",
    "nested": "(1 | b/a)",
    "three": "(1 | a) + (1 | b) + (1 | c)",
}


def problem(
    random: str, *, staged: bool, reml: bool, monkeypatch, sparse: bool = False
) -> Problem:
    rng = np.random.default_rng(3)
    n = 240
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "a": rng.integers(0, 20, n),
            "b": rng.integers(0, 7, n),
            "c": rng.integers(0, 4, n),
        }
    )
    effects = rng.normal(size=20)[table["a"]] + 0.5 * rng.normal(size=7)[table["b"]]
    y = (effects * (1 + 0.4 * table["x"]) + rng.normal(size=n)).to_numpy()
    monkeypatch.setattr(rows_module, "DENSE_COLUMNS", 0 if staged else 10**6)
    monkeypatch.setattr(rows_module, "SPARSE_COLUMNS", 0 if sparse else 10**6)
    source = Columns(table)
    _, design = learn_random(source, random_terms(random=random))
    columns = learn_fixed(table, leave_out=["a", "b", "c"]).columns(source)
    sums, _ = rows_module.sums_and_basis(columns, design, y, None, source.ones)
    shapes = tuple(covariance_shape(f.blocks) for f in design.factors)
    assert isinstance(sums, StagedSums if staged else DenseSums)
    if isinstance(sums, StagedSums):
        assert issparse(sums.moments) == sparse
    return Problem(sums, shapes, reml)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("random", RANDOM.values(), ids=RANDOM)
def test_both_forms_give_one_criterion_and_gradient(
    random: str, reml: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = problem(random, staged=False, reml=reml, monkeypatch=monkeypatch)
    staged = problem(random, staged=True, reml=reml, monkeypatch=monkeypatch)
    theta = dense.start() + np.linspace(0.1, 0.3, len(dense.start()))
    value, gradient, _ = dense.objective(theta)
    other, slope, _ = staged.objective(theta)
    assert other == pytest.approx(value, abs=1e-10)
    np.testing.assert_allclose(slope, gradient, atol=1e-9)


@pytest.mark.parametrize("random", RANDOM.values(), ids=RANDOM)
def test_derivatives_of_several_factors_are_exact(
    random: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = problem(random, staged=False, reml=True, monkeypatch=monkeypatch)
    theta, h = dense.start() + 0.1, 1e-5
    _, gradient, hessian = dense.objective(theta)
    for k, step in enumerate(h * np.eye(len(theta))):
        ahead, behind = dense.objective(theta + step), dense.objective(theta - step)
        assert gradient[k] == pytest.approx((ahead[0] - behind[0]) / (2 * h), abs=1e-5)
        np.testing.assert_allclose(
            hessian[k], (ahead[1] - behind[1]) / (2 * h), atol=1e-5
        )


@pytest.mark.parametrize("random", RANDOM.values(), ids=RANDOM)
def test_both_forms_end_in_one_minimum(
    random: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = problem(random, staged=False, reml=True, monkeypatch=monkeypatch)
    staged = problem(random, staged=True, reml=True, monkeypatch=monkeypatch)
    one, other = search(dense), search(staged)
    assert one.converged
    assert other.converged
    assert other.value == pytest.approx(one.value, abs=1e-8)


@pytest.mark.parametrize(
    ("random", "zero"),
    [
        ("crossed", [0.8, 0.0]),
        ("three", [0.8, 0.0, 0.6]),
        ("three", [0.8, 0.6, 0.0]),
        ("slopes on the small factor", [0.8, 0.5, 0.3, 0.0]),
    ],
)
def test_the_gradient_holds_where_a_variance_of_the_rest_is_zero(
    random: str, zero: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = problem(RANDOM[random], staged=False, reml=True, monkeypatch=monkeypatch)
    staged = problem(RANDOM[random], staged=True, reml=True, monkeypatch=monkeypatch)
    zero = np.array(zero)
    np.testing.assert_allclose(
        staged.at(zero).gradient, dense.at(zero).gradient, atol=1e-9
    )


@pytest.mark.parametrize("random", RANDOM.values(), ids=RANDOM)
def test_each_factor_alone_is_the_same_in_both_forms(random, monkeypatch):
    dense, staged = (
        problem(random, staged=staged, reml=True, monkeypatch=monkeypatch).sums.alone()
        for staged in (False, True)
    )
    for one, other in zip(dense, staged, strict=True):
        np.testing.assert_allclose(one.cross, other.cross, atol=1e-9)


@pytest.mark.parametrize("random", RANDOM.values(), ids=RANDOM)
def test_the_sparse_form_is_the_dense_one(
    random: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = problem(random, staged=True, reml=True, monkeypatch=monkeypatch)
    sparse = problem(
        random, staged=True, reml=True, monkeypatch=monkeypatch, sparse=True
    )
    theta = dense.start() + np.linspace(0.1, 0.3, len(dense.start()))
    value, gradient, hessian = dense.objective(theta)
    other, slope, bend = sparse.objective(theta)
    assert other == pytest.approx(value, abs=1e-10)
    # Its determinant is differentiated numerically.
    np.testing.assert_allclose(slope, gradient, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(bend, hessian, rtol=1e-4, atol=1e-4)
    one, two = search(dense), search(sparse)
    assert two.converged
    assert two.value == pytest.approx(one.value, abs=1e-7)


def test_without_variances_rounding_is_that_of_the_target(monkeypatch):
    staged = problem(RANDOM["crossed"], staged=True, reml=True, monkeypatch=monkeypatch)
    sums = staged.sums
    assert sums.lost(2.0, np.zeros(2)) == sums.gram[-1, -1] / 2.0
    assert sums.lost(2.0, np.full(2, 1e3)) > 1e3 * sums.lost(2.0, np.zeros(2))


@pytest.mark.parametrize("random", RANDOM.values(), ids=RANDOM)
def test_turned_columns_are_other_columns_of_the_same_rows(random, monkeypatch):
    staged = problem(random, staged=True, reml=False, monkeypatch=monkeypatch)
    turn = np.eye(3)
    turn[0, 2] = 0.7  # the target plus a fixed column: only beta moves
    factors = staged.factors(staged.start())
    here = staged.profile(factors)
    there = staged.sums.turned(turn).profile(factors, reml=False)
    assert there.value == pytest.approx(here.value, abs=1e-8)
    np.testing.assert_allclose(there.beta - here.beta, [0.7, 0.0], atol=1e-9)
