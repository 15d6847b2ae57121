"""A training table as numbers alone, where that is all there is to it."""

from __future__ import annotations

import numpy as np

from flexcv.models.design.columns import FixedEncoder, RandomEncoder
from flexcv.models.gaussian.left_out import Numbers

from .base import Training


def numbers_of(
    training: Training, fixed: FixedEncoder, random: RandomEncoder
) -> Numbers:
    """Return features, target, groups and effects.

    Parameters
    ----------
    training
        What a model learns from.
    fixed, random
        How it becomes columns.

    Raises
    ------
    ValueError
        Where a fixed column is not a column of the table as it stands, a random slope
        is no fixed column, or nothing is grouped.
    """
    blocks = [
        [fixed.places(block) for block in encoder.effects] for encoder in random.factors
    ]
    found = [tuple(b for b in own if b is not None) for own in blocks]
    if not fixed.is_of_numbers or not found or list(map(list, found)) != blocks:
        raise ValueError("the model reads more than numbers and groups.")
    columns = fixed.columns(training.source)[1:]
    n_rows = len(training.target)
    return Numbers(
        np.column_stack([np.zeros((n_rows, 0)), *columns]),
        training.target,
        tuple(factor.codes for factor in training.design.factors),
        tuple(found),
    )
