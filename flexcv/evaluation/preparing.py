"""The table that reaches one estimator: its columns, scaled, means of groups beside."""

from __future__ import annotations

from typing import Any

from flexcv.dataset import Dataset

from .roles import columns_in_their_units, grouping_columns
from .scaling import FeatureTable, ScalingSettings


def columns_beside(
    estimator: Any, dataset: Dataset, scaling: ScalingSettings
) -> tuple[str, ...]:
    """Name the grouping columns that stand beside the features of an estimator.

    Those are what it reads, and the first one where group means are added for it.
    """
    read = grouping_columns(estimator, dataset)
    return read or _means_by(estimator, dataset, scaling)


def feature_table(
    estimator: Any,
    dataset: Dataset,
    scaling: ScalingSettings,
    *,
    is_inside: bool = False,
) -> FeatureTable:
    """Return the first step before an estimator, not fitted yet.

    Parameters
    ----------
    estimator
        What it is for; one with a parameter `between` adds group means itself.
    dataset
        The whole table.
    scaling
        What is scaled, and whether group means are added.
    is_inside
        Whether it is for an inner fold.
    """
    means_by = _means_by(estimator, dataset, scaling)
    groups = columns_beside(estimator, dataset, scaling)
    return FeatureTable(
        scaling.scales_inside if is_inside else scaling.outside,
        columns_in_their_units(estimator, dataset),
        dataset.is_array and not groups,
        scaling.between if means_by else False,
        means_by[0] if means_by else None,
    )


def _means_by(
    estimator: Any, dataset: Dataset, scaling: ScalingSettings
) -> tuple[str, ...]:
    """Name the column by which means are taken for an estimator; none for none."""
    if not scaling.between or dataset.groups is None:
        return ()
    if grouping_columns(estimator, dataset):
        return ()
    return dataset.group_names[:1]
