"""What a tracker is shown of the predictions of one model on one fold."""

from __future__ import annotations

import pandas as pd

from flexcv.dataset import Dataset
from flexcv.metrics.curves import calibration_table, confusion_table, roc_table
from flexcv.results import Predictions
from flexcv.results.responses import labels_of
from flexcv.results.tables import truth

from ._figures import Picture, class_panels


def tested_rows(model: str, test: Predictions, dataset: Dataset) -> pd.DataFrame:
    """Give tidy predictions of a test part: model, part, y_true, y_pred."""
    return pd.DataFrame(
        {
            "model": model,
            "part": "test",
            "y_true": truth(test, dataset.target).astype(float),
            "y_pred": test.predicted,
        }
    )


def classes_figure(test: Predictions, dataset: Dataset, title: str) -> Picture:
    """Draw ROC, calibration and confusion of a test part.

    Parameters
    ----------
    test
        Predicted classes, with probabilities if the model gives any.
    dataset
        The whole table.
    title
        Which model and fold.
    """
    task, known = dataset.task, truth(test, dataset.target)
    table, nothing = test.probabilities, pd.DataFrame()
    return class_panels(
        nothing if table is None else roc_table(known, table, task.classes),
        nothing if table is None else calibration_table(known, table, task.classes),
        confusion_table(known, labels_of(test, task), task.classes),
        title,
    )
