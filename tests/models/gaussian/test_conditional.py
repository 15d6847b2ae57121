import numpy as np
import pandas as pd
import pytest

from flexcv.errors import ModelError
from flexcv.models import RandomTerm
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_random
from flexcv.models.gaussian import conditional
from flexcv.models.gaussian.conditional import learn_uncertainty, normal_interval

COVARIANCES = (np.array([[1.0, 0.3], [0.3, 0.5]]), np.array([[2.0]]))
TERMS = (RandomTerm("g", ("x",)), RandomTerm("h"))


def table(seed, n=50):
    rng = np.random.default_rng(seed)
    labels = {"g": rng.integers(0, 6, n), "h": rng.integers(0, 4, n)}
    return pd.DataFrame({"x": rng.normal(size=n), **labels})


def dense(train, new, n_factors, sigma2):
    """Conditional variance of Z b of new rows by the formula with all rows."""
    kernel = np.zeros((len(train) + len(new),) * 2)
    rows = pd.concat([train, new])
    z = np.stack([np.ones(len(rows)), rows["x"]])
    parts = [(rows["g"], z), (rows["h"], z[:1])]
    for (group, columns), d in zip(parts[:n_factors], COVARIANCES, strict=False):
        label = group.to_numpy()
        kernel += (label[:, None] == label) * (columns.T @ d @ columns)
    n = len(train)
    v = kernel[:n, :n] + sigma2 * np.eye(n)
    cross = kernel[n:, :n]
    return kernel[n:, n:].diagonal() - np.einsum(
        "ij,ji->i", cross, np.linalg.solve(v, cross.T)
    )


@pytest.mark.parametrize("n_factors", [1, 2])
def test_variances_are_those_of_the_normal_distribution(n_factors):
    train, new = table(0), table(1, 9)
    encoder, design = learn_random(Columns(train), TERMS[:n_factors])
    known = learn_uncertainty(design, 0.7, COVARIANCES[:n_factors])
    found = known.variances(encoder.design(Columns(new)))
    np.testing.assert_allclose(found, dense(train, new, n_factors, 0.7), rtol=1e-9)


@pytest.mark.parametrize("n_factors", [1, 2])
def test_unknown_levels_have_the_variance_of_the_effects(n_factors):
    train = table(0)
    new = train.assign(g=train["g"] + 100, h=train["h"] + 100)
    encoder, design = learn_random(Columns(train), TERMS[:n_factors])
    known = learn_uncertainty(design, 0.7, COVARIANCES[:n_factors])
    z = np.stack([np.ones(50), train["x"]])
    expected = (z * (COVARIANCES[0] @ z)).sum(axis=0) + 2.0 * (n_factors == 2)
    np.testing.assert_allclose(known.variances(encoder.design(Columns(new))), expected)
    np.testing.assert_allclose(known.variances(design, known_groups=False), expected)


def test_a_singular_covariance_is_no_trouble():
    encoder, design = learn_random(Columns(table(0)), TERMS)
    known = learn_uncertainty(design, 0.7, (np.zeros((2, 2)), np.zeros((1, 1))))
    np.testing.assert_array_equal(known.variances(design), np.zeros(50))
    assert encoder.factors[0].name == "g"


def test_too_many_effects_of_several_factors_are_refused(monkeypatch):
    monkeypatch.setattr(conditional, "LARGEST_JOINT", 10)
    _, design = learn_random(Columns(table(0)), TERMS)
    known = learn_uncertainty(design, 0.7, COVARIANCES)
    with pytest.raises(ModelError) as caught:
        known.variances(design)
    assert str(caught.value) == (
        "intervals with several factors take at most 10 effects in all, and this model "
        "has more; use one factor or fewer levels."
    )


def test_an_interval_has_the_quantiles_of_the_normal_distribution():
    found = normal_interval(np.array([1.0]), np.array([4.0]), 0.95, None)
    assert found["upper"].item() == pytest.approx(1.0 + 2.0 * 1.959964, rel=1e-6)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(ValueError) as caught:
        normal_interval(np.zeros(1), np.ones(1), level, None)
    assert str(caught.value) == (
        f"`level` must lie between 0 and 1, got {level!r}; 0.95 is usual."
    )
