"""Changes that `make mutants` draws: one thing of a module, and only what runs."""

import ast

import pytest

from benchmarks.mutants import Lines, Mutant, mutants_of

SOURCE = '''
def share(part: "int | None" = 2) -> "int | float":
    """Return 1 + 1."""
    if part is None or part <= 0:
        raise ValueError(f"got {part + 1}")
    warnings.warn("no", stacklevel=2)
    return -part / 3.5
'''


@pytest.fixture(scope="module")
def changes():
    return mutants_of("m.py", SOURCE)


def test_one_thing_is_changed_and_the_rest_stays(changes):
    assert sorted((m.before, m.after) for m in changes) == [
        ("-part", "part"),
        ("-part / 3.5", "-part * 3.5"),
        ("0", "1"),
        ("2", "3"),
        ("3.5", "4.5"),
        ("part <= 0", "part < 0"),
        ("part is None", "part is not None"),
        ("part is None or part <= 0", "part is None and part <= 0"),
        ("return -part / 3.5", "return None"),
    ]


def test_every_change_is_a_module_that_differs_in_one_line(changes):
    for mutant in changes:
        ast.parse(mutant.source)
        lines = zip(SOURCE.splitlines(), mutant.source.splitlines(), strict=True)
        assert [a == b for a, b in lines].count(False) == 1, mutant.name


def test_the_fastest_tests_that_run_the_line_come_first():
    lines = Lines(
        {"m.py": {"4": ["b", "a"], "5": ["c"]}}, {"a": 1.0, "b": 20.0, "c": 0.1}
    )
    assert lines.near(Mutant("m.py", 4, "", "", "")) == ["a", "b"]


def test_a_line_of_no_test_takes_those_of_its_module_while_they_are_quick():
    lines = Lines({"m.py": {"4": ["b", "a"]}}, {"a": 1.0, "b": 60.0})
    assert lines.near(Mutant("m.py", 9, "", "", "")) == ["a"]
    assert lines.near(Mutant("other.py", 9, "", "", "")) == []
