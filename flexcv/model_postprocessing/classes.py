"""How well a classifier tells classes apart on a test part."""

from __future__ import annotations

from collections.abc import Iterable

from flexcv._checks import check_integer
from flexcv.evaluation import FittedFold
from flexcv.metrics.curves import (
    N_BINS,
    calibration_table,
    confusion_table,
    roc_table,
)
from flexcv.results import Finding

from .base import ModelPostProcessor


class ClassifierModelPostProcessor(ModelPostProcessor):
    """Look at the classes a classifier predicts for the test part, each with a drawing.

    Gives

    - ``"roc"``: class, threshold, false_positive_rate, true_positive_rate
    - ``"calibration"``: class, predicted, observed, lower, upper, n_rows
    - ``"confusion"``: actual, predicted, n_rows, share

    Of two classes ROC and calibration are those of the last one, of more those of each
    against the rest. A model without probabilities has the confusion only, and a test
    part of a single class no ROC curve.

    Parameters
    ----------
    n_bins
        Bins of the calibration, of equally many rows.

    Raises
    ------
    TypeError
        When the model predicts numbers.
    """

    def __init__(self, n_bins: int = N_BINS) -> None:
        self._n_bins = check_integer("n_bins", n_bins, 2)

    def look(self, fitted: FittedFold) -> Iterable[Finding]:
        """Return the findings about one fitted classifier."""
        task = fitted.test.task
        if not task.is_classification:
            raise TypeError(
                "ClassifierModelPostProcessor needs a model that predicts classes, got "
                f"{fitted.model}; choose another post-processor."
            )
        truth, table = fitted.test.target.to_numpy(), fitted.probabilities_test
        if table is not None:
            curves = roc_table(truth, table, task.classes)
            if len(curves):
                yield Finding("roc", curves, "roc")
            bins = calibration_table(truth, table, task.classes, self._n_bins)
            yield Finding("calibration", bins, "calibration")
        counts = confusion_table(truth, fitted.predicted_test, task.classes)
        yield Finding("confusion", counts, "confusion")
