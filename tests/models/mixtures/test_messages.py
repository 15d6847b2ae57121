"""The local factor is exact: it equals brute force over paths."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from flexcv.models.mixtures.messages import chunks, local_factor, messages
from flexcv.models.mixtures.parameters import path_gaussians
from tests.models.curve_tables import random_parameters, random_sums
from tests.models.mixtures.brute_force import SHAPES, conditioned


@pytest.mark.parametrize(("components", "factors"), SHAPES)
def test_with_certain_parameters_the_evidence_is_a_gaussian_mixture(
    components, factors
):
    sums, (X, _, y, codes) = random_sums()
    parameters = random_parameters(1, 4, components, factors, sure=True)
    local = local_factor(sums, messages(parameters), parameters)
    for i in range(len(sums)):
        own = codes == i
        found = conditioned(parameters, X[own], y[own])
        logs = np.array([density for density, _, _ in found])
        assert local.evidence[i] == pytest.approx(logsumexp(logs), abs=1e-8)
        np.testing.assert_allclose(
            local.share[i], np.exp(logs - logsumexp(logs)), atol=1e-9
        )
        np.testing.assert_allclose(
            local.mean[i], [mean[:4] for _, mean, _ in found], atol=1e-8
        )
        np.testing.assert_allclose(
            local.covariance[i], [cov[:4, :4] for _, _, cov in found], atol=1e-8
        )


def test_a_subject_without_rows_has_the_population_s_mixture():
    parameters = random_parameters(5, sure=True)
    sums, _ = random_sums()
    nothing = sums.take(slice(0, 1))
    zero = {
        name: getattr(nothing, name) * 0
        for name in ("gram", "cross", "square", "sizes")
    }
    local = local_factor(replace(nothing, **zero), messages(parameters), parameters)
    weight, mean, covariance = path_gaussians(parameters)
    np.testing.assert_allclose(local.share[0], weight, atol=1e-9)
    np.testing.assert_allclose(local.mean[0], mean, atol=1e-8)
    np.testing.assert_allclose(local.covariance[0], covariance, atol=1e-8)
    assert local.evidence[0] == pytest.approx(0.0, abs=1e-8)


def test_chunks_cover_all_subjects_once():
    parts = list(chunks(100_000, 50, 10))
    assert len(parts) > 1
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    assert parts[0].start == 0
    assert parts[-1].stop == 100_000
