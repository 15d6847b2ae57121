"""The settings of boosting, checked where they enter."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from flexcv.models._validate import near_miss

from .binning import MOST_BINS
from .boosted_trees import LEARNERS
from .histogram_trees import TreeShape
from .rounds import Pace

STEPS = ("newton", "gradient")
FEWEST = 3  # rows of a leaf
AUTO_LEAF = {"binomial": 12}  # a yes or no has an information of a quarter at most


def pace_of(model: Any) -> Pace:
    """Give how boosting goes, or say which setting is wrong.

    Parameters
    ----------
    model
        An estimator with the parameters of `MixedEffectsBoosting`.
    """
    require_choice("step", model.step, STEPS)
    return Pace(
        learning_rate=require_share("learning_rate", model.learning_rate),
        subsample=require_share("subsample", model.subsample),
        l2=_not_negative("l2_regularization", model.l2_regularization),
        newton=model.step == "newton",
        every=require_count("refresh_every", model.refresh_every, 1),
        most=require_count("max_iterations", model.max_iterations, 1),
    )


def shape_of(model: Any) -> TreeShape:
    """Give how far trees grow, or say which setting is wrong."""
    most = model.max_leaf_nodes
    return TreeShape(
        max_depth=require_count("max_depth", model.max_depth, 1),
        max_leaf_nodes=None
        if most is None
        else require_count("max_leaf_nodes", most, 2),
        min_samples_leaf=_fewest_rows(model),
        l2=_not_negative("l2_regularization", model.l2_regularization),
    )


def _fewest_rows(model: Any) -> int:
    if model.min_samples_leaf == "auto":
        return AUTO_LEAF.get(model.family, FEWEST)
    return require_count("min_samples_leaf", model.min_samples_leaf, 1)


def require_others(model: Any) -> None:
    """Check the settings that neither pace nor shape holds."""
    require_choice("learner", model.learner, LEARNERS)
    bins = require_count("max_bins", model.max_bins, 2)
    if bins > MOST_BINS:
        raise ValueError(f"`max_bins` must be at most {MOST_BINS}, got {bins!r}.")
    if model.patience is not None:
        require_count("patience", model.patience, 1)


def require_choice(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse a word that is not among the known ones."""
    options = list(known)
    if value not in options:
        listed = " or ".join(repr(option) for option in options)
        hint = near_miss(value, options)
        raise ValueError(f"`{name}` must be {listed}, got {value!r}{hint}")


def require_count(name: str, value: object, minimum: int) -> int:
    """Refuse what is no whole number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}.")
    if value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}, got {value!r}.")
    return int(value)


def require_share(name: str, value: object) -> float:
    """Refuse what does not lie above 0 and up to 1."""
    if not 0.0 < _number(name, value) <= 1.0:
        raise ValueError(f"`{name}` must lie above 0 and up to 1, got {value!r}.")
    return _number(name, value)


def _not_negative(name: str, value: object) -> float:
    if not _number(name, value) >= 0.0:
        raise ValueError(f"`{name}` must be at least 0, got {value!r}.")
    return _number(name, value)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a number, got {value!r}.")
    return float(value)
