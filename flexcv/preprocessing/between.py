"""Decide which features get their group means beside them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pandas as pd
from numpy.typing import ArrayLike

from flexcv.errors import ModelError
from flexcv.typing import Between

from .contextual import ContextualEffects, contextual_effects
from .group_means import GroupMeans


def check_between(value: object) -> None:
    """Refuse what is neither a truth value nor ``"auto"``."""
    if not (isinstance(value, bool) or value == "auto"):
        raise ValueError(
            f"`between` must be True, False or 'auto', got {value!r}; 'auto' adds "
            "group means where slopes within and between groups differ."
        )


def learn_group_means(
    between: Between,
    table: pd.DataFrame,
    target: ArrayLike | None,
    groups: Sequence[Hashable],
    features: Sequence[Hashable],
) -> tuple[GroupMeans | None, ContextualEffects | None]:
    """Learn from training rows whose means are added; None for none.

    Parameters
    ----------
    between
        Whether they are; ``"auto"`` asks `contextual_effects`, whose answer comes back
        as well.
    table
        The training rows.
    target
        Numbers, one per row.
    groups
        Grouping columns; the first one counts.
    features
        Columns of the table that are features.
    """
    check_between(between)
    if not between:
        return None, None
    if not groups:
        raise ModelError(
            "`between` adds means of groups, and this model has none; name the "
            "grouping column by `groups`."
        )
    found = None
    if between == "auto" and target is not None:
        found = contextual_effects(table[list(features)], target, table[groups[0]])
        if not found.differ:
            return None, found
    step = GroupMeans(groups[0]).fit(table[[*features, groups[0]]])
    return (step if step.columns_ else None), found
