"""The shipped tables are the tables they say they are."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flexcv import datasets

REFERENCE = Path(__file__).parents[1] / "reference" / "data"

# rows, {grouping column: levels}: the help pages of lme4 1.1-31 and nlme 3.1
SHAPES = {
    "sleepstudy": (180, {"Subject": 18}),
    "radon": (919, {"county": 85}),
    "penicillin": (144, {"plate": 24, "sample": 6}),
    "pastes": (60, {"batch": 10, "cask": 3, "sample": 30}),
    "orthodont": (108, {"Subject": 27}),
    "dyestuff": (30, {"Batch": 6}),
    "verbagg": (7584, {"id": 316, "item": 24}),
    "cbpp": (56, {"herd": 15}),
    "grouseticks": (403, {"INDEX": 403, "BROOD": 118, "LOCATION": 63}),
    "pbc": (1863, {"patient": 312}),  # pbcseq of survival 3.5
}
SOURCES = {
    "sleepstudy": "sleepstudy.csv",
    "penicillin": "Penicillin.csv",
    "pastes": "Pastes.csv",
    "orthodont": "Orthodont.csv",
    "dyestuff": "Dyestuff.csv",
    "verbagg": "VerbAgg.csv",
    "cbpp": "cbpp.csv",
    "grouseticks": "grouseticks.csv",
}


def load(name: str) -> pd.DataFrame:
    return getattr(datasets, f"load_{name}")()


def test_every_loader_is_listed_once() -> None:
    assert sorted(datasets.__all__) == sorted(f"load_{name}" for name in SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_rows_and_groups_are_complete(name: str) -> None:
    rows, levels = SHAPES[name]
    table = load(name)
    assert len(table) == rows
    assert {column: table[column].nunique() for column in levels} == levels
    assert table.notna().all(axis=None)


@pytest.mark.parametrize("name", SHAPES)
def test_grouping_columns_hold_strings(name: str) -> None:
    table = load(name)
    assert all(table[column].dtype == "str" for column in SHAPES[name][1])


@pytest.mark.parametrize("name", SOURCES)
def test_values_equal_the_reference_table(name: str) -> None:
    reference = pd.read_csv(REFERENCE / SOURCES[name])
    table = load(name)
    pd.testing.assert_frame_equal(
        table.astype(reference.dtypes), reference, check_exact=True
    )


def test_radon_keeps_the_target_of_its_source() -> None:
    source = pd.read_csv(REFERENCE / "radon_merf.csv")
    radon = datasets.load_radon()
    np.testing.assert_allclose(radon["log_radon"], source["log_radon"], rtol=1e-12)
    np.testing.assert_allclose(radon["log_uranium"], np.log(source["Uppm"]), rtol=1e-12)
    assert radon["floor"].tolist() == source["floor"].astype(int).tolist()
    assert radon["county"].tolist() == source["county"].str.strip().tolist()


def test_radon_uranium_belongs_to_the_county() -> None:
    assert datasets.load_radon().groupby("county")["log_uranium"].nunique().max() == 1


def test_answers_to_verbal_aggression_are_ordered() -> None:
    answers = datasets.load_verbagg()["resp"].cat
    assert answers.ordered
    assert answers.categories.tolist() == ["no", "perhaps", "yes"]


def test_levels_of_factors_keep_their_order() -> None:
    assert datasets.load_cbpp()["period"].cat.categories.tolist() == list("1234")
    years = datasets.load_grouseticks()["YEAR"].cat.categories
    assert years.tolist() == ["95", "96", "97"]


def test_the_shipped_files_are_small() -> None:
    folder = files("flexcv.datasets")
    sizes = [
        len(item.read_bytes())
        for item in folder.iterdir()
        if item.name.endswith((".csv", ".gz"))
    ]
    assert sum(sizes) < 200_000
