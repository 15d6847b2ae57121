"""What a tracker is shown of the predictions of one model on one fold."""

from __future__ import annotations

import pandas as pd

from flexcv.dataset import Dataset, Task
from flexcv.metrics.curves import calibration_table, confusion_table, roc_table
from flexcv.results import Predictions
from flexcv.results.responses import labels_of, truth

from . import _pictures as pictures


def picture_name(task: Task) -> str:
    """Name the picture of a test part, and the page of all of them.

    Examples
    --------
    >>> picture_name(Task(("no", "yes"))), picture_name(Task())
    ('classes', 'residuals')
    """
    return "classes" if task.is_classification else "residuals"


def predictions_picture(test: Predictions, dataset: Dataset, title: str) -> str:
    """Draw a test part: residuals of numbers; ROC, calibration and more of classes.

    Parameters
    ----------
    test
        Predicted numbers, or classes with probabilities if the model gives any.
    dataset
        The whole table.
    title
        Which model and fold.
    """
    known, task = truth(test, dataset.target), dataset.task
    if not task.is_classification:
        return pictures.residuals_picture(known, test.predicted, title)
    table, nothing = test.probabilities, pd.DataFrame()
    return pictures.classes_picture(
        nothing if table is None else roc_table(known, table, task.classes),
        nothing if table is None else calibration_table(known, table, task.classes),
        confusion_table(known, labels_of(test, task), task.classes),
        title,
    )
