"""No two names share a key, and every key has its name back."""

import posixpath
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flexcv.tracking import name_of
from flexcv.tracking.keys import PANELS, PATHS, PLAIN, PROJECTS, key_of

SIGNS = st.text(st.sampled_from("_0x28A5F/.( *%s\\:#step\n"), max_size=12)
NAMES = st.text(max_size=12) | SIGNS
KINDS = st.sampled_from([PLAIN, PATHS, PANELS, PROJECTS])


@given(NAMES, KINDS)
@example("_0x28_", PLAIN)
@example("_0x28(", PLAIN)
@example("(0x41_", PLAIN)
@example("__0x", PLAIN)
def test_a_key_gives_its_name_back(name, kind):
    assert name_of(key_of(name, kind, 10_000)) == name


@given(NAMES, NAMES, KINDS)
def test_two_names_never_share_a_key(one, other, kind):
    assert (key_of(one, kind) == key_of(other, kind)) == (one == other)


@given(NAMES)
def test_mlflow_takes_every_key(name):
    key = key_of(name)
    assert re.fullmatch(r"[/\w.\- ]+", key)
    assert posixpath.normpath(key) == key
    assert not key.startswith((".", "/")) or key.strip("./")[:1] not in {"", "/"}


@given(NAMES)
def test_a_file_stays_below_its_folder(name):
    parts = key_of(name, PATHS).split("/")
    assert not {"", ".", ".."} & set(parts)


@given(NAMES)
def test_wandb_takes_every_project_and_no_key_is_the_axis_or_several(name):
    assert not set("/\\#?%:") & set(key_of(name, PROJECTS))
    assert key_of(name, PANELS) != "step"
    assert "*" not in key_of(name, PANELS)


def test_ordinary_names_stay_as_they_are():
    for name in (
        "mean/test/mse",
        "search/ridge__alpha",
        "flexcv.kind",
        "é",
        "a b",
        "x_1",
    ):
        for kind in (PLAIN, PATHS, PANELS):
            assert key_of(name, kind) == name


@pytest.mark.parametrize("longest", [128, 250])
def test_a_key_that_would_be_too_long_ends_in_a_checksum(longest):
    one, other = ("a" * 300 + end for end in "xy")
    assert len(key_of(one, PLAIN, longest)) == longest
    assert key_of(one, PLAIN, longest) != key_of(other, PLAIN, longest)
