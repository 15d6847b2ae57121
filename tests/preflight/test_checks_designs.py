"""All that the guide says of 47 designs."""

import re
from pathlib import Path

import pytest

from .designs import DESIGNS

GUIDE = Path(__file__).parents[2] / "guides" / "checks.md"
WRONG = [design for design in DESIGNS if design.told]
WELL = [design for design in DESIGNS if not design.told]
SEED = 0


def test_there_are_34_designs_with_something_wrong_and_13_without():
    assert (len(WRONG), len(WELL)) == (34, 13)
    assert len({design.name for design in DESIGNS}) == 47


@pytest.mark.parametrize("design", WRONG, ids=lambda design: design.name)
def test_what_is_wrong_is_told(design):
    assert design.is_told(SEED)


@pytest.mark.parametrize("design", WELL, ids=lambda design: design.name)
def test_where_all_is_well_nothing_is_blamed(design):
    assert design.alarms(SEED) == []


def test_the_guide_lists_the_designs_with_what_is_told():
    rows = re.findall(
        r"^\| ([^|]+) \| (?:`([\w-]+)`|nothing) \|$", GUIDE.read_text(), re.M
    )
    assert [(name, told or None) for name, told in rows] == [
        (design.name, design.told) for design in DESIGNS
    ]
