import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from flexcv.dataset import REGRESSION, Task, decide_task, make_dataset, predicts_classes

CLASSIFIER = {"m": DummyClassifier()}


def task_of(values, models=CLASSIFIER):
    return decide_task(pd.Series(values, name="y"), models)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([True, False, True], (False, True)),
        ([2.0, 1.0, 1.0], (1.0, 2.0)),
        ([30, 4, 100], (4, 30, 100)),
        (pd.Categorical(["x", "y"], ["z", "y", "x"]), ("x", "y")),
        (pd.array([1, 0, 1], dtype="Int64"), (0, 1)),
    ],
    ids=["text", "bool", "float", "int", "category", "Int64"],
)
def test_classes_are_the_sorted_values_of_the_target(values, classes):
    found = task_of(values).classes
    assert found == classes
    assert {type(label) for label in found} == {type(label) for label in classes}


def test_the_models_decide_what_a_target_of_zero_and_one_is():
    assert task_of([0, 1, 0]).kind == "binary"
    assert task_of([0, 1, 0], {"m": DummyRegressor()}) == REGRESSION
    assert task_of([False, True], {"m": DummyRegressor()}) == REGRESSION


def test_without_models_the_target_decides():
    assert task_of([0, 1, 2], {}) == REGRESSION
    assert task_of(["a", "b", "c"], {}).kind == "multiclass"
    assert task_of([False, True], {}).kind == "binary"


class GivesProbabilities:
    def predict_proba(self, X):
        return X


def test_classifiers_are_recognised_by_tag_or_by_what_they_give():
    assert predicts_classes(make_pipeline(StandardScaler(), LogisticRegression()))
    assert predicts_classes(SVC())
    assert predicts_classes(GivesProbabilities())
    assert not predicts_classes(DummyRegressor())


def test_a_dataset_with_classes_keeps_its_rows():
    data = make_dataset(
        {"x": range(4)}, pd.Series(["b", "a", "b", "c"], index=range(4), name="kind")
    )
    tasked = data.with_task(Task(("a", "b", "c")))
    assert tasked.target.tolist() == data.target.tolist()
    assert tasked.target.name == "kind"
    assert tasked.numbers.tolist() == [1.0, 0.0, 1.0, 2.0]
    assert tasked.take(np.array([3, 0])).numbers.tolist() == [2.0, 1.0]
    assert repr(tasked) == "<Dataset: target 'kind' of 3 classes, 4 rows, 1 features>"
    assert data.task == REGRESSION


REFUSED = {
    "dates": (pd.date_range("2020", periods=2), TypeError,
              "`y` must hold numbers, or labels that are all texts, all whole numbers or all truth values, got "
              "values of type Timestamp; convert them, for example with astype(str)."),
    "missing label": (["a", None], ValueError, "`y` has 1 missing value(s); drop those rows from all inputs."),
    "mixed labels": (pd.Series(["a", 1], dtype=object), TypeError,
                     "`y` must hold numbers, or labels that are all texts, all whole numbers or all truth values, "
                     "got values of type int, str; convert them, for example with astype(str)."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_labels_that_cannot_be_classes_are_refused(case):
    values, kind, message = REFUSED[case]
    with pytest.raises(kind) as caught:
        make_dataset({"x": [1, 2]}, values)
    assert str(caught.value) == message


def test_a_regressor_with_probabilities_is_a_regressor():
    class Distribution(Ridge):
        def predict_proba(self, X):
            return np.zeros((len(X), 7))

    class Untagged:
        _estimator_type = "regressor"

        def predict_proba(self, X):
            return np.zeros((len(X), 7))

    target = pd.Series([0.5, 1.5, 2.5], name="y")
    for model in (Distribution(), Untagged()):
        assert not predicts_classes(model)
        assert decide_task(target, {"M": model}).kind == "regression"
