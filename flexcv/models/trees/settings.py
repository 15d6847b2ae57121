"""The settings of boosting, checked where they enter."""

from __future__ import annotations

from typing import Any

from flexcv._checks import check_choice, check_integer, check_interval
from flexcv.arrays import IntArray

from .binning import MOST_BINS
from .boosted_trees import LEARNERS
from .rounds import Pace
from .splits import TreeShape

STEPS = ("newton", "gradient")
FEWEST = 3  # rows of a leaf
AUTO_LEAF = {"binomial": 12}  # a yes or no has an information of a quarter at most


def pace_of(model: Any) -> Pace:
    """Return how boosting goes, or say which setting is wrong.

    Parameters
    ----------
    model
        An estimator with the parameters of `MixedEffectsBoosting`.
    """
    check_choice("step", model.step, STEPS)
    return Pace(
        learning_rate=check_interval(
            "learning_rate", model.learning_rate, 0.0, 1.0, closed="right"
        ),
        subsample=check_interval(
            "subsample", model.subsample, 0.0, 1.0, closed="right"
        ),
        l2=check_interval("l2_regularization", model.l2_regularization, 0.0),
        newton=model.step == "newton",
        every=check_integer("refresh_every", model.refresh_every, 1),
        most=check_integer("max_iterations", model.max_iterations, 1),
    )


def shape_of(model: Any, directions: IntArray | None) -> TreeShape:
    """Return how far trees grow, or say which setting is wrong.

    Parameters
    ----------
    model
        An estimator with the parameters of `MixedEffectsBoosting`.
    directions
        Of the features, see `monotone.directions_of`.
    """
    most = model.max_leaf_nodes
    return TreeShape(
        max_depth=check_integer("max_depth", model.max_depth, 1),
        max_leaf_nodes=None
        if most is None
        else check_integer("max_leaf_nodes", most, 2),
        min_samples_leaf=_fewest_rows(model),
        l2=check_interval("l2_regularization", model.l2_regularization, 0.0),
        directions=directions,
    )


def _fewest_rows(model: Any) -> int:
    if model.min_samples_leaf == "auto":
        return AUTO_LEAF.get(model.family, FEWEST)
    return check_integer("min_samples_leaf", model.min_samples_leaf, 1)


def require_others(model: Any) -> None:
    """Check the settings that neither pace nor shape holds."""
    check_choice("learner", model.learner, LEARNERS)
    bins = check_integer("max_bins", model.max_bins, 2)
    if bins > MOST_BINS:
        raise ValueError(f"`max_bins` must be at most {MOST_BINS}, got {bins!r}.")
    if model.patience is not None:
        check_integer("patience", model.patience, 1)
