"""What is left after the largest factor: dense and sparse, one system."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from flexcv.models.gaussian.remaining import (
    dense_rest,
    lengthened,
    sparse_rest,
    symmetric,
    times_factors,
)

FACTORS = (np.array([[0.9, 0.0], [0.4, 0.6]]), np.array([[1.5]]))
SIZES = ((2, 3), (1, 5))


def whole_factor():
    return np.block(
        [
            [np.kron(FACTORS[0], np.eye(3)), np.zeros((6, 5))],
            [np.zeros((5, 6)), np.kron(FACTORS[1], np.eye(5))],
        ]
    )


def moments():
    rows = np.random.default_rng(0).normal(size=(30, 11))
    return rows.T @ rows


def test_rows_are_multiplied_factor_by_factor():
    right = np.random.default_rng(1).normal(size=(11, 2))
    whole = whole_factor()
    np.testing.assert_allclose(times_factors(right, FACTORS, SIZES), whole.T @ right)
    np.testing.assert_allclose(
        times_factors(right, FACTORS, SIZES, transposed=False), whole @ right
    )


@pytest.mark.parametrize("is_sparse", [False, True])
def test_the_system_is_solved_and_has_its_determinant(is_sparse):
    square, whole = moments(), whole_factor()
    inner = whole.T @ square @ whole + np.eye(11)
    if is_sparse:
        rest = sparse_rest(csr_array(square), FACTORS, SIZES)
    else:
        rest = dense_rest(square, FACTORS, SIZES)
    assert (rest.chol is None) == is_sparse
    assert rest.log_det == pytest.approx(np.linalg.slogdet(inner)[1])
    right = np.arange(22.0).reshape(11, 2)
    np.testing.assert_allclose(rest.solve(right), np.linalg.solve(inner, right))


def test_a_system_that_is_not_definite_is_an_error_of_linear_algebra():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        dense_rest(-10.0 * np.eye(11), FACTORS, SIZES)


@pytest.mark.parametrize("size", [3, 64, 150])
def test_the_upper_triangle_is_copied_into_the_lower_one(size):
    whole = np.random.default_rng(2).normal(size=(size, size))
    wanted = np.triu(whole) + np.triu(whole, 1).T
    np.testing.assert_array_equal(symmetric(whole.copy()), wanted)


def test_a_longer_factor_is_that_of_the_sum():
    column = np.array([0.3, -0.8])
    found = lengthened(FACTORS[0], column)
    np.testing.assert_allclose(found, np.tril(found))
    np.testing.assert_allclose(
        found @ found.T, FACTORS[0] @ FACTORS[0].T + np.outer(column, column)
    )
