"""Several starts of several sizes; the best bound is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flexcv._rounding import significant
from flexcv.arrays import FloatArray

from .ascent import Schedule, Step, ascend
from .gate import starting_gate
from .parameters import Parameters, Priors
from .start import SEEDINGS, Curves, common_curves, starting_parameters
from .sums import SubjectSums

START_RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Size:
    """How large a mixture is to be at the start.

    Attributes
    ----------
    n_components, n_factors
        Per layer, the one next to the data first.
    """

    n_components: tuple[int, ...]
    n_factors: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Where one start led.

    Attributes
    ----------
    size
        What was asked for.
    start
        Its number among the starts of this size, from 1.
    step
        The last step.
    stopped
        Whether the watcher stopped it.
    """

    size: Size
    start: int
    step: Step
    stopped: bool


Watcher = Callable[[int, Step], bool]


def search(
    sums: SubjectSums,
    sizes: Sequence[Size],
    n_init: int,
    priors: Priors,
    schedule: Schedule,
    generator: np.random.Generator,
    watch: Watcher,
) -> list[Outcome]:
    """Run every start and give the outcomes, the best bound first.

    Parameters
    ----------
    sums
        The subjects.
    sizes
        What to try.
    n_init
        Starts of each size.
    priors, schedule
        Of every start.
    generator
        Seeds the starts.
    watch
        Is passed the number of the start and each step; True ends the search.
    """
    fixed = starting_fixed(sums)
    curves = common_curves(sums.less_fixed(fixed))
    outcomes: list[Outcome] = []
    for size in sizes:
        for start in range(1, n_init + 1):
            # The first start clusters carefully, the others differ by chance.
            seedings = SEEDINGS if start == 1 else 1
            parameters = _start(sums, curves, fixed, size, priors, generator, seedings)
            number = len(outcomes) + 1
            step, stopped = _run(sums, parameters, priors, schedule, number, watch)
            outcomes.append(Outcome(size, start, step, stopped))
            if stopped:
                return _best_first(outcomes)
    return _best_first(outcomes)


def starting_fixed(sums: SubjectSums) -> FloatArray:
    """Return beta of the least-squares fit of one curve for all subjects."""
    if not sums.n_fixed:
        return np.zeros(0)
    d = sums.cross.shape[1]
    crossed = sums.fixed_cross.sum(axis=0)
    gram = np.block(
        [[sums.gram.sum(axis=0), crossed], [crossed.T, sums.fixed_gram.sum(axis=0)]]
    )
    gram[np.diag_indices(d)] += START_RIDGE * np.trace(gram) / len(gram)
    target = np.concatenate([sums.cross.sum(axis=0), sums.fixed_target.sum(axis=0)])
    return np.asarray(np.linalg.solve(gram, target)[d:])


def by_weight(parameters: Parameters) -> Parameters:
    """Order the components of each layer from the heaviest to the lightest."""
    for number, layer in enumerate(parameters.layers):
        order = np.argsort(-layer.weights, kind="stable")
        parameters = parameters.take(number, order)
    return parameters


def _start(
    sums: SubjectSums,
    curves: Curves,
    fixed: FloatArray,
    size: Size,
    priors: Priors,
    generator: np.random.Generator,
    seedings: int,
) -> Parameters:
    parameters = starting_parameters(
        curves,
        float(sums.sizes.sum()),
        fixed,
        size.n_components,
        size.n_factors,
        priors,
        generator,
        seedings,
    )
    if not sums.features.shape[1]:
        return parameters
    weights, scale = parameters.layers[0].weights, priors.membership_scale
    return replace(parameters, gate=starting_gate(weights, sums.features, scale))


def _run(
    sums: SubjectSums,
    parameters: Parameters,
    priors: Priors,
    schedule: Schedule,
    number: int,
    watch: Watcher,
) -> tuple[Step, bool]:
    for step in ascend(sums, parameters, priors, schedule):
        if watch(number, step):
            return step, True
    return step, False


def _best_first(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda outcome: -significant(outcome.step.bound))
