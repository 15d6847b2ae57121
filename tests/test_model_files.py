import re
import traceback

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from flexcv import _yaml
from flexcv.model_files import read_models, specs_from_yaml
from flexcv.model_postprocessing import LinearModelPostProcessor

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


TWICE = {
    "a model": ("Ridge: {}\nLasso: {}\nRidge: {}", "Ridge", 1, 3),
    "in quotes": ("A: {}\n'A': {}", "A", 1, 2),
    "a number": ("1: {}\n'1': {}", "1", 1, 2),
    "a number in two spellings": ("1: {}\n0x1: {}", "0x1", 1, 2),
    "a key": ("A:\n  model: x.Y\n  n_trials: 1\n  model: x.Z", "model", 2, 4),
    "a parameter": ("A:\n  params:\n    a: !Int [1, 2]\n    a: !Int [1, 3]", "a", 3, 4),
    "inside a tag": ("A:\n  params:\n    a: !Int {low: 1,\n      low: 2}", "low", 3, 4),
    "inside a list": ("A:\n  x:\n  - {b: 1,\n     b: 2}", "b", 3, 4),
    "a merge": ("b: &b {x: 1}\nA:\n  <<: *b\n  <<: *b", "<<", 3, 4),
    "inside a merged part": ("b: &b {x: 1,\n  x: 2}\nA: {<<: *b}", "x", 1, 2),
    "no value": ("A:\nB:\nA:", "A", 1, 3),
    "a name without a value that equals itself": (".nan: 1\n.nan: 2", ".nan", 1, 2),
}  # fmt: skip


@pytest.mark.parametrize("case", TWICE, ids=str)
def test_a_name_given_twice_is_refused_with_both_lines(case):
    text, name, first, second = TWICE[case]
    with pytest.raises(ValueError) as caught:
        specs_from_yaml(text)
    assert str(caught.value) == (
        f"`yaml_string`: the name {name!r} is given twice, on line {first} and on line "
        f"{second}; keep one of them."
    )


def test_a_merged_part_may_be_overridden():
    specs = specs_from_yaml(
        "A: &a {model: sklearn.linear_model.Ridge, n_trials: 3}\n"
        "B: {<<: *a, n_trials: 4}"
    )
    assert [spec.n_trials for spec in specs] == [3, 4]


def bomb(merges=False):
    lines = ["a0: &a0 {x: 1, y: 2}" if merges else "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
    for i in range(1, 30):
        inside = ", ".join([f"*a{i - 1}"] * 8)
        line = f"{{<<: [{inside}]}}" if merges else f"[{inside}]"
        lines.append(f"a{i}: &a{i} {line}")
    return "\n".join(lines)


GROWS = {
    "aliases of aliases": (bomb(), "line 5: it would become more than 10,000 values, with each alias written out; make it shorter."),
    "merges of merges": (bomb(merges=True), "line 5: it would become more than 10,000 values, with each alias written out; make it shorter."),
    "a long list": ("A: [" + "1, " * 20_000 + "1]", "line 1: it would become more than 10,000 values, with each alias written out; make it shorter."),
    "lists in lists": ("A: " + "[" * 5000 + "]" * 5000, "line 1: mappings and lists lie more than 50 deep inside each other; write it flatter."),
    "mappings in mappings": ("A: " + "{a: " * 5000 + "1" + "}" * 5000, "line 1: mappings and lists lie more than 50 deep inside each other; write it flatter."),
    "lists that do not end": ("A: " + "[" * 100_000, "line 1: mappings and lists lie more than 50 deep inside each other; write it flatter."),
    "an alias of itself": ("A: &a {b: *a}", "line 1: the alias *a stands inside what it stands for; write that part out."),
}  # fmt: skip


@pytest.mark.parametrize("case", GROWS, ids=str)
def test_what_grows_or_goes_deep_is_refused_before_it_is_built(case, monkeypatch):
    monkeypatch.setattr(_yaml._Loader, "construct_document", None)
    text, message = GROWS[case]
    with pytest.raises(ValueError) as caught:
        specs_from_yaml(text)
    assert str(caught.value) == f"`yaml_string`, {message}"


def test_a_number_with_many_digits_costs_little_time():
    specs_from_yaml(
        "A: {model: sklearn.linear_model.Ridge, model_kwargs: {alpha: '"
        + "1" * 200_000
        + "'}}"
    )
    specs_from_yaml(
        "A: {model: sklearn.linear_model.Ridge, model_kwargs: {alpha: "
        + "1" * 200_000
        + "e}}"
    )


LONG = "x" * 5000
REPEATS = {
    "a name given twice": f"{LONG}: 1\n{LONG}: 2",
    "the name of a model": f"{LONG}: {{model: sklearn.linear_model.Ridge}}",
    "a key": f"A: {{{LONG}: 1}}",
    "a path": f"A: {{model: {LONG}.{LONG}}}",
    "a path with blanks": f"A: {{model: 'a {LONG}'}}",
    "a module": f"A: {{model: sklearn.{'x' * 150}.Ridge}}",
    "a post-processor": f"A: {{model: sklearn.linear_model.Ridge, post_processor: {LONG}}}",
    "a number of trials": f"A: {{model: sklearn.linear_model.Ridge, n_trials: {LONG}}}",
    "a list of trials": f"A: {{model: sklearn.linear_model.Ridge, n_trials: [{LONG}, {LONG}]}}",
    "a switch": f"A: {{model: sklearn.linear_model.Ridge, add_merf: {LONG}}}",
    "a parameter": f"A: {{model: sklearn.linear_model.Ridge, params: {{alpha: {LONG}}}}}",
    "a parameter's name": f"A: {{model: sklearn.linear_model.Ridge, params: {{{LONG}: !Int [1, 2]}}}}",
    "a bound": f"A: {{params: {{a: !Float [{LONG}, 2]}}}}",
    "bounds": f"A: {{params: {{a: !Float {{{LONG}: 2}}}}}}",
    "a tag": f"A: !{LONG} 1",
    "an alias": f"A: *{LONG}",
    "a sign": f"A: '{LONG}",
    "a list": f"[{LONG}]",
    "a configuration": f"A: {LONG}",
}  # fmt: skip


@pytest.mark.parametrize("case", REPEATS, ids=str)
def test_no_message_repeats_much_of_a_file(case):
    with pytest.raises((ValueError, TypeError)) as caught:
        specs_from_yaml(REPEATS[case])
    shown = "".join(traceback.format_exception(caught.value))
    assert max(map(len, re.findall("x+", shown))) <= 200
    assert str(caught.value).count("x") <= 200 + 20


def test_the_name_of_the_file_may_be_any():
    with pytest.raises(ValueError, match="is not valid YAML, line 1: "):
        specs_from_yaml("A: [", source="f" * 500)


KINDS = {
    "a function": ("model: os.system", "`model` must name the class of an estimator, with fit, get_params and set_params, but 'os.system' is a builtin_function_or_method; name a class such as sklearn.linear_model.Ridge."),
    "another class": ("model: subprocess.Popen", "`model` must name the class of an estimator, with fit, get_params and set_params, but 'subprocess.Popen' is another class; name a class such as sklearn.linear_model.Ridge."),
    "a function for a class": ("model: sklearn.pipeline.make_pipeline", "`model` must name the class of an estimator, with fit, get_params and set_params, but 'sklearn.pipeline.make_pipeline' is a function; name a class such as sklearn.linear_model.Ridge."),
    "a function as post-processor": ("model: sklearn.linear_model.Ridge\n  post_processor: os.system", "`post_processor` must name a class that extends flexcv.model_postprocessing.ModelPostProcessor, but 'os.system' is a builtin_function_or_method; name one of that module, or your own."),
    "a class that is no post-processor": ("model: sklearn.linear_model.Ridge\n  post_processor: [subprocess.Popen]", "`post_processor` must name a class that extends flexcv.model_postprocessing.ModelPostProcessor, but 'subprocess.Popen' is another class; name one of that module, or your own."),
    "an abstract post-processor": ("model: sklearn.linear_model.Ridge\n  post_processor: flexcv.model_postprocessing.ModelPostProcessor", "`post_processor` must name a class that extends flexcv.model_postprocessing.ModelPostProcessor, but 'flexcv.model_postprocessing.ModelPostProcessor' is another class; name one of that module, or your own."),
}  # fmt: skip


@pytest.mark.parametrize("case", KINDS, ids=str)
def test_a_path_must_name_a_class_of_the_kind_that_is_needed(case):
    text, message = KINDS[case]
    with pytest.raises(TypeError) as caught:
        specs_from_yaml(f"A:\n  {text}")
    assert str(caught.value) == f"model 'A': {message}"


def test_post_processors_are_read():
    (spec,) = specs_from_yaml(
        "A:\n  model: sklearn.linear_model.Ridge\n"
        "  post_processor: flexcv.model_postprocessing.LinearModelPostProcessor"
    )
    assert isinstance(spec.post_processors[0], LinearModelPostProcessor)


def test_a_bad_range_is_named_with_its_line():
    text = (
        "A:\n  model: sklearn.linear_model.Ridge\n  params:\n    alpha: !Float [2, 1]"
    )
    with pytest.raises(ValueError, match="line 4: !Float"):
        specs_from_yaml(text)
