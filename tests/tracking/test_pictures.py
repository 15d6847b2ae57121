from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd

from flexcv.tracking import pictures

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawn):
    return [node.text for node in ET.fromstring(drawn).iter(f"{SVG}text")]


def lines(drawn):
    paths = ET.fromstring(drawn).iter(f"{SVG}path")
    return [p for p in paths if p.get("stroke-width") == "1.6"]


TRACES = pd.DataFrame(
    {
        "model": "MERF",
        "repeat": 0,
        "fold": [0, 0, 1, 1],
        "iteration": [1, 2, 1, 2],
        "gll": [4.0, 3.0, 5.0, 2.0],
        "validation_loss": np.nan,
    }
)
TRIALS = pd.DataFrame(
    {
        "repeat": 0,
        "fold": [0, 0, 1, 1],
        "trial": [0, 1, 0, 1],
        "value": [4.0, np.nan, 5.0, 2.0],
        "best_value": [4.0, 4.0, 5.0, 2.0],
    }
)


def test_convergence_has_a_line_per_fold_and_a_panel_per_known_column():
    drawn = pictures.convergence_picture(TRACES, "MERF")
    assert len(lines(drawn)) == 2
    assert {"MERF", "gll", "fold 0", "fold 1"} <= set(texts(drawn))
    assert "validation_loss" not in texts(drawn)


def test_the_tuning_of_all_folds_is_one_picture_with_importances():
    shares = pd.DataFrame({"feature": ["a", "b"], "fold": 0, "importance": [0.3, 0.7]})
    drawn = pictures.tuning_overlay(TRIALS, shares, "Ridge")
    assert len(lines(drawn)) == 2
    assert {"a", "b", "fold 0", "fold 1"} <= set(texts(drawn))


def test_repeats_are_named():
    drawn = pictures.tuning_overlay(
        TRIALS.assign(repeat=[0, 0, 1, 1]), pd.DataFrame(), "Ridge"
    )
    assert "repeat 1, fold 1" in texts(drawn)


def test_scores_have_a_row_per_model_and_leave_failures_out():
    scores = pd.DataFrame(
        {
            "model": ["A", "A", "B"],
            "part": "test",
            "metric": "mse",
            "value": [1.0, 2.0, np.nan],
        }
    )
    drawn = pictures.scores_picture(scores, ["mse"])
    assert {"A", "B", "mse"} <= set(texts(drawn))
    (points,) = (
        p
        for p in ET.fromstring(drawn).iter(f"{SVG}path")
        if p.get("stroke-width") == "5"
    )
    assert points.get("d").count("M") == 2


def test_a_column_that_never_moves_gets_no_panel():
    trace = pd.DataFrame(
        {"iteration": [1, 2], "bound": [-9.0, -8.0], "sigma2": [1.0, 1.0]}
    )
    assert pictures.main_columns(trace) == ["bound"]
    assert pictures.main_columns(trace[["iteration", "sigma2"]]) == ["sigma2"]
