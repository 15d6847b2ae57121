import numpy as np
import pytest
from scipy.stats import multivariate_normal

from flexcv.models.design.columns import RandomFactor
from flexcv.models.gaussian.em import design_products
from flexcv.models.networks.likelihood import (
    independent_loss,
    level_kernels,
    lower_root,
    marginal_loss,
)
from flexcv.models.networks.rows import (
    LooseRows,
    WholeGroups,
    learn_scale,
    make_batches,
    split_groups,
    split_rows,
)

COVARIANCE = np.array([[1.0, 0.5], [0.5, 1.5]])
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
SIGMA2 = 0.3


def drawn(counts=(7, 1, 3, 1), seed=0):
    """Rows of four levels; a level of one row has fewer rows than effects."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    columns = [np.ones(len(codes)), rng.normal(size=len(codes))]
    return codes, columns, 2.0 * rng.normal(size=len(codes))


def dense(codes, columns, covariance):
    """V of all rows, without any structure."""
    z = np.stack(columns, axis=1)
    same = codes[:, None] == codes
    return same * (z @ covariance @ z.T) + SIGMA2 * np.eye(len(codes))


def kernels(codes, columns, covariance):
    products = design_products(columns, codes, codes.max() + 1)
    return level_kernels(products, SIGMA2, lower_root(covariance))


@pytest.mark.parametrize("covariance", [COVARIANCE, SINGULAR, np.zeros((2, 2))])
def test_the_loss_is_the_dense_normal_density(covariance):
    codes, columns, residuals = drawn()
    starts, levels = np.array([0, 7, 8, 11]), np.arange(4)
    at = kernels(codes, columns, covariance)
    loss, slope = marginal_loss(residuals, columns, starts, levels, at)
    v = dense(codes, columns, covariance)
    expected = -multivariate_normal.logpdf(residuals, cov=v)
    assert loss == pytest.approx(expected, abs=1e-8)
    np.testing.assert_allclose(slope, np.linalg.solve(v, residuals), atol=1e-9)


def test_batches_of_whole_groups_add_up_to_the_whole_likelihood():
    codes, columns, residuals = drawn()
    at = kernels(codes, columns, COVARIANCE)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    groups = WholeGroups(order, counts, np.arange(len(counts)), 4)
    batches = groups.epoch(np.random.default_rng(1))
    total = sum(
        marginal_loss(
            residuals[batch.rows],
            [column[batch.rows] for column in columns],
            batch.starts,
            batch.levels,
            at,
        )[0]
        for batch in batches
    )
    v = dense(codes, columns, COVARIANCE)
    expected = -multivariate_normal.logpdf(residuals, cov=v)
    assert total == pytest.approx(expected, abs=1e-8)


def test_independent_rows_have_the_normal_density():
    residuals = np.array([0.5, -2.0])
    loss, slope = independent_loss(residuals, 4.0)
    expected = -multivariate_normal.logpdf(residuals, cov=4.0 * np.eye(2))
    assert loss == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(slope, residuals / 4.0)


def test_a_lower_root_of_a_singular_covariance_is_triangular():
    root = lower_root(SINGULAR)
    np.testing.assert_allclose(root @ root.T, SINGULAR, atol=1e-12)
    assert root[0, 1] == 0.0
    assert (root.diagonal() >= 0.0).all()


# -- batches --


@pytest.mark.parametrize("size", [1, 5, 8, 1000])
def test_an_epoch_holds_every_row_once_and_cuts_no_group(size):
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 20, 100)
    batches = WholeGroups(
        np.argsort(codes, kind="stable"), np.bincount(codes), np.arange(20), size
    )
    seen, levels = [], []
    for batch in batches.epoch(rng):
        ends = [*batch.starts[1:], len(batch.rows)]
        for start, end, level in zip(batch.starts, ends, batch.levels, strict=True):
            assert set(codes[batch.rows[start:end]]) == {level}
        seen += list(batch.rows)
        levels += list(batch.levels)
    assert sorted(seen) == list(range(100))
    assert len(levels) == len(set(levels))


def test_a_small_last_batch_joins_the_one_before():
    counts = np.full(9, 10)
    groups = WholeGroups(np.arange(90), counts, np.arange(9), 40)
    batches = groups.epoch(np.random.default_rng(0))
    assert [len(batch.rows) for batch in batches] == [40, 50]


def factor(codes):
    codes = np.asarray(codes)
    ones = np.ones(len(codes))
    return RandomFactor("g", np.unique(codes), codes, (ones,), ("Intercept",), (1,))


def test_batches_do_not_hang_on_what_groups_are_called():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 20, 100)
    names = rng.permutation(20)
    first, second = (
        make_batches([factor(given)], np.arange(100), 8).epoch(np.random.default_rng(5))
        for given in (codes, names[codes])
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(names[one.levels], other.levels)


def test_groups_stay_whole_unless_one_is_longer_than_four_batches():
    codes = np.repeat([0, 1], [40, 10])
    rows = np.arange(50)
    assert isinstance(make_batches([factor(codes)], rows, 10), WholeGroups)
    assert isinstance(make_batches([factor(codes)], rows, 9), LooseRows)
    assert isinstance(make_batches([factor(codes)] * 2, rows, 10), LooseRows)


def test_loose_rows_come_once_in_batches_of_about_equal_size():
    batches = list(LooseRows(np.arange(3, 28), 10).epoch(np.random.default_rng(0)))
    assert [len(batch.rows) for batch in batches] == [13, 12]
    assert sorted(np.concatenate([batch.rows for batch in batches])) == [*range(3, 28)]


def test_held_out_groups_take_all_of_their_rows_along():
    codes = np.repeat(np.arange(10), 5)
    kept, apart = split_groups(factor(codes), 0.2, np.random.default_rng(0))
    assert len(set(codes[apart])) == 2
    assert not set(codes[apart]) & set(codes[kept])
    assert sorted([*kept, *apart]) == list(range(50))


def test_fewer_than_ten_rows_are_not_kept_apart():
    kept, apart = split_rows(94, 0.1, np.random.default_rng(0))
    assert (len(kept), len(apart)) == (94, 0)


def test_a_constant_column_is_only_centred():
    scale = learn_scale([np.full(3, 0.1), np.array([1.0, 2.0, 3.0])])
    scaled = scale.scaled([np.full(3, 0.1), np.array([1.0, 2.0, 3.0])])
    assert np.abs(scaled[:, 0]).max() < 1e-15
    assert scaled[:, 1].std() == pytest.approx(1.0)
