import numpy as np
import pytest

from flexcv.dataset import REGRESSION, Task
from flexcv.evaluation.answers import answer

TASK = Task(("a", "b", "c"))


class Says:
    """A model that answers what it is told."""

    def __init__(self, labels, table=None, classes=("a", "b", "c")):
        self.labels, self.table, self.classes_ = labels, table, np.array(classes)

    def predict(self, X):
        return np.asarray(self.labels)

    @property
    def predict_proba(self):
        if self.table is None:
            raise AttributeError("predict_proba")
        return lambda X: np.asarray(self.table)


def asked(model, n_rows=2, task=TASK):
    return answer(model, None, np.arange(n_rows), task, "Model")


def test_columns_stand_in_the_order_of_all_classes_with_zero_for_the_absent():
    found = asked(Says(["c", "a"], [[0.7, 0.3], [0.2, 0.8]], ("c", "a")))
    np.testing.assert_array_equal(
        found.probabilities, [[0.3, 0.0, 0.7], [0.8, 0.0, 0.2]]
    )
    assert TASK.as_known(found.predicted).tolist() == ["c", "a"]
    assert found.predicted.tolist() == [2, 0]


def test_a_model_without_probabilities_gives_labels_only():
    assert asked(Says(["b", "b"])).probabilities is None


def test_numbers_are_handed_on():
    found = asked(Says([[1.5], [2.5]]), task=REGRESSION)
    assert (found.predicted.tolist(), found.probabilities) == ([1.5, 2.5], None)


REFUSED = {
    "stranger": (Says(["a", "z"]), "Model predicted the class 'z', which the target does not have; it has 'a', 'b', 'c'."),
    "two a row": (Says([["a", "b"], ["a", "b"]]), "Model must predict one class per row, here 2, but gave an array of shape (2, 2)."),
    "too few columns": (Says(["a", "b"], [[0.5, 0.5], [0.5, 0.5]]), "Model must give a probability for each of its 3 classes, but gave an array of shape (2, 2)."),
    "no number": (Says(["a", "b"], [[np.nan] * 3] * 2), "Model gave a probability that is not a finite number; check the features and the model's settings."),
    "class of another table": (Says(["a", "b"], [[0.5, 0.5, 0.0]] * 2, ("a", "b", "q")), "Model predicted the class 'q', which the target does not have; it has 'a', 'b', 'c'."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_an_odd_answer_is_refused_in_one_sentence(case):
    model, message = REFUSED[case]
    with pytest.raises(ValueError) as caught:
        asked(model)
    assert str(caught.value) == message
