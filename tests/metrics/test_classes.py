import numpy as np
import pytest
from sklearn import metrics as skm

from flexcv import Metric
from flexcv.errors import UndefinedScoreError
from flexcv.metrics import (
    CLASS_METRICS,
    KNOWN_METRICS,
    resolve_metrics,
    resolve_objective,
)
from flexcv.metrics.known import poisson_deviance

RNG = np.random.default_rng(0)
TWO, THREE = ("a", "b"), ("a", "b", "c")


def drawn(classes, n=60):
    labels = np.asarray(classes, dtype=object)
    truth, guess = labels[RNG.integers(len(classes), size=(2, n))]
    table = RNG.dirichlet(np.ones(len(classes)), n).round(2)
    return truth, guess, table / table.sum(axis=1, keepdims=True)


REFERENCES = {
    "log_loss": lambda y, _, P: skm.log_loss(y, P, labels=sorted(set(y))),
    "brier": lambda y, _, P: skm.brier_score_loss(y, P, labels=sorted(set(y))) if P.shape[1] > 2 else skm.brier_score_loss(y == "b", P[:, 1]),
    "roc_auc_ovr": lambda y, _, P: skm.roc_auc_score(y, P, multi_class="ovr") if P.shape[1] > 2 else skm.roc_auc_score(y == "b", P[:, 1]),
    "balanced_accuracy": lambda y, p, _: skm.balanced_accuracy_score(y, p),
    "accuracy": lambda y, p, _: skm.accuracy_score(y, p),
}  # fmt: skip


@pytest.mark.parametrize("classes", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("name", REFERENCES)
def test_scores_equal_those_of_scikit_learn(name, classes):
    truth, guess, table = drawn(classes)
    metric = CLASS_METRICS[name].among(classes)
    response = guess
    if metric.needs_probabilities:
        response = table[:, 1] if len(classes) == 2 else table
    expected = REFERENCES[name](truth, guess, table)
    assert metric(truth, response) == pytest.approx(expected, abs=1e-13)


def test_ties_count_half_in_the_area():
    score = CLASS_METRICS["roc_auc"].among((0, 1))
    assert score([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]) == 0.5
    assert score([0, 1], [0.2, 0.7]) == 1.0


def test_a_certain_mistake_costs_the_logarithm_of_the_precision():
    loss = CLASS_METRICS["log_loss"].among((0, 1))
    assert loss([1], [0.0]) == pytest.approx(-np.log(np.finfo(float).eps))


def test_a_class_that_no_row_has_changes_no_score_but_the_area():
    truth, guess, table = drawn(TWO)
    wider = np.column_stack([table, np.zeros(len(table))])
    for name in ("log_loss", "accuracy", "balanced_accuracy"):
        metric = CLASS_METRICS[name]
        two, three = (
            (table[:, 1], wider) if metric.needs_probabilities else (guess, guess)
        )
        assert metric.among(THREE)(truth, three) == pytest.approx(
            metric.among(TWO)(truth, two), abs=1e-14
        )
    with pytest.raises(UndefinedScoreError) as caught:
        CLASS_METRICS["roc_auc_ovr"].among(THREE)(truth, wider)
    assert str(caught.value) == "no row is of class 'c', so there is no ROC curve"


def test_missing_probabilities_have_no_score():
    with pytest.raises(UndefinedScoreError) as caught:
        CLASS_METRICS["brier"].among(TWO)(["a", "b"], [np.nan, np.nan])
    assert str(caught.value) == "the model gives no probabilities"


def test_a_scorer_numbers_texts_in_their_order():
    truth, guess, table = drawn(TWO)
    (f1,), (area,) = (
        resolve_metrics("f1"),
        resolve_metrics({"area": "average_precision"}),
    )
    assert f1.among(TWO)(truth, guess) == pytest.approx(
        skm.f1_score(truth == "b", guess == "b")
    )
    expected = skm.average_precision_score(truth == "b", table[:, 1])
    assert area.among(TWO)(truth, table[:, 1]) == pytest.approx(expected)


def test_a_scorer_keeps_labels_that_are_numbers():
    truth, guess = RNG.integers(1, 3, size=(2, 50))
    (f1,) = resolve_metrics("f1")
    assert f1.among((1, 2))(truth, guess) == pytest.approx(skm.f1_score(truth, guess))


def test_known_metrics_of_classes_win_over_scorers_of_their_name():
    assert resolve_metrics("roc_auc") == (KNOWN_METRICS["roc_auc"],)
    assert resolve_metrics("neg_log_loss")[0].response == "predict_proba"
    assert resolve_metrics("f1_macro")[0].response == "predict"


def test_an_objective_takes_over_what_a_metric_knows():
    objective = resolve_objective("log_loss")
    assert (
        objective.response,
        objective.takes_classes,
        objective.greater_is_better,
    ) == ("predict_proba", True, False)
    assert resolve_objective(skm.log_loss) == objective
    assert resolve_objective("roc_auc").greater_is_better


def test_an_unknown_response_is_refused():
    with pytest.raises(ValueError) as caught:
        Metric("mine", max, response="decide")
    assert str(caught.value) == (
        "metric 'mine': `response` must be 'predict', 'predict_proba' or "
        "'decision_function', got 'decide'."
    )


def test_the_poisson_deviance_is_that_of_scikit_learn():
    counts, means = RNG.poisson(2.0, 50), RNG.gamma(2.0, size=50)
    assert poisson_deviance(counts, means) == pytest.approx(
        skm.mean_poisson_deviance(counts, means), abs=1e-13
    )


def test_negative_counts_have_no_poisson_deviance():
    with pytest.raises(ValueError) as caught:
        poisson_deviance([1, -2], [1.0, 1.0])
    assert str(caught.value) == (
        "'poisson_deviance' takes counts of zero or more, got -2; score such a target by 'mse' or 'mae'."
    )
