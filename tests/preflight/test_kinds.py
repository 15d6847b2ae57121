"""What columns hold, and what their names say."""

import numpy as np
import pandas as pd
import pytest

from flexcv.preflight.kinds import (
    DATE,
    LABEL,
    NUMBER,
    WHOLE,
    date_places,
    is_identifier,
    is_time,
    is_unit,
    kind_of,
)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], WHOLE),
        (pd.array([1, None], dtype="Int64"), WHOLE),
        ([1.0, 2.0], NUMBER),
        ([True, False], NUMBER),
        (["a", "b"], LABEL),
        (pd.Categorical(["a", "b"]), LABEL),
        (np.array([1, "1"], dtype=object), LABEL),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), DATE),
        (["2024-01-01 10:00", "2024-01-02 11:30"], DATE),
        (["1.2.2024", "13.2.2024"], DATE),
        (["2024-01-01", "later"], LABEL),
        (["1.5", "2.5"], LABEL),
    ],
)
def test_columns_are_what_they_hold(values, kind):
    assert kind_of(pd.Series(values)) == kind


@pytest.mark.parametrize("name", ["id", "ID", "sample_id", "row", "CaseNo", "key"])
def test_names_of_identifiers(name):
    assert is_identifier(name)


@pytest.mark.parametrize("name", ["humid", "idea", "x", 0, "casino", "monkey"])
def test_names_of_measures_are_no_identifiers(name):
    assert not is_identifier(name)


def test_names_of_units_and_times():
    assert all(map(is_unit, ["Subject", "school_id", "study_patient", "plots"]))
    assert not any(map(is_unit, ["subjective", "classic", "dose"]))
    assert all(map(is_time, ["day", "Year", "time_s", "visit_date"]))
    assert not any(map(is_time, ["dayton", "estimate", "x"]))


DAYS = pd.to_datetime(["2024-02-01", "2024-01-13", "2024-11-02", "2024-01-13"])


@pytest.mark.parametrize(
    "column",
    [
        DAYS,
        DAYS.tz_localize("UTC"),
        DAYS.date,
        DAYS.to_period("D"),
        DAYS - DAYS[0],
        DAYS.strftime("%Y-%m-%d"),
        DAYS.strftime("%d.%m.%Y"),
        DAYS.strftime("%Y-%m-%d %H:%M"),
        DAYS.strftime("%d.%m.%Y").astype("category"),
        pd.Categorical(DAYS),
    ],
)
def test_dates_have_an_order_however_they_are_held(column):
    column = pd.Series(column)
    assert kind_of(column) == DATE
    assert date_places(column).tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize(
    "column", [DAYS.strftime("%d/%m/%Y"), [None, *DAYS[1:]], ["2024-01-01", None]]
)
def test_dates_that_are_missing_or_read_in_two_ways_have_none(column):
    assert date_places(pd.Series(column)) is None
