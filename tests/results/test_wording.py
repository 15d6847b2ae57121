"""The outcome of a comparison in words."""

import numpy as np
import pytest

from flexcv.results._wording import counted, sentence, why_nothing

ROW = {
    "model_a": "A",
    "model_b": "B",
    "lower": 0.1,
    "upper": 0.3,
    "method": "t",
    "difference": 0.2,
    "n_folds": 5,
    "rope": 0.01,
    "p_better": 0.97,
    "p_equal": 0.02,
    "p_worse": 0.01,
}


@pytest.mark.parametrize(
    ("change", "greater", "text"),
    [
        ({}, True, "A is better than B by 0.2 (95 % interval 0.1 to 0.3, t)."),
        ({}, False, "A is worse than B by 0.2"),
        ({"lower": -0.3, "upper": -0.1, "difference": -0.2}, True, "A is worse than B"),
        ({"lower": -0.3, "upper": -0.1, "difference": -0.2}, False, "better than B by"),
        ({"lower": -0.1}, True, "A and B cannot be told apart"),
        ({"lower": 0.0}, True, "cannot be told apart"),
        (
            {"lower": np.nan},
            True,
            "There is no interval for the difference of A and B.",
        ),
        (
            {},
            True,
            "By the folds, A is better by more than 0.01 with probability 0.97.",
        ),
        ({"p_better": 0.01, "p_equal": 0.95}, True, "they differ by no more than 0.01"),
        ({"p_better": 0.01, "p_worse": 0.96}, True, "By the folds, B is better by"),
        ({"p_better": 0.94}, True, "By the folds it is open"),
        ({"n_folds": 1}, True, "They share one fold with a score, too few for a test."),
        ({"n_folds": 0}, True, "They share no fold"),
    ],
)
def test_it_says_what_interval_and_folds_say(change, greater, text):
    assert text in sentence(ROW | change, 0.95, greater, 5)


def test_how_much_better_has_no_minus_sign():
    row = ROW | {"lower": -0.3, "upper": -0.1, "difference": -0.2}
    said = sentence(row, 0.95, False, 5)
    assert said.startswith("A is better than B by 0.2 (95 % interval 0.1 to 0.3, t).")


def test_folds_that_lack_a_score_are_counted():
    said = sentence(ROW | {"n_folds": 4}, 0.95, True, 5)
    assert "By the 4 of 5 folds that have both scores, A is better" in said


def test_numbers_have_nouns_and_empty_runs_a_reason():
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    assert why_nothing("stopped by hand.") == "stopped by hand."
    assert "no unit of this run was finished" in why_nothing("")
