"""No sweep lowers the bound, and components that others explain go."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from flexcv.models.mixtures.ascent import WARM_UP, Schedule, ascend, pruned
from flexcv.models.mixtures.parameters import Priors
from flexcv.models.mixtures.search import starting_fixed
from flexcv.models.mixtures.start import common_curves, starting_parameters
from tests.models.curve_tables import curves, random_parameters, random_sums, sums_of

PRIORS = Priors()


def start_of(sums, components, factors, seed=0):
    fixed = starting_fixed(sums)
    return starting_parameters(
        common_curves(sums.less_fixed(fixed)),
        float(sums.sizes.sum()),
        fixed,
        components,
        factors,
        PRIORS,
        np.random.default_rng(seed),
    )


TABLES = {
    "two clusters": lambda: sums_of(curves(0)[0]),
    "three clusters": lambda: sums_of(curves(1, n=60, groups=3)[0]),
    "few rows": lambda: sums_of(curves(2, n=30, rows=2)[0]),
    "little noise": lambda: sums_of(curves(3, noise=0.01)[0]),
    "much noise": lambda: sums_of(curves(4, noise=3.0)[0]),
    "fixed columns": lambda: sums_of(curves(5)[0], fixed=2),
    "no curves": lambda: random_sums(6, d=5)[0],
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("components", "factors"), [((1, 1), (2, 1)), ((4, 2), (3, 1)), ((3,), (2,))]
)
def test_the_bound_never_falls(name, components, factors):
    sums = TABLES[name]()
    start = start_of(sums, components, factors)
    schedule = Schedule(max_iter=80, tol=1e-12, simplify=False)
    steps = list(ascend(sums, start, PRIORS, schedule))
    gains = np.array([step.gain for step in steps])
    compared = gains[np.isfinite(gains)]
    assert len(compared) > 60
    assert compared.min() > -1e-9 * max(abs(step.bound) for step in steps)


def test_with_its_simplifications_the_bound_rises_all_the_same():
    sums = sums_of(curves(0, n=80)[0])
    steps = list(ascend(sums, start_of(sums, (5, 2), (3, 1)), PRIORS))
    bounds = np.array([step.bound for step in steps])
    assert steps[-1].is_last
    falls = np.flatnonzero(np.diff(bounds) < 0.0)
    # The prior of the loadings is switched once; nothing else may lower the bound.
    switched = [
        not steps[k].parameters.shrinks and steps[k + 1].parameters.shrinks
        for k in falls
    ]
    assert all(switched)


def test_components_that_others_explain_are_taken_away():
    sums = sums_of(curves(1, n=80)[0])
    steps = list(ascend(sums, start_of(sums, (6, 2), (3, 1)), PRIORS))
    assert steps[-1].parameters.n_components == (2, 1)
    kept = Schedule(simplify=False)
    larger = list(ascend(sums, start_of(sums, (6, 2), (3, 1)), PRIORS, kept))
    assert larger[-1].parameters.n_components[0] > 2
    assert steps[-1].bound > larger[-1].bound + 10.0


def test_loadings_keep_a_plain_prior_while_clusters_form():
    sums = sums_of(curves(0)[0])
    schedule = Schedule(simplify=False)
    steps = list(islice(ascend(sums, start_of(sums, (2,), (2,)), PRIORS, schedule), 30))
    assert [step.parameters.shrinks for step in steps] == [
        step.iteration > WARM_UP for step in steps
    ]
    assert np.isnan(steps[WARM_UP].gain)


def test_empty_components_are_pruned_but_never_all():
    parameters = random_parameters(0)
    first, second = parameters.layers
    light = replace(first, weights=np.array([0.6, 9.0, 0.5]))
    none = replace(second, weights=np.array([0.6, 0.5]))
    left = pruned(replace(parameters, layers=(light, none)), PRIORS)
    assert left.n_components == (1, 1)
    np.testing.assert_array_equal(left.layers[0].mean[0], first.mean[1])
    np.testing.assert_array_equal(left.layers[1].mean[0], second.mean[0])


def test_sweeps_are_counted_one_by_one_also_where_components_go():
    sums = sums_of(curves(1, n=80)[0])
    steps = list(ascend(sums, start_of(sums, (6, 2), (3, 1)), PRIORS))
    numbers = [step.iteration for step in steps]
    assert numbers == list(range(1, len(steps) + 1))
