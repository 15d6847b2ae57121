"""Means over the effects of new groups."""

import numpy as np
import pytest
from scipy import integrate, stats

from flexcv.models.laplace.families import family_of
from flexcv.models.laplace.marginal import marginal_mean


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("binomial", "logit"),
        ("binomial", "probit"),
        ("binomial", "cloglog"),
        ("poisson", "log"),
    ],
)
@pytest.mark.parametrize("variance", [0.0, 0.5, 9.0])
def test_the_mean_is_the_integral_over_the_effects(name, link, variance):
    family = family_of(name, link)
    eta = np.array([-1.5, 0.2, 1.0])
    found = marginal_mean(family, eta, np.full(3, variance))
    for one, value in zip(eta, found, strict=True):

        def mean(x, one=one):
            return family.mean(np.array([one + np.sqrt(variance) * x]))[0]

        if variance == 0.0:
            wanted = mean(0.0)
        else:
            wanted, _ = integrate.quad(
                lambda x, mean=mean: mean(x) * stats.norm.pdf(x), -12, 12, epsabs=1e-11
            )
        assert value == pytest.approx(wanted, rel=1e-6)


def test_wide_effects_pull_a_probability_towards_one_half():
    family, eta = family_of("binomial", "logit"), np.array([2.0, 2.0])
    near, far = marginal_mean(family, eta, np.array([0.1, 100.0]))
    assert 0.5 < far < near < family.mean(eta)[0]
