"""Whatever people bring is taken as what it is, or told in a sentence."""

import re
from pathlib import Path

import pytest

from flexcv import CrossValidation
from flexcv.errors import FlexcvError
from flexcv.models import LinearMixedEffectsModel

from .inputs import TAKEN, TRIED

PAGE = Path(__file__).parents[2] / "docs" / "inputs.md"
SAME = 1109.61  # mean squared error of the table, however it comes
RICHER = {"Boolean", "categories", "several"}  # other features or effects


def performed(one):
    X, y, groups = one.arguments()
    cv = CrossValidation().set_data(X, y, groups).set_splits(n_splits_out=3)
    cv.add_model(LinearMixedEffectsModel).set_run(progress=False)
    return cv.perform().get_results()


@pytest.mark.filterwarnings("ignore::flexcv.errors.GroupsWarning")
@pytest.mark.filterwarnings("ignore::flexcv.errors.CheckWarning")
@pytest.mark.parametrize("one", TRIED, ids=lambda one: one.name)
def test_each_is_taken_for_what_it_is_or_told(one):
    if one.outcome != TAKEN:
        with pytest.raises((TypeError, ValueError, FlexcvError)) as caught:
            performed(one)
        assert one.outcome in str(caught.value)
        return
    found = performed(one).summary.loc[("mean", "mse")].iloc[0]
    if one.name.split()[0] not in RICHER:
        assert found == pytest.approx(SAME, abs=0.01)


def test_the_page_shows_the_list():
    rows = re.findall(r"^\| (.*) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    shown = [row for row in rows if row[0] not in ("what you have", "---")]
    assert shown == [
        (one.name, one.outcome if one.outcome == TAKEN else f"told: *{one.outcome}*")
        for one in TRIED
    ]
