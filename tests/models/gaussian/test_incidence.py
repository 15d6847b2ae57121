"""Which levels meet: listed or multiplied, the same sums."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from flexcv.models.gaussian import incidence
from flexcv.models.gaussian.incidence import learn_incidence


def matrices(n_effects, seed=0):
    rng = np.random.default_rng(seed)
    shape = (n_effects, 6, 4)
    return rng.normal(size=shape) * (rng.random(shape) < 0.6)


def weights_of(n_effects, seed=1):
    half = np.random.default_rng(seed).normal(size=(n_effects, n_effects, 6))
    return half + half.transpose(1, 0, 2)


@pytest.mark.parametrize("n_effects", [1, 2])
def test_products_are_those_of_the_dense_matrices(n_effects):
    dense, weights = matrices(n_effects), weights_of(n_effects)
    met = learn_incidence([csr_array(part) for part in dense])
    assert (met.to_cells is None) == (n_effects > 1)
    whole = np.einsum("anr,abn,bns->rs", dense, weights, dense)
    upper = np.triu_indices(4)
    np.testing.assert_allclose(met.product(weights)[upper], whole[upper], atol=1e-12)
    np.testing.assert_allclose(met.sparse_product(weights).toarray(), whole, atol=1e-12)
    half = np.random.default_rng(2).normal(size=(4, 4))
    square = half + half.T
    total = float((whole * square).sum())
    assert met.weighted_sum(weights, square) == pytest.approx(total)
    right, left = np.ones((4, 2)), np.ones((n_effects, 6, 3))
    np.testing.assert_allclose(met.times(right), dense @ right)
    np.testing.assert_allclose(
        met.transposed_times(left), np.einsum("anr,anc->rc", dense, left)
    )


def test_long_lists_and_sparse_rests_are_not_listed(monkeypatch):
    parts = [csr_array(matrices(1)[0])]
    assert learn_incidence(parts, sparse=True).to_cells is None
    degrees = np.diff(parts[0].indptr)
    pairs = int((degrees * (degrees + 1)).sum()) // 2
    monkeypatch.setattr(incidence, "MOST_PAIRS", pairs)
    assert learn_incidence(parts).to_cells is not None
    monkeypatch.setattr(incidence, "MOST_PAIRS", pairs - 1)
    assert learn_incidence(parts).to_cells is None
