"""Scores of known and of new groups, side by side."""

import numpy as np
import pandas as pd
import pytest

from flexcv.metrics import Metric
from flexcv.metrics.choice import LostFunction
from flexcv.results.known_groups import scores_by_known_group

MAE = Metric("mae", lambda y, p: float(np.abs(y - p).mean()), False)


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "model": ["B"] * 5 + ["A"],
            "repeat": 0,
            "fold": [0, 0, 0, 1, 1, 0],
            "known_group": [True, True, False, True, True, True],
            "y_true": 0.0,
            "y_pred": [1.0, 3.0, 9.0, 4.0, 4.0, 7.0],
            "part": ["test"] * 6,
        }
    )


def test_folds_weigh_the_same_and_pooled_rows_do(rows):
    known = ("known groups", "mae")
    assert scores_by_known_group(rows, [MAE]).loc[known, "B"] == 3.0
    assert scores_by_known_group(rows, [MAE], pooled=True).loc[known, "B"] == 3.0
    longer = pd.concat([rows, rows.iloc[[3]].assign(y_pred=10.0)])
    assert scores_by_known_group(longer, [MAE]).loc[known, "B"] == 4.0
    assert scores_by_known_group(longer, [MAE], pooled=True).loc[known, "B"] == 4.4


def test_models_keep_their_order_and_lack_what_they_were_not_asked(rows):
    found = scores_by_known_group(rows, [MAE])
    assert list(found.columns) == ["B", "A"]
    assert found.loc[("new groups", "mae"), "B"] == 9.0
    assert np.isnan(found.loc[("new groups", "mae"), "A"])
    assert found.loc[("known groups", "n_rows")].tolist() == [4.0, 1.0]


def test_training_rows_and_lost_metrics_are_left_out(rows):
    more = pd.concat([rows, rows.assign(part="train", y_pred=100.0)])
    lost = Metric("lost", LostFunction("lost"), False)
    found = scores_by_known_group(more, [MAE, lost])
    assert found.loc[("known groups", "mae"), "B"] == 3.0
    assert ("known groups", "lost") not in found.index


def test_a_run_without_groups_is_refused(rows):
    with pytest.raises(ValueError, match="need groups, and this run has none"):
        scores_by_known_group(rows.assign(known_group=None), [MAE])
