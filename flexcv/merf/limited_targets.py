"""Learners that do not take every real number for a target."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from flexcv.models.alternating._link_scale import LOSS_NAMES, has_poisson_loss
from flexcv.models.alternating.out_of_sample import last_step

LIMITED_LOSSES = ("poisson", "gamma", "tweedie", "squaredlogerror")
TRIED = np.array([[-2.0], [-1.0], [1.0], [2.0]])  # targets, as a transformer sees them
OTHER_FAMILIES = (
    "pass a learner with squared loss, or use MixedEffectsBoosting(family='gamma')"
)
POISSON = "set family='poisson' for counts, or pass a learner with squared loss"
TRANSFORM = "transform `y` before MERF sees it, or pass the regressor alone"


def refuse_limited_targets(learner: Any, family: str | None) -> None:
    """Refuse a learner that fails as soon as effects are taken out of the target.

    Parameters
    ----------
    learner
        A regressor that is fitted to the target less the effects, or to a working
        response: any real numbers.
    family
        That of MERF.
    """
    found = _limited(learner)
    if found is None:
        return
    if _transformed_target(found) is not None:
        way_out = TRANSFORM
    else:
        counts = family is None and has_poisson_loss(found)
        way_out = POISSON if counts else OTHER_FAMILIES
    raise ValueError(
        "MERF takes the random effects out of the target, so its learner must take "
        f"any real number, and {_described(found)} does not; {way_out}."
    )


def _described(learner: Any) -> str:
    """Name a learner with the setting that limits it."""
    found = [f"{name}={value!r}" for name, value in _limited_losses(learner)]
    return type(learner).__name__ + (f"({found[0]})" if found else "")


def _limited(learner: Any) -> Any:
    """Return the part of a learner that does not take any target; None if all do."""
    last = last_step(learner)
    transformed = _transformed_target(last)
    if transformed is not None:
        return None if _is_real(transformed) else last
    if get_tags(last).target_tags.positive_only or _limited_losses(last):
        return last
    settings = last.get_params(deep=False).values()
    inner = (_limited(part) for part in settings if hasattr(part, "predict"))
    return next((part for part in inner if part is not None), None)


def _limited_losses(learner: Any) -> list[tuple[str, str]]:
    """Return names and values of the settings that name a loss of limited targets."""
    params = learner.get_params(deep=False)
    named = [(name, str(params.get(name, ""))) for name in LOSS_NAMES]
    return [pair for pair in named if any(word in pair[1] for word in LIMITED_LOSSES)]


def _transformed_target(learner: Any) -> Callable[[Any], Any] | None:
    """Return how a learner transforms its target, None if it does not."""
    params = learner.get_params(deep=False)
    if not {"regressor", "func", "transformer"} <= set(params):
        return None
    function = params["func"] or np.asarray
    if params["transformer"] is not None:
        function = clone(params["transformer"]).fit_transform
    return cast("Callable[[Any], Any]", function)


def _is_real(transform: Callable[[Any], Any]) -> bool:
    """Return whether a transform has a finite value for negative numbers too."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few rows
        try:
            return bool(np.isfinite(transform(TRIED)).all())
        except (TypeError, ValueError, ArithmeticError):
            return False
