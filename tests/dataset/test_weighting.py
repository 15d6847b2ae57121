import numpy as np
import pandas as pd
import pytest

from flexcv.dataset import make_dataset

X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "w": [1.0, 0.0, 2.0]})
Y = [0.1, 0.2, 0.3]
ROWS = np.array([2, 0])


@pytest.mark.parametrize(
    "given",
    [
        "w",
        ["w"],
        [1.0, 0.0, 2.0],
        np.array([[1.0], [0.0], [2.0]]),
        pd.DataFrame({"v": [1, 0, 2]}),
        pd.Series([1, 0, 2]),
    ],
)
def test_weights_are_given_as_a_target_is(given):
    data = make_dataset(X, Y, weights=given)
    assert data.weights_for("fit", ROWS).tolist() == [2.0, 1.0]
    names_a_column = isinstance(given, str | list) and "w" in given
    assert ("w" in data.features.columns) is not names_a_column


def test_weights_stay_with_their_rows():
    data = make_dataset(X, Y, weights="w", weights_in="scores").take(ROWS)
    assert data.weights_for("scores", np.arange(2)).tolist() == [2.0, 1.0]
    assert data.weights_for("fit", np.arange(2)) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            pd.Series([1.0, 1.0, 1.0], index=[2, 1, 0]),
            "`weights` and `X` have different indexes, so their rows may not belong "
            "together; sort them alike, then call reset_index(drop=True) on both.",
        ),
        (
            [1.0, 2.0],
            "`weights` has 2 rows but `X` has 3; pass one value per row of `X`.",
        ),
        (
            [1.0, -1.0, 2.0],
            "`weights` must be finite numbers of zero or more, got 1 negative value(s); "
            "correct them, or drop those rows from all inputs.",
        ),
        (
            [1.0, np.nan, np.inf],
            "`weights` must be finite numbers of zero or more, got 2 missing or infinite "
            "value(s); correct them, or drop those rows from all inputs.",
        ),
        (
            [0.0, 0.0, 0.0],
            "`weights` are zero in every row, so no row counts; leave `weights` out.",
        ),
        ("v", "`weights` names 'v', which is no column of `X`; add it to `X` or correct it."),
        (
            pd.DataFrame({"v": [1, 0, 2], "w": [1, 0, 2]}),
            "`weights` must be one column, got a DataFrame with 2; pass the column that "
            "holds them.",
        ),
    ],
)  # fmt: skip
def test_weights_that_cannot_be_used_are_told(given, message):
    with pytest.raises(ValueError) as told:
        make_dataset(X, Y, weights=given)
    assert str(told.value) == message


def test_texts_are_no_weights():
    with pytest.raises(TypeError) as told:
        make_dataset(X, Y, weights=["a", "b", "c"])
    assert str(told.value) == (
        "`weights` must hold one number per row of `X`, got 'a'; convert them, for "
        "example with astype(float)."
    )


@pytest.mark.parametrize(
    ("reach", "message"),
    [
        ("score", "`weights_in` has no 'score'; did you mean 'scores'?"),
        (
            (),
            "`weights_in` names nothing that weights reach; leave `weights` out, or name "
            "some of fit, objective, scores.",
        ),
    ],
)
def test_a_use_that_weights_do_not_have_is_told(reach, message):
    with pytest.raises(ValueError) as told:
        make_dataset(X, Y, weights="w", weights_in=reach)
    assert str(told.value) == message
