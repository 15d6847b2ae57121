import numpy as np
import pandas as pd
import pytest

from flexcv.metrics.curves import calibration_table, confusion_table, roc_table
from flexcv.plots import plot_calibration, plot_confusion, plot_roc

RNG = np.random.default_rng(0)
THREE = ("a", "b", "c")
TRUTH = np.asarray(THREE, dtype=object)[RNG.integers(3, size=60)]
TABLE = RNG.dirichlet(np.ones(3), 60)


def of_two_models(table):
    return pd.concat([table.assign(model="Logit"), table.assign(model="Forest")])


@pytest.mark.parametrize(
    ("plot", "compute"), [(plot_roc, roc_table), (plot_calibration, calibration_table)]
)
def test_each_class_has_a_line_and_a_name(plot, compute):
    ax = plot(compute(TRUTH, TABLE, THREE))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]
    assert ax.get_aspect() == 1.0


@pytest.mark.parametrize(
    ("plot", "compute"), [(plot_roc, roc_table), (plot_calibration, calibration_table)]
)
def test_each_model_has_a_line_and_of_two_classes_the_axis_names_the_class(
    plot, compute
):
    table = compute(np.where(TRUTH == "a", "no", "yes"), TABLE[:, :2], ("no", "yes"))
    ax = plot(of_two_models(table))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "Logit",
        "Forest",
    ]
    assert "'yes'" in ax.get_xlabel() + ax.get_ylabel()
    assert plot(table).get_legend() is None


def test_models_and_classes_are_named_together():
    ax = plot_roc(of_two_models(roc_table(TRUTH, TABLE, THREE)))
    assert ax.get_legend().get_texts()[0].get_text() == "Logit, a"


def test_cells_of_the_confusion_hold_the_counts_of_one_model():
    one, other = (
        confusion_table(TRUTH, guess, THREE)
        for guess in (TRUTH, RNG.permutation(TRUTH))
    )
    both = pd.concat([one.assign(model="Logit"), other.assign(model="Forest")])
    ax = plot_confusion(both, "Forest")
    assert [int(text.get_text()) for text in ax.texts] == other["n_rows"].tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]


def test_a_frame_without_its_columns_is_refused():
    with pytest.raises(ValueError) as caught:
        plot_roc(pd.DataFrame({"class": ["a"]}))
    assert str(caught.value) == (
        "`curves` must have the column 'false_positive_rate', got 'class'; pass the tidy frame."
    )
