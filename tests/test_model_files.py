import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from flexcv.model_files import read_models, specs_from_yaml

FOREST = """
Forest:
  model: sklearn.ensemble.RandomForestRegressor
  n_trials: 7
  add_merf: true
  model_kwargs: {n_jobs: 1, min_impurity_decrease: 1e-4}
  params:
    max_depth: !Int {low: 2, high: 20}
    max_features: !Float [0.1, 1.0]
    criterion: !Cat [squared_error, friedman_mse]
Line:
  model: sklearn.linear_model.LinearRegression
"""


def test_models_distributions_and_settings_are_read():
    forest, line = specs_from_yaml(FOREST)
    assert forest.search_space == {
        "max_depth": IntDistribution(2, 20),
        "max_features": FloatDistribution(0.1, 1.0),
        "criterion": CategoricalDistribution(["squared_error", "friedman_mse"]),
    }
    assert (forest.n_trials, forest.add_merf) == (7, True)
    assert line.name == "Line"


def test_a_number_like_1e_4_is_a_number():
    assert specs_from_yaml(FOREST)[0].estimator.min_impurity_decrease == 1e-4


def test_a_file_gives_the_same_as_its_text(tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text(FOREST)
    assert [spec.name for spec in read_models(path)] == ["Forest", "Line"]


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!Exec 'import os'",
    ],
)
def test_nothing_in_the_file_is_executed(tag):
    with pytest.raises(ValueError, match="could not determine a constructor"):
        specs_from_yaml(f"A:\n  model: {tag}\n")


REFUSED = {
    "a list": ("- 1", "`yaml_string` must hold a mapping of model names to settings, got list; see flexcv.model_files."),
    "no such class": ("A: {model: sklearn.linear_model.Rigde}", "model 'A': 'sklearn.linear_model.Rigde' cannot be imported: module 'sklearn.linear_model' has no attribute 'Rigde'."),
    "no path": ("A: {model: Ridge}", "model 'A': expected a dotted path such as 'sklearn.linear_model.Ridge', got 'Ridge'."),
    "unknown key": ("A: {model: sklearn.linear_model.Ridge, n_trial: 5}", "model 'A': unknown key 'n_trial'; did you mean 'n_trials'?"),
    "bare scalar": ("A:\n  params: !Int 3", "line 2: !Int needs a list such as [1, 10] or a mapping {low: 1, high: 10}"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_unusable_files_are_refused_in_one_sentence(case):
    text, message = REFUSED[case]
    with pytest.raises(ValueError) as caught:
        specs_from_yaml(text)
    assert str(caught.value) == message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"`yaml_path` .*none.yaml' cannot be read"
    ):
        read_models(tmp_path / "none.yaml")


def test_a_bad_range_is_named_with_its_line():
    text = (
        "A:\n  model: sklearn.linear_model.Ridge\n  params:\n    alpha: !Float [2, 1]"
    )
    with pytest.raises(ValueError, match="line 4: !Float"):
        specs_from_yaml(text)
