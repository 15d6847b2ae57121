"""What CONTRIBUTING.md promises: a quick choice, lowest versions, a list of benchmarks."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(
    path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem[0] != "_"
)


def loaded(path):
    spec = importlib.util.spec_from_file_location(f"habits_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cheapest_of_every_file():
    return loaded(ROOT / "conftest.py").cheapest_of_every_file


@pytest.fixture(scope="module")
def lowest():
    return loaded(ROOT / ".ci" / "lowest.py").lowest


def test_the_cheapest_test_of_every_file_comes_first(cheapest_of_every_file):
    costs = {"a::slow": 3.0, "a::fast": 1.0, "a::faster": 0.5, "b::only": 2.0}
    assert cheapest_of_every_file(costs, 2.5) == {"a::faster", "b::only"}


def test_a_test_that_does_not_fit_makes_room_for_a_cheaper_one(cheapest_of_every_file):
    costs = {"a::one": 1.0, "a::two": 5.0, "b::one": 1.0, "b::two": 1.5}
    assert cheapest_of_every_file(costs, 4.0) == {"a::one", "b::one", "b::two"}


def test_a_quick_choice_costs_no_more_than_was_allowed(cheapest_of_every_file):
    costs = {f"{number % 7}::{number}": 0.1 + number / 50 for number in range(60)}
    chosen = cheapest_of_every_file(costs, 10.0)
    assert sum(costs[name] for name in chosen) <= 10.0
    assert {name[0] for name in chosen} == set("0123456")


def test_constraints_are_the_bounds_of_packages_and_extras(lowest):
    project = {
        "dependencies": ["numpy>=2.0", "scikit-learn>=1.6"],
        "optional-dependencies": {
            "mlflow": ["mlflow>=3.10,<4"],
            "all": ["flexcv[mlflow]"],
        },
    }
    assert lowest(project) == ["mlflow==3.10", "numpy==2.0", "scikit-learn==1.6"]


def test_every_benchmark_has_one_row_and_every_row_a_script():
    table = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == SCRIPTS


def test_every_hook_runs_what_is_installed_here():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (.*)", hooks) == ["local"]
    assert len(re.findall(r"entry: \.venv/bin/", hooks)) == hooks.count("- id:")
