"""Each trial draws from a generator of its own, so that a study can stop and go on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from flexcv.resampling.plan import seed_number

from .choices import place_of
from .search import contains

MakeSampler: TypeAlias = Callable[[int], BaseSampler]
# The seed of these decides the sequence itself; all trials walk along the same one.
ONE_SEQUENCE = (optuna.samplers.GridSampler, optuna.samplers.QMCSampler)


def make_sampler(make: MakeSampler, seed: int) -> BaseSampler:
    """Make a sampler from its class, whose seed is a keyword, or by a function."""
    sampler: Any = make(seed=seed) if isinstance(make, type) else make(seed)
    return cast("BaseSampler", sampler)


def check_sampler(make: Any) -> None:
    """Refuse what cannot make a sampler from a seed, or forgets the seed."""
    if isinstance(make, BaseSampler):
        raise TypeError(
            f"`sampler` must be a sampler's class or a function of a seed, got the "
            f"object {type(make).__name__}; pass the class, so that every fold and "
            "model gets a seed of its own."
        )
    if not callable(make):
        raise TypeError(
            f"`sampler` must be a sampler's class or a function of a seed, "
            f"got {make!r}."
        )
    if isinstance(make, type):
        if "seed" not in inspect.signature(make).parameters:
            raise TypeError(
                f"`sampler` {make.__name__} takes no seed, so runs with it would not "
                "repeat; pass a function of a seed that makes one."
            )
        return
    sampler = make(0)
    if not isinstance(sampler, BaseSampler):
        raise TypeError(
            "`sampler` must be a function that gives an Optuna sampler, "
            f"got {type(sampler).__name__} from it."
        )
    if not isinstance(sampler, ONE_SEQUENCE) and _drawn(sampler) != _drawn(make(0)):
        raise ValueError(
            "`sampler` draws other numbers when it gets the same seed; hand its "
            "argument on: lambda seed: TPESampler(seed=seed)."
        )


def _drawn(sampler: BaseSampler) -> float:
    return float(optuna.create_study(sampler=sampler).ask().suggest_float("x", 0, 1))


def sampler_for(make: MakeSampler | None, seed: int, number: int) -> BaseSampler:
    """Make the sampler of one trial from (seed, trial number)."""
    own = seed_number(np.random.SeedSequence([seed, number]))
    if make is None:
        return optuna.samplers.TPESampler(seed=own)
    sampler = make_sampler(make, own)
    return make_sampler(make, seed) if isinstance(sampler, ONE_SEQUENCE) else sampler


class TrialSampler(BaseSampler):
    """Seed a sampler for each trial by its number; enqueue the first ones' points.

    A stopped study that goes on draws what it would have drawn, and processes that
    tune together never draw from the same generator.

    Parameters
    ----------
    make
        A sampler's class or a function of a seed; None is the TPE sampler.
    seed
        Mixed with each trial's number.
    first
        Parameters of the first trials; the sampler chooses what they leave open.
    """

    def __init__(
        self,
        make: MakeSampler | None,
        seed: int,
        first: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._make, self._seed, self._first = make, seed, tuple(first)
        self._sampler: BaseSampler | None = None
        self._choices: dict[str, Sequence[Any]] = {}

    def note_choices(self, name: str, choices: Sequence[Any]) -> None:
        """Take note of the choices of a parameter that is drawn by its place."""
        self._choices[name] = choices

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Make the sampler of this trial."""
        self._sampler = sampler_for(self._make, self._seed, trial.number)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters to draw together, as the sampler chooses."""
        return self._current.infer_relative_search_space(study, trial)

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Draw parameters together."""
        drawn = self._current.sample_relative(study, trial, search_space)
        point = self._point(trial)
        return {
            name: point[name]
            if name in point and contains(search_space[name], point[name])
            else value
            for name, value in drawn.items()
        }

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one parameter."""
        point = self._point(trial)
        if param_name in point and contains(param_distribution, point[param_name]):
            return point[param_name]
        return self._current.sample_independent(
            study, trial, param_name, param_distribution
        )

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Let the sampler look at how the trial ended."""
        self._current.after_trial(study, trial, state, values)

    def is_exhausted(self, study: Study) -> bool:
        """Return whether there is nothing left to try, as with a grid in the end."""
        sampler = self._sampler or sampler_for(self._make, self._seed, 0)
        ask = getattr(sampler, "is_exhausted", None)
        return ask is not None and bool(ask(study))

    @property
    def _current(self) -> BaseSampler:
        assert self._sampler is not None, "a trial begins with before_trial"
        return self._sampler

    def _point(self, trial: FrozenTrial) -> Mapping[str, Any]:
        point = self._first[trial.number] if trial.number < len(self._first) else {}
        return {
            name: place_of(self._choices[name], value)
            if name in self._choices
            else value
            for name, value in point.items()
        }
