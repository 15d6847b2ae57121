import numpy as np
import pandas as pd
import pytest

from flexcv.models.design.columns import Columns, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.gaussian.conditional import sparse_design
from flexcv.models.trees.marginal_metric import loadings, normal_metric, root

DESIGNS = {
    "intercepts": ("(1 | g)", [np.eye(1) * 2.0]),
    "slopes": ("(1 + x | g)", [np.array([[2.0, 0.5], [0.5, 1.0]])]),
    "no variance": ("(1 + x | g)", [np.diag([2.0, 0.0])]),
    "crossed": ("(1 + x | g) + (1 | h)", [np.diag([2.0, 0.3]), np.eye(1)]),
}


@pytest.fixture(params=DESIGNS)
def dense(request):
    """A design, its variances, and sigma^2 V^-1 as a matrix."""
    notation, covariances = DESIGNS[request.param]
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=50),
            "g": rng.integers(0, 7, 50),
            "h": rng.integers(0, 4, 50),
        }
    )
    _, design = learn_random(Columns(table), random_terms(random=notation))
    loaded = sparse_design(design) @ loadings(design, [root(d) for d in covariances])
    sigma2 = 1.5
    inverse = np.linalg.inv(sigma2 * np.eye(50) + (loaded @ loaded.T).toarray())
    return normal_metric(design, sigma2, covariances), sigma2 * inverse, rng


def test_the_projection_is_the_inverse_covariance(dense):
    metric, inverse, rng = dense
    r = rng.normal(size=50)
    np.testing.assert_allclose(metric.projected(r), inverse @ r, atol=1e-10)


def test_leaves_lose_the_information_that_effects_explain(dense):
    metric, inverse, rng = dense
    leaves = rng.integers(0, 5, 50)
    H = (leaves[:, None] == np.arange(5)).astype(float)
    np.testing.assert_allclose(
        H.T @ H - metric.explained(leaves, 5, None), H.T @ inverse @ H, atol=1e-10
    )


def test_the_root_of_a_singular_covariance_exists():
    covariance = np.outer([1.0, 2.0], [1.0, 2.0])
    half = root(covariance)
    np.testing.assert_allclose(half @ half.T, covariance)
