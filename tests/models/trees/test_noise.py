import numpy as np
import pandas as pd
import pytest

from flexcv.models.design.columns import Columns, RandomDesign, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.gaussian.conditional import Uncertainty, learn_uncertainty
from flexcv.models.gaussian.residual_effects import (
    distinct_columns,
    maximised,
    starting_effects,
)
from flexcv.models.trees.noise import noise_variance


def smoothed(X, y):
    """Residuals of a projection, in-sample and left-one-out."""
    hat = X @ np.linalg.pinv(X)
    inside = y - hat @ y
    return inside, inside / (1.0 - hat.diagonal())


def test_the_noise_of_a_projection_is_found_whatever_its_columns():
    rng = np.random.default_rng(0)
    random = distinct_columns(RandomDesign((), 80), np.ones(80))
    found = []
    for _ in range(200):
        inside, outside = smoothed(rng.normal(size=(80, 40)), rng.normal(size=80))
        state = starting_effects(random)
        found.append(noise_variance(random, state, Uncertainty(()), inside, outside))
    assert np.mean(found) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("notation", ["(1 | g)", "(1 | g) + (1 | h)"])
def test_the_noise_beside_random_effects_is_found(notation):
    rng = np.random.default_rng(1)
    n, found, honest = 400, [], []
    table = pd.DataFrame({"g": np.arange(n) % 20, "h": rng.integers(0, 8, n)})
    source = Columns(table)
    _, design = learn_random(source, random_terms(random=notation))
    random = distinct_columns(design, source.ones)
    for _ in range(20):
        X = rng.normal(size=(n, 150))
        y = rng.normal(size=20)[table["g"]] + rng.normal(size=8)[table["h"]] * (
            "h" in notation
        )
        noise = rng.normal(size=n)
        inside, outside = smoothed(X, noise)
        state = maximised(random, y + outside, starting_effects(random))
        known = learn_uncertainty(design, state.sigma2, state.covariances)
        found.append(noise_variance(random, state, known, y + inside, y + outside))
        honest.append(state.sigma2)
    assert np.mean(honest) > 1.4
    assert np.mean(found) == pytest.approx(1.0, abs=0.1)
