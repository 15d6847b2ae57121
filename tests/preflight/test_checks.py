from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from flexcv import CrossValidation
from flexcv.errors import CheckError, CheckWarning, GroupsWarning
from flexcv.preflight.checks import CHECKS
from tests.evaluation.test_unit import GroupMean


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": rng.normal(size=60),
            "y": rng.normal(size=60),
            "group": np.repeat(list("abcdefghij"), 6),
        }
    )


def chain(table, model=Ridge, split="KFold", **options):
    cv = CrossValidation().set_data(table, "y", "group")
    return cv.set_splits(split, n_splits_out=3, n_splits_in=2).add_model(
        model, **options
    )


def found(cv):
    frame = cv.check()
    return dict(zip(frame["name"], frame["level"], strict=True))


def test_groups_that_the_splitter_ignores_are_named_once(table):
    cv = chain(table, GroupMean)
    with pytest.warns(GroupsWarning) as caught:
        cv.perform()
    assert len(caught) == 1
    assert str(caught[0].message) == (
        "KFold puts rows of one 'group' into training and test: this run answers how "
        "well known groups are predicted; for new groups use "
        "split_out='GroupKFold'. (silence='groups-ignored' in set_run)"
    )
    assert caught[0].filename == __file__


def test_groups_kept_whole_for_an_ordinary_model_are_only_a_note(table):
    cv = chain(table, split="GroupKFold")
    assert found(cv) == {"groups-unused": "note"}
    cv.perform()  # any warning would be an error


def test_a_grouped_split_of_a_mixed_model_is_only_a_note(table):
    assert found(chain(table, GroupMean, "GroupKFold")) == {"groups-new": "note"}


def test_without_groups_there_is_nothing_to_say(table):
    cv = CrossValidation().set_data(table.drop(columns="group"), "y").add_model(Ridge)
    assert cv.check().empty


def test_a_group_blind_inner_split_is_named(table):
    space = {"alpha": FloatDistribution(0.1, 1)}
    cv = chain(table, split="GroupKFold", params=space)
    assert "inner-split-blind" not in found(cv)
    assert found(cv.set_splits(split_in=KFold(2)))["inner-split-blind"] == "warn"


def test_scaling_in_one_loop_only_is_named(table):
    cv = chain(table, params={"alpha": FloatDistribution(0.1, 1)})
    assert found(cv.set_splits(scale_in=False))["scaling-differs"] == "warn"


def test_a_feature_equal_to_the_target_stops_the_run(table):
    cv = chain(table.assign(leak=table["y"]))
    with pytest.raises(CheckError) as caught:
        cv.perform()
    assert str(caught.value) == (
        "the feature 'leak' equals the target; drop it from `X`. "
        "(silence='target-inside' in set_run)"
    )


def test_a_feature_that_is_the_target_rescaled_is_named(table):
    assert (
        found(chain(table.assign(leak=3 - 2 * table["y"])))["target-inside"] == "warn"
    )


def test_copies_of_a_row_in_training_and_test_are_named(table):
    doubled = pd.concat([table, table], ignore_index=True)
    assert found(chain(doubled))["identical-rows"] == "warn"
    assert "identical-rows" not in found(chain(doubled, split="GroupKFold"))


def test_features_constant_within_groups_are_noted(table):
    codes = pd.factorize(table["group"])[0]
    frame = chain(table.assign(level=codes)).check().set_index("name")
    message = frame.loc["constant-within-groups", "message"]
    assert message.startswith("constant within each 'group': 'level';")


def test_groups_of_single_rows_are_named(table):
    singles = table.assign(group=np.arange(60))
    assert found(chain(singles, GroupMean))["tiny-groups"] == "warn"


def test_folds_without_variation_are_named(table):
    flat = table.assign(y=[0.0] * 20 + list(table["y"][20:]))
    rows = np.arange(60)
    pairs = [(rows[20:], rows[:20]), (rows[:40], rows[40:])]
    assert found(chain(flat, split=pairs))["flat-folds"] == "warn"


def test_uneven_folds_are_noted(table):
    rows = np.arange(60)
    pairs = [(rows[10:], rows[:10]), (rows[:40], rows[40:])]
    assert found(chain(table, split=pairs))["uneven-folds"] == "note"


def test_a_check_is_silenced_by_its_name(table):
    cv = chain(table).set_run(silence="groups-ignored")
    assert found(cv) == {}
    cv.perform()  # any warning would be an error


def test_a_name_that_no_check_has_is_refused():
    with pytest.raises(ValueError) as caught:
        CrossValidation().set_run(silence=["group-ignored"])
    assert str(caught.value) == (
        "`silence`: no check is called 'group-ignored'; did you mean 'groups-ignored'?"
    )


def test_every_check_stands_in_the_guide():
    guide = Path(__file__).parents[2] / "guides" / "checks.md"
    text = guide.read_text(encoding="utf-8")
    assert [name for name in CHECKS if f"`{name}`" not in text] == []


def test_the_gravest_finding_comes_first(table):
    cv = chain(table.assign(leak=table["y"], level=pd.factorize(table["group"])[0]))
    levels = cv.check()["level"].tolist()
    assert levels == sorted(levels, key=["stop", "warn", "note"].index)


def test_other_findings_warn_with_their_own_category(table):
    cv = chain(pd.concat([table, table], ignore_index=True)).set_run(
        silence="groups-ignored"
    )
    with pytest.warns(CheckWarning, match="also stand in their training part"):
        cv.perform()


def test_a_mixed_model_without_groups_is_named(table):
    cv = (
        CrossValidation()
        .set_data(table.drop(columns="group"), "y")
        .add_model(GroupMean)
    )
    assert found(cv) == {"groups-missing": "warn"}


def test_a_further_grouping_column_that_is_not_kept_whole_is_noted(table):
    both = table.assign(item=np.tile(list("uvwxyz"), 10))
    cv = CrossValidation().set_data(both, "y", ["group", "item"])
    cv.set_splits("GroupKFold", n_splits_out=3).add_model(Ridge)
    message = cv.check().set_index("name").loc["other-groups", "message"]
    assert message.startswith("levels of 'item' stand in training and test")


def test_a_constant_feature_is_not_taken_for_the_target(table):
    assert "target-inside" not in found(chain(table.assign(flat=1.0)))


def test_how_often_the_other_groups_are_known_is_counted(table):
    crossed = table.assign(item=np.tile(np.arange(6), 10))
    crossed.loc[0, "item"] = 99  # one row of a level that stands nowhere else
    cv = CrossValidation().set_data(crossed, "y", ["group", "item"])
    cv = cv.set_splits("GroupKFold", n_splits_out=5).add_model(GroupMean)
    assert cv.check().set_index("name").loc["other-groups", "message"] == (
        "levels of 'item' stand in training and test: the split keeps only 'group' "
        "whole, so 'item' is known in 98 % of the test rows."
    )


def test_a_split_that_ignores_one_of_two_factors_says_the_question_of_both(table):
    crossed = table.assign(item=np.tile(np.arange(6), 10))
    cv = CrossValidation().set_data(crossed, "y", ["group", "item"]).add_model(Ridge)
    message = cv.check().set_index("name").loc["groups-ignored", "message"]
    assert message == (
        "KFold puts rows of one 'group' into training and test: this run answers how "
        "well rows of a known group and a known item are predicted; for new groups use "
        "split_out='GroupKFold'."
    )


def test_an_inner_split_is_blind_for_a_second_factor_that_the_outer_one_keeps(table):
    class ByItem:
        def split(self, X, y=None, groups=None):
            for item in range(3):
                yield (
                    np.flatnonzero(X["item"] != item),
                    np.flatnonzero(X["item"] == item),
                )

    crossed = table.assign(item=np.tile(np.arange(6), 10))
    cv = CrossValidation().set_data(crossed, "y", ["group", "item"])
    cv = cv.set_splits(ByItem(), n_splits_in=2)
    cv = cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 1.0)})
    message = cv.check().set_index("name").loc["inner-split-blind", "message"]
    assert message.startswith("the outer split keeps 'item' whole but KFold inside")


ODD = {
    "period": pd.period_range("2024-01", periods=60, freq="M"),
    "lasting": pd.to_timedelta(np.arange(60) % 7, "h"),
    "zoned": pd.date_range("2024-01-01", periods=60, tz="Europe/Berlin"),
    "mixed": pd.Series([1, "1", None] * 20, dtype=object),
    "flag": pd.array([True, False, None] * 20, dtype="boolean"),
    "whole": pd.array([1, 2, None] * 20, dtype="Int64"),
    "ordered": pd.Categorical(list("abc") * 20, ordered=True),
    "pairs": pd.Series([(k % 3, k % 2) for k in range(60)]),
    "none": [np.nan] * 60,
    "nothing": pd.Series([None] * 60, dtype=object),
    "flat": [1.0] * 60,
    "exact": [Decimal(k % 5) for k in range(60)],
    "text": pd.Series(["a", "b", None] * 20, dtype="string"),
}


@pytest.mark.parametrize("name", list(ODD))
@pytest.mark.parametrize("is_class", [True, False])
def test_whatever_a_column_holds_is_looked_at(name, is_class, table):
    odd = table.drop(columns="group").assign(odd=ODD[name])
    if is_class:
        odd["y"] = np.where(odd["y"] > 0, "yes", "no")
    model = DummyClassifier if is_class else Ridge
    for split in ("KFold", "TimeSeriesSplit"):
        cv = CrossValidation().set_data(odd, "y").set_splits(split).add_model(model)
        assert set(found(cv)) <= set(CHECKS)
