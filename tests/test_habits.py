"""What CONTRIBUTING.md promises: a quick choice, lowest versions, a list of benchmarks."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MIRRORED = (
    "models",
    "evaluation",
    "preflight",
    "results",
    "resampling",
    "storage",
    "chain",
    "final",
)
# Modules without a test of their own name, and the test that holds them: parts of one
# estimator or of one run that nobody else calls, protocols, records and style sheets.
HELD_ELSEWHERE = {
    "models/alternating/family_outcome.py": "merf/test_generalized.py",
    "models/alternating/learner_rows.py": "merf/test_estimator.py",
    "models/alternating/outcomes.py": "models/alternating/test_alternation.py",
    "models/contract/numbers.py": "models/test_linear_left_out.py",
    "models/contract/responses.py": "models/test_generalized.py",
    "models/gaussian/down_dated.py": "models/test_linear_left_out.py",
    "models/gaussian/fold_basis.py": "models/test_linear_left_out.py",
    "models/gaussian/left_out.py": "models/test_linear_left_out.py",
    "models/gaussian/sums.py": "models/gaussian/test_many_levels.py",
    "models/mixtures/curve_rows.py": "models/test_deep_mixture.py",
    "models/mixtures/curves.py": "models/test_deep_mixture.py",
    "models/mixtures/updates.py": "models/mixtures/test_ascent.py",
    "models/networks/fitting.py": "models/test_neural.py",
    "models/networks/gaussian.py": "models/test_neural.py",
    "models/networks/generalized.py": "models/test_neural_responses.py",
    "models/networks/network.py": "models/test_neural.py",
    "models/networks/rows.py": "models/networks/test_likelihood.py",
    "models/networks/settings.py": "models/test_neural.py",
    "models/networks/trace.py": "models/test_neural.py",
    "models/networks/training.py": "models/test_neural_weights.py",
    "models/penalties/base.py": "models/test_penalized.py",
    "models/penalties/columns.py": "models/test_penalized.py",
    "models/penalties/fit.py": "models/test_penalized.py",
    "models/penalties/laplace_rounds.py": "models/test_penalized_generalized.py",
    "models/penalties/likelihood.py": "models/test_penalized_generalized.py",
    "models/penalties/rounds.py": "models/test_penalized.py",
    "models/trees/boosted_trees.py": "models/test_boosting.py",
    "models/trees/laplace_likelihood.py": "models/trees/test_likelihoods.py",
    "models/trees/trace.py": "models/test_boosting.py",
    "evaluation/_objects.py": "evaluation/test_identity.py",
    "evaluation/_origin.py": "evaluation/test_code.py",
    "evaluation/events.py": "evaluation/test_runner.py",
    "evaluation/second_look.py": "chain/test_resume_folder.py",
    "evaluation/unit_tuning.py": "evaluation/test_unit.py",
    "preflight/splits.py": "preflight/test_checks.py",
    "results/asked.py": "results/test_plans.py",
    "results/kept_model.py": "final/test_model.py",
    "results/class_tables.py": "test_classification.py",
    "results/findings.py": "results/test_results.py",
    "results/page.py": "results/test_report.py",
    "results/page_style.py": "results/test_report.py",
    "results/scorable.py": "test_classification.py",
    "results/tables.py": "results/test_results.py",
    "storage/estimators.py": "storage/test_results.py",
    "storage/files.py": "storage/test_units.py",
    "storage/saving.py": "storage/test_results.py",
    "storage/scalars.py": "storage/test_values.py",
    "chain/compile.py": "test_chain.py",
    "chain/design.py": "test_chain.py",
    "chain/setters.py": "test_chain.py",
    "final/card.py": "final/test_model.py",
    "final/files.py": "final/test_model.py",
}
# Tests of laws that hold for several modules at once.
OF_SEVERAL = {"models/test_every_family.py", "models/test_other_processors.py"}
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


def stems_of(room):
    """Return each module of a room with the stem that its test has."""
    paths = (ROOT / "flexcv" / room).rglob("*.py")
    modules = [p.relative_to(ROOT / "flexcv") for p in paths if p.stem != "__init__"]
    return {m.as_posix(): m.with_name(f"test_{m.stem.lstrip('_')}") for m in modules}


def mirrored_tests(room):
    paths = (ROOT / "tests" / room).rglob("test_*.py")
    return [path.relative_to(ROOT / "tests") for path in paths]


def is_test_of(test, stem):
    """Whether a test has the name of a module, alone or with a topic behind it."""
    own = test.stem == stem.name or test.stem.startswith(f"{stem.name}_")
    return own and test.parent == stem.parent


@pytest.mark.parametrize("room", MIRRORED)
def test_every_module_has_a_test_of_its_name_or_is_held_by_a_named_one(room):
    tests = mirrored_tests(room)
    missing = {
        module
        for module, stem in stems_of(room).items()
        if not any(is_test_of(test, stem) for test in tests)
    }
    assert missing == {m for m in HELD_ELSEWHERE if m.startswith(f"{room}/")}


@pytest.mark.parametrize("room", MIRRORED)
def test_every_test_has_the_name_of_a_module(room):
    stems = stems_of(room).values()
    strays = {
        test.as_posix()
        for test in mirrored_tests(room)
        if not any(is_test_of(test, stem) for stem in stems)
    }
    assert strays <= OF_SEVERAL


def test_what_holds_a_module_is_there():
    lost = [t for t in HELD_ELSEWHERE.values() if not (ROOT / "tests" / t).exists()]
    assert not lost
