"""Probabilities of the links: three derivatives each, far out as near."""

import numpy as np
import pytest

from flexcv.models.laplace._probabilities import (
    LOG_PROBABILITIES,
    PROBABILITIES,
    bounded_exp,
    logistic_terms,
)

ETA = np.array([-8.0, -2.0, -0.3, 0.0, 0.4, 1.5, 3.0])


@pytest.mark.parametrize("link", LOG_PROBABILITIES)
def test_logarithms_are_those_of_the_probabilities(link):
    hit, miss = LOG_PROBABILITIES[link](ETA)
    p = PROBABILITIES[link](ETA)
    np.testing.assert_allclose(np.exp(hit[0]), p, rtol=1e-9)
    np.testing.assert_allclose(np.exp(miss[0]), 1.0 - p, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("link", LOG_PROBABILITIES)
def test_each_term_is_the_derivative_of_the_one_before(link, side):
    h = 1e-5
    here = LOG_PROBABILITIES[link](ETA)[side]
    ahead, behind = (LOG_PROBABILITIES[link](ETA + s * h)[side] for s in (1, -1))
    for order in (1, 2, 3):
        slope = (ahead[order - 1] - behind[order - 1]) / (2 * h)
        np.testing.assert_allclose(here[order], slope, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("link", LOG_PROBABILITIES)
def test_far_out_nothing_overflows(link):
    for part in LOG_PROBABILITIES[link](np.array([-35.0, 35.0])):
        assert np.isfinite(part).all()


def test_the_fast_logistic_terms_are_the_sums_of_the_plain_ones():
    hits, trials = np.array([0, 1, 2, 3, 1, 0, 3.0]), np.full(7, 3.0)
    hit, miss = LOG_PROBABILITIES["logit"](ETA)
    loglik, score, information, slope = logistic_terms(hits, trials, ETA)
    parts = [hits * a + (trials - hits) * b for a, b in zip(hit, miss, strict=True)]
    np.testing.assert_allclose(loglik, parts[0], rtol=1e-12)
    np.testing.assert_allclose(score, parts[1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(information, -parts[2], rtol=1e-9)
    np.testing.assert_allclose(slope, -parts[3], rtol=1e-8, atol=1e-12)


def test_exponentials_leave_room_for_their_squares():
    assert np.isfinite(bounded_exp(np.array([1e5])) ** 2).all()
    np.testing.assert_array_equal(bounded_exp(ETA), np.exp(ETA))
