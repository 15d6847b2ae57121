"""Every family: its derivatives, its limits and its refusals."""

import numpy as np
import pytest
from scipy import integrate, stats

from flexcv.models.laplace._dispersion import DISPERSION_TERMS
from flexcv.models.laplace.families import (
    FAMILIES,
    Binomial,
    Gamma,
    NegativeBinomial,
    Poisson,
    family_of,
)
from flexcv.models.laplace.marginal import marginal_mean

ETA = np.array([-3.0, -0.7, 0.0, 0.4, 1.9])
EVERY = [(name, link) for name, (_, links) in FAMILIES.items() for link in links]
TARGETS = {
    "binomial": np.array([0.0, 0.25, 1.0, 0.5, 0.75]),
    "poisson": np.array([0.0, 1.0, 3.0, 0.0, 7.0]),
    "negative_binomial": np.array([0.0, 1.0, 3.0, 0.0, 7.0]),
    "gamma": np.array([0.1, 1.0, 2.0, 0.7, 9.0]),
}
WEIGHTS = np.full(5, 4.0)


@pytest.mark.parametrize(("name", "link"), EVERY)
def test_each_derivative_is_the_slope_of_the_one_before(name, link):
    family, y, step = family_of(name, link), TARGETS[name], 1e-5
    at = family.terms(y, ETA, WEIGHTS, 0.6)
    ahead = family.terms(y, ETA + step, WEIGHTS, 0.6)
    behind = family.terms(y, ETA - step, WEIGHTS, 0.6)

    def slope(which):
        return (getattr(ahead, which) - getattr(behind, which)) / (2.0 * step)

    np.testing.assert_allclose(at.score, slope("loglik"), atol=1e-7)
    np.testing.assert_allclose(at.information, -slope("score"), atol=1e-7)
    np.testing.assert_allclose(at.slope, slope("information"), atol=1e-7)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_binomial_likelihood_is_that_of_scipy(link):
    family = Binomial(link)
    y = TARGETS["binomial"]
    expected = stats.binom.logpmf(np.round(4 * y), 4, family.mean(ETA))
    np.testing.assert_allclose(family.terms(y, ETA, WEIGHTS).loglik, expected)


def test_count_and_gamma_likelihoods_are_those_of_scipy():
    mu, ones = np.exp(ETA), np.ones(5)
    y = TARGETS["poisson"]
    poisson = Poisson().terms(y, ETA, ones).loglik
    np.testing.assert_allclose(poisson, stats.poisson.logpmf(y, mu))
    negative = NegativeBinomial().terms(y, ETA, ones, 1.7).loglik
    np.testing.assert_allclose(negative, stats.nbinom.logpmf(y, 1.7, 1.7 / (1.7 + mu)))
    y = TARGETS["gamma"]
    gamma = Gamma().terms(y, ETA, ones, 0.4).loglik
    np.testing.assert_allclose(gamma, stats.gamma.logpdf(y, 2.5, scale=0.4 * mu))


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_expected_information_averages_the_observed_one(link):
    family, ones = Binomial(link), np.ones(5)
    p = family.mean(ETA)
    hit = family.terms(ones, ETA, ones).information
    miss = family.terms(np.zeros(5), ETA, ones).information
    np.testing.assert_allclose(family.fisher(ETA, ones), p * hit + (1 - p) * miss)


def test_expected_information_of_counts_averages_the_observed_one():
    counts, ones = np.arange(4000.0), np.ones(4000)
    eta = np.full(4000, 0.8)
    chance = stats.nbinom.pmf(counts, 1.7, 1.7 / (1.7 + np.exp(0.8)))
    observed = NegativeBinomial().terms(counts, eta, ones, 1.7).information
    expected = NegativeBinomial().fisher(eta[:1], ones[:1], 1.7)[0]
    assert chance @ observed == pytest.approx(expected)


@pytest.mark.parametrize(("name", "link"), EVERY)
@pytest.mark.parametrize("far", [-40.0, 40.0])
def test_nothing_overflows_far_out(name, link, far):
    terms = family_of(name, link).terms(TARGETS[name], np.full(5, far), WEIGHTS)
    assert all(np.isfinite(part).all() for part in terms)


def test_probability_of_a_new_group_is_that_of_many_simulated_groups():
    effects = 2.0 * np.random.default_rng(1).standard_normal(400_000)
    for link in ("logit", "probit", "cloglog"):
        family = Binomial(link)
        simulated = family.mean(1.0 + effects).mean()
        integrated = marginal_mean(family, np.ones(1), np.array([4.0]))[0]
        assert integrated == pytest.approx(simulated, abs=3e-3)
        assert abs(integrated - family.mean(np.ones(1))[0]) > 0.05


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("sd", [0.3, 1.0, 4.0])
def test_probability_of_a_new_group_is_the_integral(link, sd):
    family = Binomial(link)
    for eta in (-5.0, 0.0, 2.0):

        def density(b, eta=eta):
            return family.mean(np.array([eta + sd * b]))[0] * stats.norm.pdf(b)

        exact = integrate.quad(density, -10, 10, epsabs=1e-12, limit=300)[0]
        found = marginal_mean(family, np.array([eta]), np.array([sd**2]))[0]
        assert found == pytest.approx(exact, abs=1e-8)


def test_expected_count_of_a_new_group_has_a_closed_form():
    assert marginal_mean(Poisson(), np.ones(1), np.ones(1))[0] == pytest.approx(
        np.exp(1.5)
    )


def test_unknown_family_and_link_name_the_known_ones():
    with pytest.raises(ValueError) as error:
        family_of("binomal")
    assert str(error.value) == (
        "`family` must be one of 'binomial', 'poisson', 'negative_binomial', 'gamma', "
        "got 'binomal'; did you mean 'binomial'?"
    )
    with pytest.raises(ValueError) as error:
        family_of("poisson", "logit")
    assert str(error.value) == (
        "`link` must be 'log' with 'poisson', got 'logit'; did you mean 'log'?"
    )


@pytest.mark.parametrize(
    ("family", "y", "message"),
    [
        (
            Binomial(),
            [0.0, 2.0],
            "a binomial target must lie between 0 and 1 (the share of successes), got "
            "values from 0 to 2; pass 0 and 1, or shares with the numbers of trials as "
            "`weights`.",
        ),
        (
            Binomial(),
            [0.0, 0.3],
            "a binomial target times its trials must be whole numbers of successes, "
            "got broken ones; pass the numbers of trials as `weights`.",
        ),
        (
            Poisson(),
            [0.0, -1.0],
            "a Poisson target must hold counts (0, 1, 2, ...), got -1; take another "
            "family.",
        ),
        (
            NegativeBinomial(),
            [0.5, 1.0],
            "a negative binomial target must hold counts (0, 1, 2, ...), got 0.5; take "
            "another family.",
        ),
        (
            Gamma(),
            [0.0, 1.0],
            "a gamma target must be positive, got 0; drop such rows or take another "
            "family.",
        ),
    ],
)
def test_a_target_that_does_not_fit_is_refused(family, y, message):
    with pytest.raises(ValueError) as error:
        family.require_target(np.array(y), np.ones(2))
    assert str(error.value) == message


@pytest.mark.parametrize("name", ["gamma", "negative_binomial"])
def test_dispersion_derivatives_equal_differences(name):
    family, y, step = family_of(name), TARGETS[name], 1e-5
    at = DISPERSION_TERMS[name](y, ETA, WEIGHTS, 0.6)
    ahead = family.terms(y, ETA, WEIGHTS, 0.6 * np.exp(step))
    behind = family.terms(y, ETA, WEIGHTS, 0.6 * np.exp(-step))
    for which in ("loglik", "score", "information"):
        slope = (getattr(ahead, which) - getattr(behind, which)) / (2.0 * step)
        np.testing.assert_allclose(getattr(at, which), slope, atol=1e-7)
