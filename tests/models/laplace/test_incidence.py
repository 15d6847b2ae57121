"""Cells in which levels of the largest factor meet those of the others."""

import numpy as np
import pytest
from scipy.sparse import issparse

from flexcv.models.laplace import incidence
from flexcv.models.laplace.incidence import learn_cells


def drawn():
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, n, 40) for n in (6, 4, 3)]
    others = [(codes[1], 4, 2), (codes[2], 3, 1)]
    values = list(rng.normal(size=(3, 40)))
    whole = np.zeros((6, 11))
    for row in range(40):
        places = (codes[1][row], 4 + codes[1][row], 8 + codes[2][row])
        for place, value in zip(places, values, strict=True):
            whole[codes[0][row], place] += value[row]
    return learn_cells(codes[0], 6, others), values, whole


@pytest.mark.parametrize("is_sparse", [False, True])
def test_cells_hold_the_sums_of_their_rows(is_sparse, monkeypatch):
    monkeypatch.setattr(incidence, "DENSE_CELLS", 1 if is_sparse else 10**6)
    cells, values, whole = drawn()
    filled = cells.fill(values)
    matrix = cells.matrix(filled)
    assert issparse(matrix) == is_sparse
    np.testing.assert_allclose(matrix.toarray() if is_sparse else matrix, whole)
    np.testing.assert_allclose(cells.at_cells(whole), filled)
    np.testing.assert_allclose(cells.level_sum(filled), whole.sum(axis=1))


def test_a_large_matrix_with_few_cells_is_sparse(monkeypatch):
    cells, values, whole = drawn()
    monkeypatch.setattr(incidence, "SPARSE_CELLS", whole.size - 1)
    assert not issparse(cells.matrix(cells.fill(values)))
    monkeypatch.setattr(incidence, "FILLED", 1.0)
    assert issparse(cells.matrix(cells.fill(values)))
