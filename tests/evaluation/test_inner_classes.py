"""What is scored inside: numbers as they are, classes with all of them filled in."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import log_loss

from flexcv.dataset import Task
from flexcv.evaluation.inner_classes import objective_for
from flexcv.metrics import CLASS_OBJECTIVE, DEFAULT_OBJECTIVE, ObjectiveScorer

CLASSES = Task(("a", "b", "c"))
LABELS = np.array(["a", "b", "a"])  # a fold that lacks a class


def test_numbers_are_scored_by_what_was_asked_for():
    asked = ObjectiveScorer(lambda y, p: 0.0)
    assert objective_for(Ridge(), asked, Task()) is asked
    assert objective_for(Ridge(), DEFAULT_OBJECTIVE, Task()) is DEFAULT_OBJECTIVE


def test_a_model_of_probabilities_is_scored_by_the_log_loss_of_all_classes():
    scorer = objective_for(LogisticRegression(), DEFAULT_OBJECTIVE, CLASSES)
    told = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.2, 0.3]])
    expected = log_loss(LABELS, told, labels=["a", "b", "c"])
    assert scorer(LABELS, told, LABELS, told) == pytest.approx(expected)
    assert scorer.needs_probabilities
    assert not scorer.greater_is_better


def test_a_model_of_labels_is_scored_by_the_share_mistaken():
    scorer = objective_for(RidgeClassifier(), DEFAULT_OBJECTIVE, CLASSES)
    told = np.array(["a", "c", "a"])
    assert scorer(LABELS, told, LABELS, told) == pytest.approx(1 / 3)
    assert not scorer.needs_probabilities


def test_an_objective_that_was_asked_for_gets_the_classes():
    scorer = objective_for(RidgeClassifier(), CLASS_OBJECTIVE, CLASSES)
    assert scorer.function.keywords == {"classes": ("a", "b", "c")}
    assert not scorer.takes_classes
