"""Probabilities of two classes as one number on the scale of the linear predictor."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logit

from ._validate import FloatArray

RAREST = 0.005  # share that stands for a probability of zero


def second_column(shares: FloatArray, classes: Any) -> FloatArray:
    """Give the probability of label 1, also where training showed one label only."""
    if len(classes) == 1:
        return np.full(len(shares), float(classes[0] == 1))
    return shares[:, 1]


def logits(shares: FloatArray) -> FloatArray:
    """Give logits of shares that may be zero or one."""
    return np.asarray(logit(np.clip(shares, RAREST, 1.0 - RAREST)))
