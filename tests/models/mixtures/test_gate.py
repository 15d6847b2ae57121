"""The regression of components on features, against the integral it bounds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from flexcv.models.mixtures.gate import starting_gate, with_ones
from flexcv.models.mixtures.messages import local_factor, messages
from flexcv.models.mixtures.prediction import population_messages
from tests.models.curve_tables import random_parameters, random_sums

K, Q, N, SCALE = 3, 2, 60, 1.5


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).normal(size=(N, Q))


@pytest.fixture(scope="module")
def member(features):
    rng = np.random.default_rng(1)
    eta = np.column_stack([features[:, 0], -features[:, 0], 0.5 * features[:, 1]])
    chosen = (eta + rng.gumbel(size=eta.shape)).argmax(axis=1)
    return np.eye(K)[chosen]


def value(gate, features, member):
    return float((member * gate.log_share(features)).sum()) + gate.bound()


def start(features):
    return starting_gate(np.array([3.0, 1.0, 2.0]), features, SCALE)


def test_it_starts_at_the_weights_for_everybody(features):
    share = np.exp(start(features).log_share(features))
    np.testing.assert_allclose(share, np.tile([0.5, 1 / 6, 1 / 3], (N, 1)))


def test_no_step_lowers_the_bound_and_the_steps_end_at_its_maximum(features, member):
    gate, values = start(features), []
    pull = member.T @ with_ones(features)
    for _ in range(20):
        values.append(value(gate, features, member))
        gate = gate.updated(pull, features)
    assert np.diff(values).min() > -1e-9
    design = with_ones(features)
    slope = pull - np.exp(gate.log_share(features)).T @ design
    np.testing.assert_allclose(slope, gate.coefficients / SCALE**2, atol=1e-6)


def test_the_bound_is_that_of_the_whole_normal_factor(features, member):
    gate = start(features).updated(member.T @ with_ones(features), features)
    curvature = 0.5 * (np.eye(K) - 1.0 / K)
    size = K * (1 + Q)
    precision = np.kron(curvature, gate.gram) + np.eye(size) / SCALE**2
    covariance, mean = np.linalg.inv(precision), gate.coefficients.ravel()
    divergence = 0.5 * (
        np.trace(covariance) / SCALE**2
        + mean @ mean / SCALE**2
        - size
        + size * np.log(SCALE**2)
        + np.linalg.slogdet(precision)[1]
    )
    spread = 0.5 * np.trace(np.kron(curvature, gate.gram) @ covariance)
    assert gate.bound() == pytest.approx(-divergence - spread)


def test_the_bound_lies_below_the_evidence_and_near_it(features, member):
    gate, design = start(features), with_ones(features)
    for _ in range(5):
        gate = gate.updated(member.T @ design, features)
    rng, n = np.random.default_rng(2), 20_000
    precision = np.kron(0.5 * (np.eye(K) - 1.0 / K), gate.gram)
    precision += np.eye(K * (1 + Q)) / SCALE**2
    root = np.linalg.cholesky(2.0 * np.linalg.inv(precision))
    normal = rng.normal(size=(n, len(root)))
    drawn = gate.coefficients.ravel() + normal @ root.T
    log_q = -0.5 * (normal**2).sum(axis=1) - np.log(np.diagonal(root)).sum()
    log_p = -0.5 * (drawn**2).sum(axis=1) / SCALE**2 - len(root) * np.log(SCALE)
    eta = np.einsum("nq,skq->snk", design, drawn.reshape(n, K, 1 + Q))
    fits = (member * log_softmax(eta, axis=2)).sum(axis=(1, 2))
    evidence = logsumexp(fits + log_p - log_q) - np.log(n)
    assert evidence - 4.0 < value(gate, features, member) < evidence


def test_what_is_kept_has_the_same_odds(features, member):
    gate = start(features).updated(member.T @ with_ones(features), features)
    kept = gate.take(np.array([2, 0]))
    found, whole = kept.log_share(features), gate.log_share(features)
    np.testing.assert_allclose(found[:, 0] - found[:, 1], whole[:, 2] - whole[:, 0])
    np.testing.assert_allclose(kept.coefficients.sum(axis=0), 0.0, atol=1e-12)


def gated(components):
    """Parameters without uncertainty, and sums of subjects with features."""
    rng, factors = np.random.default_rng(0), (2, 1)[: len(components)]
    parameters = random_parameters(components=components, factors=factors, sure=True)
    gate = starting_gate(np.ones(components[0]), rng.normal(size=(12, Q)), SCALE)
    moved = gate.coefficients + rng.normal(size=gate.coefficients.shape)
    sums = replace(random_sums()[0], features=rng.normal(size=(12, Q)))
    return replace(parameters, gate=replace(gate, coefficients=moved)), sums


@pytest.mark.parametrize("components", [(3,), (3, 2)])
def test_subjects_of_training_and_new_ones_have_the_same_gate(components):
    parameters, sums = gated(components)
    told = local_factor(sums, messages(parameters), parameters)
    new = local_factor(sums, population_messages(parameters), parameters)
    np.testing.assert_allclose(told.share, new.share, atol=1e-6)
    np.testing.assert_allclose(told.evidence, new.evidence, rtol=1e-6)


def test_the_gate_takes_the_place_of_the_first_layer_s_weights():
    parameters, sums = gated((3, 2))
    plain = replace(parameters, gate=None)
    with_gate, without = (
        local_factor(sums, population_messages(p), p) for p in (parameters, plain)
    )
    weights = parameters.layers[0].weights
    odds = np.exp(parameters.gate.log_share(sums.features)) / weights
    wanted = without.share * np.repeat(odds, 2, axis=1)
    wanted /= wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(with_gate.share, wanted, atol=1e-9)
