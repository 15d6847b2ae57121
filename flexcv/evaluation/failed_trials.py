"""Trials whose model raised and starting points outside the space are told of."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from flexcv.errors import FailedTrialsWarning, FlexcvError, FlexcvWarning

from .choices import Space, params_from
from .journal import ERROR, RECORD
from .search import contains


def refuse_when_all_raised(
    trials: Sequence[FrozenTrial], space: Space, last: Exception | None
) -> None:
    """Stop where the model raised in every trial; more of them will not help."""
    raised = _raised(trials)
    if not raised or len(raised) < len(trials):
        return
    tried = f"the model raised in each of the {len(trials)} trials"
    if last is not None:
        if len(trials) > 1:
            last.add_note(tried)
        raise last
    raise FlexcvError(
        f"{tried}; correct the search space or the table. {_told(raised[0], space)}"
    )


def warn_of_failed(trials: Sequence[FrozenTrial], space: Space) -> None:
    """Tell how many trials the model raised in, and why it did in the first."""
    raised = _raised(trials)
    if not raised:
        return
    warnings.warn(
        f"{len(raised)} of {len(trials)} trials failed and were passed over. "
        f"{_told(raised[0], space)}",
        FailedTrialsWarning,
        stacklevel=2,
    )


def _raised(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.user_attrs[RECORD].get(ERROR)]


def _told(trial: FrozenTrial, space: Space) -> str:
    tried = params_from(space, trial.params)
    return f"The first, {tried}, ended with {trial.user_attrs[RECORD][ERROR]}"


def warn_of_points_outside(points: Sequence[Mapping[str, Any]], space: Space) -> None:
    """Tell of values that the space does not contain; names it lacks are others'."""
    if callable(space):
        return
    outside = {
        f"{name}={value!r}": space[name]
        for point in points
        for name, value in point.items()
        if name in space and not contains(space[name], value)
    }
    for said, distribution in outside.items():
        warnings.warn(
            f"`warm_start` gives {said}, which {distribution} does not contain; it "
            "was left out.",
            FlexcvWarning,
            stacklevel=2,
        )
