"""Sweep after sweep: local factors, bound, global factors, until the bound settles.

Coordinate ascent stops where two components share what one could explain. So, when
the clusters have formed and again at the end, the components that the others could
replace best are taken away on trial; the smaller mixture stays where its bound is
the better one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .bound import global_bound
from .messages import chunks, local_factor, messages
from .moments import Sweep, sweep
from .parameters import Parameters, Priors, path_table
from .sums import SubjectSums
from .updates import updated, updated_fixed

WARM_UP = 20  # sweeps before loadings may shrink; else they die before clusters form
PRUNE_EVERY = 10
LEAST_SUBJECTS = 1.0  # a component with fewer expected subjects is dropped
TRIAL_SWEEPS = 15
TRIALS = 2  # components tried in vain before the mixture is taken as it is
LEAST_LOSS = 1e-9  # of evidence that is more than rounding
SMALLEST_REST = 1e-12  # of a subject's probability, that other components explain it


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to stop.

    Attributes
    ----------
    max_iter
        The most sweeps.
    tol
        Stop when a sweep raises the bound by less than this per row.
    simplify
        Whether components are taken away where that raises the bound.
    """

    max_iter: int = 1000
    tol: float = 2e-5
    simplify: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One finished sweep.

    Attributes
    ----------
    iteration
        From 1.
    parameters
        Those that the bound belongs to.
    found
        The sums of the sweep, from which the next parameters come.
    bound
        The evidence lower bound.
    gain
        By how much the sweep raised it; NaN where the two bounds are not of one
        model: at the first step, when components were dropped and when the
        loadings got their prior.
    age
        How many sweeps ago a component was taken away, or the ascent began.
    is_last
        Whether the ascent ends here because the bound has settled.
    """

    iteration: int
    parameters: Parameters
    found: Sweep
    bound: float
    gain: float = np.nan
    age: int = 1
    is_last: bool = False


def ascend(
    sums: SubjectSums,
    parameters: Parameters,
    priors: Priors,
    schedule: Schedule | None = None,
) -> Iterator[Step]:
    """Return step after step until the bound has settled.

    Parameters
    ----------
    sums
        The subjects, with the fixed part in the target.
    parameters
        Where to start.
    priors
        Of the model.
    schedule
        When to stop.
    """
    schedule = Schedule() if schedule is None else schedule
    least = schedule.tol * float(sums.sizes.sum())
    step, smaller = _evaluated(sums, parameters, priors, 1), None
    while True:
        settled = step.parameters.shrinks and step.gain < least
        due = settled or _is_warm(step)
        smaller = _simpler(sums, step, priors) if schedule.simplify and due else None
        ends = settled and smaller is None
        yield replace(step, is_last=ends)
        if ends or step.iteration >= schedule.max_iter:
            return
        step = advanced(sums, step, priors) if smaller is None else smaller


def advanced(sums: SubjectSums, step: Step, priors: Priors) -> Step:
    """Update every global factor and pass over the subjects."""
    parameters = updated(step.parameters, step.found, sums, priors)
    if _is_warm(step):
        parameters = replace(parameters, shrinks=True)
    if step.iteration % PRUNE_EVERY == 0:
        parameters = pruned(parameters, priors)
    after = _evaluated(sums, parameters, priors, step.iteration + 1, step)
    return replace(after, age=step.age + 1)


def _is_warm(step: Step) -> bool:
    return step.age == WARM_UP and not step.parameters.shrinks


def pruned(parameters: Parameters, priors: Priors) -> Parameters:
    """Drop components that hardly any subject belongs to."""
    for number, layer in enumerate(parameters.layers):
        kept = np.flatnonzero(layer.weights >= priors.concentration + LEAST_SUBJECTS)
        if not len(kept):
            kept = np.array([int(layer.weights.argmax())])
        if len(kept) < layer.n_components:
            parameters = parameters.take(number, kept)
    return parameters


def _evaluated(
    sums: SubjectSums,
    parameters: Parameters,
    priors: Priors,
    iteration: int,
    before: Step | None = None,
) -> Step:
    """Pass over the subjects; with fixed columns twice, once for beta alone."""
    if sums.n_fixed:
        parameters = updated_fixed(parameters, sweep(sums, parameters))
    found = sweep(sums, parameters)
    bound = found.evidence + global_bound(parameters, priors)
    gain = np.nan
    if before is not None and _same_model(parameters, before.parameters):
        gain = bound - before.bound
    return Step(iteration, parameters, found, bound, gain)


def _same_model(one: Parameters, other: Parameters) -> bool:
    return one.shrinks == other.shrinks and one.n_components == other.n_components


def _simpler(sums: SubjectSums, step: Step, priors: Priors) -> Step | None:
    """Take away the first component without which the bound is better, if any."""
    for layer, component in _replaceable(sums, step.parameters)[:TRIALS]:
        smaller = _without(step.parameters, layer, component)
        trial = _evaluated(sums, smaller, priors, step.iteration + 1)
        for sweeps in range(1, TRIAL_SWEEPS + 1):
            # What the larger mixture would have gained in as many sweeps counts.
            if trial.bound > step.bound + sweeps * np.nan_to_num(step.gain):
                return replace(trial, iteration=step.iteration + 1)
            trial = advanced(sums, trial, priors)
    return None


def _replaceable(sums: SubjectSums, parameters: Parameters) -> list[tuple[int, int]]:
    """Order (layer, component) by how little evidence goes with the component.

    That is minus the logarithm of the subjects' probability of all other components.
    """
    paths = path_table(parameters.n_components)
    told, left = messages(parameters), sums.less_fixed(parameters.fixed)
    members = [
        (layer, component, paths[:, layer] == component)
        for layer, k in enumerate(parameters.n_components)
        for component in range(k)
        if k > 1
    ]
    loss = np.zeros(len(members))
    for part in chunks(len(sums), *told.linear.shape):
        share = local_factor(left.take(part), told, parameters).share
        for place, (_, _, own) in enumerate(members):
            rest = share[:, ~own].sum(axis=1)
            loss[place] -= np.log(np.maximum(rest, SMALLEST_REST)).sum()
    order = np.argsort(np.rint(loss / LEAST_LOSS), kind="stable")
    return [members[place][:2] for place in order]


def _without(parameters: Parameters, layer: int, component: int) -> Parameters:
    kept = np.delete(np.arange(parameters.n_components[layer]), component)
    return parameters.take(layer, kept)
