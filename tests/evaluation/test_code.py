"""What compiled functions are told by."""

import math

import pytest

from flexcv.evaluation._code import of_builtin


@pytest.mark.parametrize(("function", "name"), [(len, "len"), (math.sqrt, "sqrt")])
def test_a_compiled_function_of_a_module_is_its_name(function, name):
    parts = of_builtin(function)
    assert parts.label.startswith(b"function ")
    assert parts.label.endswith(name.encode())
    assert not parts.inside


def test_a_compiled_method_is_its_name_and_its_object():
    held = [1, 2]
    parts = of_builtin(held.append)
    assert parts.label == b"method append"
    assert parts.inside == (("object", held),)
