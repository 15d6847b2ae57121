"""What a reader wants to know about a table."""

import pandas as pd

from flexcv.dataset import Task, make_dataset
from flexcv.results.facts import data_facts


def test_numbers_and_groups_are_described():
    groups = pd.Series(["a", "a", "a", "b"], name="g")
    dataset = make_dataset(
        pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}), [1.0, 3.0, 5.0, 7.0], groups
    )
    facts = data_facts(dataset)
    assert (facts["n_rows"], facts["groups"], facts["n_groups"]) == (4, ["g"], 2)
    sizes = [facts[f"{which}_group"] for which in ("smallest", "median", "largest")]
    assert sizes == [1, 2.0, 3]
    assert (facts["target_min"], facts["target_mean"], facts["target_max"]) == (1, 4, 7)
    assert facts["target_std"] == dataset.target.std()


def test_levels_of_groups_without_rows_are_no_groups():
    groups = pd.Series(pd.Categorical(["a", "a", "b"], categories=["a", "b", "c"]))
    facts = data_facts(make_dataset({"x": [1.0, 2.0, 3.0]}, [1.0, 2.0, 3.0], groups))
    assert (facts["n_groups"], facts["smallest_group"]) == (2, 1)


def test_classes_are_counted_and_tables_without_groups_have_no_sizes():
    dataset = make_dataset({"x": [1.0, 2.0, 3.0]}, pd.Series(["u", "v", "u"], name="y"))
    facts = data_facts(dataset.with_task(Task(("u", "v"))))
    assert facts["classes"] == {"u": 2, "v": 1}
    assert "n_groups" not in facts
    assert "target_mean" not in facts
