"""How alike the parts of each fold are."""

import numpy as np
import pandas as pd
import pytest

from flexcv.dataset import Task, make_dataset
from flexcv.evaluation.diagnostics import fold_diagnostics
from flexcv.resampling import SplitSettings, make_plan
from flexcv.resampling.registry import resolve_method


def plan_of(dataset, method="KFold"):
    settings = SplitSettings(resolve_method("split", method), n_splits_out=3)
    return make_plan(dataset, settings, 0, with_inner=False)


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=30)})
    return make_dataset(X, rng.normal(size=30), np.repeat(np.arange(6), 5))


def test_numbers_of_every_part_are_described(dataset):
    plan = plan_of(dataset)
    found = fold_diagnostics(plan, dataset)
    assert found["part"].tolist() == ["train", "test"] * 3
    for row, positions in zip(
        found.to_dict("records"),
        [rows for fold in plan for rows in (fold.train, fold.test)],
        strict=True,
    ):
        target = dataset.target.iloc[positions]
        assert row["n_rows"] == len(positions)
        assert row["target_mean"] == pytest.approx(target.mean())
        assert row["target_sd"] == pytest.approx(target.std())
        assert (row["target_min"], row["target_max"]) == (target.min(), target.max())


def test_groups_that_training_lacks_are_counted(dataset):
    apart = fold_diagnostics(plan_of(dataset, "GroupKFold"), dataset)
    test = apart[apart["part"].eq("test")]
    assert (test["n_new_groups"] == test["n_groups"]).all()
    train = apart[apart["part"].eq("train")]
    assert (train["n_new_groups"] == 0).all()
    mixed = fold_diagnostics(plan_of(dataset), dataset)
    assert mixed["n_new_groups"].sum() == 0


def test_classes_have_shares_and_tables_without_groups_no_columns_of_them():
    y = pd.Series(["a", "b", "b"] * 4, name="y")
    dataset = make_dataset(pd.DataFrame({"x": np.arange(12.0)}), y)
    dataset = dataset.with_task(Task(("a", "b")))
    found = fold_diagnostics(plan_of(dataset, "StratifiedKFold"), dataset)
    np.testing.assert_allclose(found["share_a"] + found["share_b"], 1.0)
    assert "n_groups" not in found
    assert "target_mean" not in found


def test_one_row_has_no_deviation():
    dataset = make_dataset(pd.DataFrame({"x": [1.0, 2.0, 3.0]}), [1.0, 2.0, 4.0])
    found = fold_diagnostics(plan_of(dataset), dataset)
    assert found.loc[found["part"].eq("test"), "target_sd"].isna().all()
