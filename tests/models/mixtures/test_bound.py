"""The bound's closed forms against draws from the factors."""

import numpy as np
import pytest
from scipy import stats

from flexcv.models.mixtures.bound import _weights, global_bound
from flexcv.models.mixtures.parameters import Parameters, Priors
from tests.models.curve_tables import random_layer

DRAWS = 40_000
PRIORS = Priors(0.7, 0.4, 1.5, 2.0, 0.8)


def inverse_gamma(shape, scale):
    return stats.invgamma(shape, scale=scale)


class Ratio:
    """Add up log p - log q of independent draws."""

    def __init__(self):
        self.total = np.zeros(DRAWS)

    def add(self, log_p, log_q):
        self.total += (log_p - log_q).reshape(DRAWS, -1).sum(axis=1)


def half_cauchy(ratio, rng, shape, scale, mixing, width):
    """Draw v and its mixing variable; v given it is IG(1/2, 1/x)."""
    size = (DRAWS, *np.shape(scale))
    of_v, of_x = inverse_gamma(shape, scale), inverse_gamma(1.0, mixing)
    v, x = of_v.rvs(size, random_state=rng), of_x.rvs(size, random_state=rng)
    ratio.add(inverse_gamma(0.5, 1.0 / x).logpdf(v), of_v.logpdf(v))
    ratio.add(inverse_gamma(0.5, width**-2).logpdf(x), of_x.logpdf(x))
    return v


def drawn_bound(parameters, priors, rng):
    ratio = Ratio()
    half_cauchy(
        ratio,
        rng,
        parameters.noise_shape,
        parameters.noise_scale,
        parameters.noise_mixing,
        priors.noise_scale,
    )
    for layer in parameters.layers:
        k, d, width = layer.mean.shape
        shape = layer.spread_shape[:, None] * np.ones((k, d))
        half_cauchy(
            ratio,
            rng,
            shape,
            layer.spread_scale,
            layer.spread_mixing,
            priors.spread_scale,
        )
        alpha = layer.weights
        w = rng.dirichlet(alpha, DRAWS)
        prior = stats.dirichlet(np.full(k, priors.concentration))
        ratio.add(prior.logpdf(w.T), stats.dirichlet(alpha).logpdf(w.T))
        tau = half_cauchy(
            ratio,
            rng,
            layer.global_shape,
            layer.global_scale,
            layer.global_mixing,
            priors.loading_scale,
        )
        of_g = inverse_gamma(1.0, layer.mean_mixing)
        g = of_g.rvs((DRAWS, k, d), random_state=rng)
        ratio.add(inverse_gamma(0.5, 0.5).logpdf(g), of_g.logpdf(g))
        size = (DRAWS, k, d, width - 1)
        of_h = stats.gamma(1.0, scale=1.0 / layer.local_rate)
        of_c = stats.gamma(1.0, scale=1.0 / layer.local_mixing)
        h, c = of_h.rvs(size, random_state=rng), of_c.rvs(size, random_state=rng)
        ratio.add(stats.gamma(0.5, scale=1.0 / c).logpdf(h), of_h.logpdf(h))
        ratio.add(stats.gamma(0.5).logpdf(c), of_c.logpdf(c))
        for a in range(k):
            for j in range(d):
                q = stats.multivariate_normal(layer.mean[a, j], layer.covariance[a, j])
                row = q.rvs(DRAWS, random_state=rng).reshape(DRAWS, width)
                variance = np.column_stack(
                    [priors.mean_scale * g[:, a, j], tau[:, a, None] / h[:, a, j]]
                )
                ratio.add(
                    stats.norm(0.0, np.sqrt(variance)).logpdf(row).sum(axis=1),
                    q.logpdf(row),
                )
    return ratio.total


def test_the_closed_forms_agree_with_draws_from_the_factors():
    rng = np.random.default_rng(0)
    layers = (random_layer(rng, 2, 2, 1, False), random_layer(rng, 2, 1, 1, False))
    parameters = Parameters(layers, 6.0, 3.0, 1.3, np.zeros(0))
    drawn = drawn_bound(parameters, PRIORS, rng)
    error = drawn.std() / np.sqrt(DRAWS)
    assert error < 0.2
    assert global_bound(parameters, PRIORS) == pytest.approx(
        drawn.mean(), abs=4 * error
    )


def test_the_weights_cost_nothing_at_their_prior():
    assert _weights(np.full(5, 0.3), 0.3) == pytest.approx(0.0, abs=1e-12)
