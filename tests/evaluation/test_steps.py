"""What stands inside a fitted pipeline."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from flexcv.evaluation.steps import flat_steps, inner_table

TABLE = pd.DataFrame({"x": [1.0, 2.0, 4.0, 5.0], "z": [1.0, 0.0, 1.0, 1.0]})
TARGET = [1.0, 2.0, 4.0, 5.0]


def test_steps_of_pipelines_inside_pipelines_stand_in_a_row():
    inner = make_pipeline(StandardScaler(), "passthrough", Ridge())
    steps = flat_steps(make_pipeline(SelectKBest(k=1), inner))
    assert [type(step).__name__ for step in steps] == [
        "SelectKBest",
        "StandardScaler",
        "Ridge",
    ]


def test_an_estimator_alone_reads_the_table_itself():
    pd.testing.assert_frame_equal(inner_table(Ridge(), TABLE), TABLE)


def test_chosen_columns_keep_their_names():
    model = make_pipeline(SelectKBest(f_regression, k=1), Ridge()).fit(TABLE, TARGET)
    inside = inner_table(model, TABLE)
    assert list(inside) == ["x"]
    assert inside["x"].tolist() == TABLE["x"].tolist()


def test_scaled_columns_keep_their_names():
    model = make_pipeline(StandardScaler(), Ridge()).fit(TABLE, TARGET)
    inside = inner_table(model, TABLE)
    assert list(inside) == ["x", "z"]
    np.testing.assert_allclose(inside.mean(), 0.0, atol=1e-12)


def test_sparse_indicators_are_a_dense_table():
    encoder = make_column_transformer((OneHotEncoder(), ["z"]), remainder="drop")
    model = make_pipeline(encoder, Ridge()).fit(TABLE, TARGET)
    inside = inner_table(model, TABLE.head(2))
    assert inside.to_numpy().tolist() == [[0.0, 1.0], [1.0, 0.0]]
