import pandas as pd
import pytest

from flexcv.final.agreement import agreement_of, agreement_said

CASES = {
    "all agree": ({"p": 4}, [{"p": 4}] * 3, "p is 4, as in all 3 folds"),
    "within": ({"p": 5}, [{"p": 4}, {"p": 6}, {"p": 4}], "p is 5; 3 folds chose 4 to 6, most often 4 (2 of 3)"),
    "all differ": ({"p": 0.5}, [{"p": 0.25}, {"p": 1.0}], "p is 0.5; 2 folds chose 0.25 to 1"),
    "outside": ({"p": 9}, [{"p": 4}, {"p": 6}], "p is 9, outside of what 2 folds chose: 4 to 6"),
    "labels": ({"p": "gini"}, [{"p": "gini"}, {"p": "entropy"}], "p is 'gini'; most often it was 'gini' (1 of 2 folds)"),
    "all but here": ({"p": 1}, [{"p": 2}, {"p": 2}], "p is 1, outside of what 2 folds chose: 2 to 2, most often 2 (2 of 2)"),
    "failed": ({"p": 1}, [], "p is 1; no fold chose it"),
    "truth values": ({"p": True}, [{"p": True}, {"p": True}], "p is True, as in all 2 folds"),
}  # fmt: skip


@pytest.mark.parametrize(("final", "folds", "said"), CASES.values(), ids=CASES)
def test_how_far_folds_agreed_is_said_in_a_sentence(final, folds, said):
    assert agreement_said(agreement_of(final, folds)) == [said]


def test_a_fold_that_failed_is_not_counted():
    table = agreement_of({"p": 1}, [{"p": 1}, {}, {"p": 3}])
    assert table["n_folds"].tolist() == [2]


def test_a_model_without_choices_has_an_empty_table():
    assert agreement_of({}, [{}, {}]).empty
    assert isinstance(agreement_of({}, []), pd.DataFrame)
