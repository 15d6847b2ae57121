"""Every row of the table in docs/migrating.md does what it says."""

import importlib
import re
import warnings
from pathlib import Path

import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, Ridge

import flexcv
from flexcv import CrossValidation, CrossValMethod, RepeatedCV
from flexcv.errors import MigrationWarning
from flexcv.merf import MERF
from flexcv.model_files import specs_from_yaml
from flexcv.model_mapping import specs_from_mapping
from flexcv.models import LinearMixedEffectsModel, LinearModel
from flexcv.synthesizer import generate_regression

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([^`]+)`( in \w+| in a mapping)? \| (.+) \|$", re.MULTILINE)
ROWS = {name: today for name, _, today in ROW.findall(PAGE)}
NAMES = {name: today for name, today in ROWS.items() if re.fullmatch(r"[\w.]+", name)}
ARGUMENTS = {name: ROWS[name] for name in ROWS if name.endswith(")")}
KEYS = {name.strip('"'): today for name, today in ROWS.items() if name[0] == '"'}
TAGS = [name for name in ROWS if name[0] == "!"]
OF_24 = ROOT / "tests" / "reference" / "names_of_flexcv_24.txt"
VALUES = {
    "n_jobs_cv": -1,
    "n_jobs_model": 2,
    "requires_inner_cv": False,
}  # of keys; others are refused whatever they hold


@pytest.fixture(scope="module")
def objects():
    """What members are asked of: objects of classes, by the path they had."""
    X, y, _, _ = generate_regression(2, 40)
    cv = CrossValidation().set_data(X, y).set_splits(n_splits_out=2).add_model(Ridge)
    results = cv.perform().results
    return {
        "flexcv.interface.CrossValidation": cv,
        "flexcv.repeated.RepeatedCV": RepeatedCV(),
        "flexcv.results_handling.CrossValidationResults": results,
        "flexcv.models.LinearModel": LinearModel(),
        "flexcv.models.LinearMixedEffectsModel": LinearMixedEffectsModel(),
        "flexcv.merf.MERF": MERF(),
        "flexcv.split.CrossValMethod": CrossValMethod,
    }


def answer(name, objects):
    """Return what an old name gives, or the sentence that it raises."""
    owner, _, last = name.rpartition(".")
    try:
        return getattr(objects.get(owner) or importlib.import_module(owner), last), ""
    except (ImportError, AttributeError) as error:
        return None, str(error)


def first_code(today):
    return re.search(r"`([^`]+)`", today).group(1)


def test_every_public_name_of_version_24_has_a_row():
    lines = OF_24.read_text(encoding="utf-8").splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert [name for name in names if name not in ROWS] == []
    assert len(names) > 100


@pytest.mark.parametrize("name", NAMES)
def test_an_old_name_works_or_names_the_way_of_today(name, objects):
    found, said = answer(name, objects)
    code = first_code(NAMES[name])
    if said:
        assert said.startswith(f"`{name}` is of flexcv 24; ")
        assert said.endswith(".")
        assert f"`{code}`" in said
    else:
        assert name.rpartition(".")[2] == re.match(r"\w+", code).group()
        assert found is not None


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_old_argument_names_the_way_of_today(name, objects):
    path, _, argument = name.rstrip(")").partition("(")
    method, said = answer(path, objects)
    assert not said
    with pytest.raises(TypeError) as caught:
        method(**{argument: 1})
    assert f"has no argument '{argument}'; it is of flexcv 24: " in str(caught.value)
    assert f"`{first_code(ARGUMENTS[name])}`" in str(caught.value)


@pytest.mark.parametrize("key", VALUES)
def test_an_old_key_is_read(key, recwarn):
    warnings.simplefilter("always")
    [spec] = specs_from_mapping({"Lasso": {"model": Lasso, key: VALUES[key]}})
    assert spec.name == "Lasso"
    assert bool(len(recwarn)) == key.startswith("n_jobs")


@pytest.mark.parametrize("key", sorted(set(KEYS) - set(VALUES)))
def test_a_key_that_is_gone_names_the_way_of_today(key):
    with pytest.raises(ValueError) as caught:
        specs_from_mapping({"Lasso": {"model": Lasso, key: 1}})
    assert f"unknown key '{key}'; it is of flexcv 24: " in str(caught.value)
    assert f"`{first_code(KEYS[key])}`" in str(caught.value)


@pytest.mark.parametrize("tag", [*TAGS, "!Categorical"])
def test_a_tag_is_read(tag):
    bounds = (
        "{choices: [cyclic, random]}" if tag.startswith("!Cat") else "{low: 1, high: 9}"
    )
    name = "selection" if tag.startswith("!Cat") else "max_iter"
    text = f"A:\n  model: sklearn.linear_model.Lasso\n  params:\n    {name}: {tag} {bounds}"
    [spec] = specs_from_yaml(text)
    assert list(spec.search_space) == [name]


def test_threads_of_a_mapping_reach_the_estimator():
    mapping = {
        "A": {"model": RandomForestRegressor, "n_jobs_model": 2},
        "B": {
            "model": RandomForestRegressor,
            "n_jobs_model": 2,
            "model_kwargs": {"n_jobs": 3},
        },
    }
    assert [spec.estimator.n_jobs for spec in specs_from_mapping(mapping)] == [2, 3]
    assert mapping["A"] == {"model": RandomForestRegressor, "n_jobs_model": 2}


def test_threads_that_nobody_reads_are_told():
    with pytest.warns(MigrationWarning) as seen:
        specs_from_mapping({"A": {"model": Ridge, "n_jobs_model": 2, "n_jobs_cv": -1}})
    assert [str(warning.message) for warning in seen] == [
        "model 'A': `n_jobs_cv` of flexcv 24 is not read; `set_run(n_jobs=-1)` gives models and folds to workers.",
        "model 'A': `n_jobs_model` of flexcv 24 is not read; `model_kwargs={\"n_jobs\": 2}` gives an estimator its threads.",
    ]


def test_one_worker_and_one_thread_ask_for_nothing():
    for value in (1, False, None):
        config = {"model": Ridge, "n_jobs_model": value, "n_jobs_cv": value}
        assert len(specs_from_mapping({"A": config})) == 1


def test_repeats_are_three_unless_said():
    X, y, _, _ = generate_regression(2, 40)
    cv = RepeatedCV().set_data(X, y).set_splits(n_splits_out=2).add_model(Ridge)
    assert len(cv.plan.folds) == 6
    assert len(cv.set_n_repeats(2).plan.folds) == 4


def test_another_missing_name_is_an_attribute_error_as_ever():
    with pytest.raises(AttributeError, match="module 'flexcv' has no attribute 'x'"):
        flexcv.x  # noqa: B018
    with pytest.raises(AttributeError, match="object has no attribute 'perfrom'"):
        CrossValidation().perfrom  # noqa: B018


def test_what_a_property_raises_is_not_hidden(monkeypatch):
    def broken(self):
        raise AttributeError("broken inside")

    monkeypatch.setattr(CrossValidation, "plans", property(broken))
    with pytest.raises(AttributeError, match="broken inside"):
        CrossValidation().plans  # noqa: B018


def test_old_modules_lie_aside():
    assert not (ROOT / "flexcv" / "core.py").exists()
    assert importlib.import_module("flexcv.split").CrossValMethod is CrossValMethod
