"""Choices that a journal cannot hold exactly are drawn by their place.

Optuna keeps choices as JSON: a tuple comes back as a list, an estimator not at all, and
of 1 and True only the first. So a study draws the place of such a choice, which is
exact, and its value is read from the chain's own search space.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FixedTrial

from flexcv._secrets import redact_value

Suggest: TypeAlias = Callable[[optuna.Trial], Mapping[str, Any]]
Space: TypeAlias = Mapping[str, BaseDistribution] | Suggest
NoteChoices: TypeAlias = Callable[[str, Sequence[Any]], None]
PLAIN = (type(None), bool, int, float, str)


class Suggesting:
    """A trial as a user's function of a search space sees it.

    Parameters
    ----------
    trial
        One of Optuna's.
    note
        Told the name and the choices of each parameter that is drawn by its place.
    """

    def __init__(self, trial: Any, note: NoteChoices | None = None) -> None:
        self._trial, self._note = trial, note

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest one of the choices."""
        if are_plain(choices, name):
            return self._trial.suggest_categorical(name, choices)
        if self._note is not None:
            self._note(name, choices)
        places = list(range(len(choices)))
        return choices[self._trial.suggest_categorical(name, places)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)


def drawn_from(space: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """Return what a study draws from: places instead of choices that are not plain.

    Examples
    --------
    >>> drawn_from({"p": CategoricalDistribution([1, 1.0])})
    {'p': CategoricalDistribution(choices=(0, 1))}
    """
    return {
        name: distribution
        if choices_by_place(name, distribution) is None
        else CategoricalDistribution(range(len(distribution.choices)))  # type: ignore[attr-defined]
        for name, distribution in space.items()
    }


def choices_by_place(
    name: str, distribution: BaseDistribution
) -> tuple[Any, ...] | None:
    """Return the choices of a parameter that is drawn by its place, else None."""
    if not isinstance(distribution, CategoricalDistribution):
        return None
    return None if are_plain(distribution.choices, name) else distribution.choices


def params_from(space: Space, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return the estimator's parameters of what a study drew.

    Parameters
    ----------
    space
        The chain's own search space.
    drawn
        The parameters of a trial.

    Examples
    --------
    >>> params_from({"p": CategoricalDistribution([1, 1.0])}, {"p": 1})
    {'p': 1.0}
    """
    if callable(space):
        replayed: Any = Suggesting(FixedTrial(dict(drawn)))
        return dict(space(replayed).items())
    own = {name: choices_by_place(name, space[name]) for name in drawn}
    return {
        name: value if (choices := own[name]) is None else choices[value]
        for name, value in drawn.items()
    }


def are_plain(choices: Sequence[Any], name: str = "") -> bool:
    """Whether a journal keeps these choices as they are, and may."""
    return all(type(choice) in PLAIN for choice in choices) and not (
        any(isinstance(choice, float) and math.isnan(choice) for choice in choices)
        or len(set(choices)) < len(choices)
        or any(redact_value(choice, name) != choice for choice in choices)
    )


def place_of(choices: Sequence[Any], value: Any) -> int | None:
    """Return the place of a value among choices: itself, its like, or its equal."""
    for is_it in (_is_same, _is_alike, _is_equal):
        for place, choice in enumerate(choices):
            if is_it(choice, value):
                return place
    return None


def _is_same(one: Any, other: Any) -> bool:
    return one is other


def _is_alike(one: Any, other: Any) -> bool:
    return type(one) is type(other) and _is_equal(one, other)


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError):  # arrays, for example
        return False
