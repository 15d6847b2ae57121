"""Rows to predict, and what was observed of their subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray, IntArray

from .messages import Local
from .sums import SubjectSums


@dataclass(frozen=True, slots=True, eq=False)
class CurveRows:
    """The rows to predict, in the mixture's units.

    Attributes
    ----------
    design
        Curve columns, shape (rows, d).
    fixed
        The fixed part of each row.
    local
        Of the subjects that the rows are of; behind known ones those of whom nothing
        but features is known.
    subjects
        Position of each row's subject in `local`.
    draws
        Which rows share a curve: one number per subject, known or not.
    """

    design: FloatArray
    fixed: FloatArray
    local: Local
    subjects: IntArray
    draws: IntArray


class Seen(NamedTuple):
    """What was observed of subjects, in training and since.

    `known` are sums of training's subjects, `new` of others, `labels` of both, and
    `visited` the places among the labels that have rows since.
    """

    known: SubjectSums
    new: SubjectSums | None
    labels: pd.Index
    visited: IntArray = np.zeros(0, dtype=np.intp)
