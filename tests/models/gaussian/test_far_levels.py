"""Starts where the effects of levels lie far from zero."""

import numpy as np

from flexcv.models.gaussian.far_levels import far_factors


def levels(effects, n_rows=4.0, seed=0):
    """Z'Z and Z'y of levels that hold their effects without noise."""
    rng = np.random.default_rng(seed)
    q = effects.shape[1]
    roots = rng.normal(size=(len(effects), q + 3, q))
    square = n_rows * np.einsum("nra,nrb->nab", roots, roots)
    return square, np.einsum("nab,nb->na", square, effects)


def test_one_effect_starts_at_its_deviation_over_the_noise():
    effects = np.array([[30.0], [40.0], [-50.0], [20.0]])
    (found,) = far_factors(*levels(effects), 0.25)
    wanted = np.sqrt((effects**2).mean() / 0.25)
    np.testing.assert_allclose(found, [[wanted]])


def test_several_effects_start_with_and_without_the_mean_of_the_first():
    effects = 10.0 + np.random.default_rng(1).normal(size=(12, 2))
    less, plain, more = far_factors(*levels(effects), 1.0)
    np.testing.assert_allclose(plain @ plain.T, effects.T @ effects / 12, rtol=1e-6)
    np.testing.assert_allclose(more - plain, [[0, 0], [plain[0, 0], 0]], atol=1e-12)
    np.testing.assert_allclose(plain - less, [[0, 0], [plain[0, 0], 0]], atol=1e-12)


def test_levels_that_do_not_tell_their_effects_are_left_out():
    effects = np.array([[30.0, 1.0], [40.0, 2.0], [50.0, 3.0], [20.0, 5.0], [9e9, 1.0]])
    square, right = levels(effects)
    square[4] = np.array([[1.0, 1.0], [1.0, 1.0]])
    without = far_factors(square[:4], right[:4], 1.0)
    for one, other in zip(far_factors(square, right, 1.0), without, strict=True):
        np.testing.assert_allclose(one, other)


def test_too_few_levels_give_no_start():
    square, right = levels(np.array([[30.0, 1.0], [40.0, 2.0], [50.0, 3.0]]))
    assert far_factors(square, right, 1.0) == []
