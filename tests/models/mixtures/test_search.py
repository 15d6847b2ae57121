"""Starts of every size, the best bound first."""

import numpy as np

from flexcv.models.mixtures.ascent import Schedule
from flexcv.models.mixtures.parameters import Priors
from flexcv.models.mixtures.search import Size, by_weight, search
from tests.models.curve_tables import curves, random_parameters, sums_of

PRIORS = Priors()


def test_the_best_start_comes_first():
    sums = sums_of(curves(1, n=60, groups=3)[0])
    sizes = [Size((1, 1), (3, 1)), Size((3, 1), (3, 1))]
    generator = np.random.default_rng(0)
    heard = []

    def watch(start, step):
        heard.append(start)
        return False

    found = search(sums, sizes, 2, PRIORS, Schedule(60, 1e-4), generator, watch)
    bounds = [outcome.step.bound for outcome in found]
    assert bounds == sorted(bounds, reverse=True)
    assert found[0].size == sizes[1]
    assert sorted(set(heard)) == [1, 2, 3, 4]


def test_a_watcher_ends_the_search():
    sums = sums_of(curves(0)[0])
    generator = np.random.default_rng(0)
    found = search(
        sums,
        [Size((2,), (2,))],
        5,
        PRIORS,
        Schedule(),
        generator,
        lambda start, step: step.iteration == 3,
    )
    assert len(found) == 1
    assert found[0].stopped
    assert found[0].step.iteration == 3


def test_components_are_ordered_by_weight():
    parameters = by_weight(random_parameters(3))
    for layer in parameters.layers:
        assert (np.diff(layer.weights) <= 0.0).all()
