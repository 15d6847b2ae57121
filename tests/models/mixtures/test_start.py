"""Where a mixture begins: one Gaussian for all, and clouds apart."""

import numpy as np
import pytest

from flexcv.models.mixtures.start import common_curves, k_means
from flexcv.models.mixtures.sums import subject_sums


def test_one_gaussian_is_found_by_em():
    rng = np.random.default_rng(0)
    n, d = 400, 3
    root = rng.normal(size=(d, d))
    z = rng.normal(size=(n, d)) @ root.T + [1.0, -1.0, 0.5]
    codes = np.repeat(np.arange(n), 6)
    X = rng.normal(size=(len(codes), d))
    y = (X * z[codes]).sum(axis=1) + 0.3 * rng.normal(size=len(codes))
    found = common_curves(subject_sums(X, np.zeros((len(y), 0)), y, codes, n))
    np.testing.assert_allclose(found.mean, z.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(found.covariance, np.cov(z.T), rtol=0.1, atol=0.05)
    assert found.noise == pytest.approx(0.09, rel=0.1)


def test_k_means_finds_clouds_apart_and_survives_equal_points():
    rng = np.random.default_rng(0)
    centre = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 20, axis=0)
    labels = k_means(centre + rng.normal(size=(60, 2)), 3, rng, 10)
    assert [len(set(labels[k : k + 20])) for k in (0, 20, 40)] == [1, 1, 1]
    assert len(set(labels)) == 3
    assert set(k_means(np.zeros((5, 2)), 3, rng, 2)) == {0}
