"""The criterion of one grouping factor: values, derivatives, additivity."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.models.gaussian.one_factor import GroupSums, profile, profile_plain


def rows(seed: int, q: int, p: int, levels: int = 6, each: int = 5):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(levels), each)
    z = rng.normal(size=(len(codes), q))
    x = rng.normal(size=(len(codes), p))
    return codes, z, x, rng.normal(size=len(codes))


def sums_of(codes, z, x, y, levels: int = 6) -> GroupSums:
    whole = np.column_stack([x, y])
    columns = np.column_stack([z, whole])
    cross = np.stack(
        [z[codes == g].T @ columns[codes == g] for g in range(levels)], axis=2
    )
    return GroupSums(len(y), whole.T @ whole, cross)


def dense_criterion(codes, z, x, y, factor, *, reml: bool) -> float:
    """Evaluate the definition with the n-by-n matrix."""
    q, n, p = z.shape[1], len(y), x.shape[1]
    expanded = np.zeros((n, 6 * q))
    for row, code in enumerate(codes):
        expanded[row, code * q : (code + 1) * q] = z[row]
    d = np.kron(np.eye(6), factor @ factor.T)
    v = np.eye(n) + expanded @ d @ expanded.T
    inverse = np.linalg.inv(v)
    xvx = x.T @ inverse @ x
    beta = np.linalg.solve(xvx, x.T @ inverse @ y)
    r2, free = (y - x @ beta) @ inverse @ (y - x @ beta), n - p * reml
    value = np.linalg.slogdet(v)[1] + free * (1 + np.log(2 * np.pi * r2 / free))
    return float(value + reml * np.linalg.slogdet(xvx)[1])


@pytest.mark.parametrize("reml", [True, False])
@given(q=st.integers(1, 4), p=st.integers(1, 3), seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_criterion_is_that_of_the_definition(
    reml: bool, q: int, p: int, seed: int
) -> None:
    data = rows(seed, q, p)
    factor = np.tril(np.random.default_rng(seed).normal(size=(q, q)))
    value = profile(sums_of(*data), factor, reml=reml).value
    assert value == pytest.approx(dense_criterion(*data, factor, reml=reml), abs=1e-9)


@pytest.mark.parametrize("precision", [None, 0.7])
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_gradient_and_hessian_are_derivatives(
    q: int, reml: bool, precision: float | None
) -> None:
    sums, rng, h = sums_of(*rows(q, q, 2)), np.random.default_rng(q), 1e-5
    root = np.tril(rng.normal(size=(q, q)))
    d = root @ root.T + 0.5 * np.eye(q)

    def at(matrix: np.ndarray):
        factor = np.linalg.cholesky(matrix)
        return profile(sums, factor, reml=reml, precision=precision)

    def move(a: int, b: int) -> np.ndarray:
        step = np.zeros((q, q))
        step[a, b] += 0.5 * h
        step[b, a] += 0.5 * h
        return step

    here = at(d)
    for a in range(q):
        for b in range(q):
            ahead, behind = at(d + move(a, b)), at(d - move(a, b))
            slope = (ahead.value - behind.value) / (2 * h)
            assert here.gradient[a, b] == pytest.approx(slope, abs=1e-5)
            bend = (ahead.gradient - behind.gradient).reshape(-1) / (2 * h)
            own = 0.5 * (here.hessian[a * q + b] + here.hessian[b * q + a])
            sym = 0.5 * (own + own.reshape(q, q).T.reshape(-1))
            np.testing.assert_allclose(sym, bend, atol=1e-5)


def test_zero_variance_is_least_squares() -> None:
    codes, z, x, y = rows(3, 2, 2)
    sums = sums_of(codes, z, x, y)
    mixed = profile(sums, np.zeros((2, 2)), reml=True)
    plain = profile_plain(sums, reml=True)
    np.testing.assert_allclose(mixed.beta, np.linalg.lstsq(x, y, rcond=None)[0])
    assert mixed.value == pytest.approx(plain.value)


def test_a_huge_variance_keeps_its_digits() -> None:
    """With D growing the criterion approaches fixed effects of the groups."""
    codes, z, x, y = rows(4, 1, 0)
    sums = sums_of(codes, np.ones_like(z), x, y)
    within = y - np.array([y[codes == c].mean() for c in range(6)])[codes]
    r2 = profile(sums, np.array([[1e7]]), reml=False).r2
    assert r2 == pytest.approx(within @ within, rel=1e-9)


def test_sums_travel_by_pickle() -> None:
    whole = sums_of(*rows(5, 2, 1))
    again = pickle.loads(pickle.dumps(whole))
    np.testing.assert_array_equal(again.cross, whole.cross)
    assert again.sizes == whole.sizes == ((2, 6),)
