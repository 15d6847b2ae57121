"""Synthetic rows in groups, with the random effects they name."""

from .outcomes import GroupedOutcome as GroupedOutcome
from .outcomes import generate_classification as generate_classification
from .outcomes import generate_counts as generate_counts
from .regression import GroupedRegression as GroupedRegression
from .regression import RegressionSample as RegressionSample
from .regression import generate_regression as generate_regression

__all__ = [
    "GroupedOutcome",
    "GroupedRegression",
    "RegressionSample",
    "generate_classification",
    "generate_counts",
    "generate_regression",
]
