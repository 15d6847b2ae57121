"""What completion and tooltips read: every public parameter has a type, unquoted."""

import importlib
import inspect
from inspect import isabstract

import pytest
from sklearn.base import BaseEstimator

from flexcv import CrossValidation, models
from flexcv._signatures import readable

CLASSES = {
    "flexcv": ["CrossValidation", "CrossValidationResults", "FinalModel"],
    "flexcv.merf": ["MERF"],
    "flexcv.models": [
        name
        for name in models.__all__
        if issubclass(kind := getattr(models, name), BaseEstimator)
        and not isabstract(kind)
    ],
}
# What may be anything says so: a learner, a live run, arguments of other libraries.
ANYTHING = {"estimator", "fit_params", "predict_params"}


def public_methods():
    for module, names in CLASSES.items():
        for name in names:
            kind = getattr(importlib.import_module(module), name)
            for key in ("__init__", *(k for k in dir(kind) if not k.startswith("_"))):
                member = inspect.getattr_static(kind, key)
                function = inspect.unwrap(getattr(member, "__func__", member))
                own = getattr(function, "__module__", "") or ""
                if inspect.isfunction(function) and own.startswith("flexcv"):
                    yield pytest.param(kind, key, id=f"{name}.{key}")


@pytest.mark.parametrize(("kind", "key"), list(public_methods()))
def test_a_tooltip_shows_types_without_quotes(kind, key):
    signature = inspect.signature(getattr(kind, key))
    for parameter in signature.parameters.values():
        if parameter.name in {"self", *ANYTHING}:
            continue
        shown = repr(parameter.annotation)
        assert parameter.annotation is not inspect.Parameter.empty, parameter
        assert shown != "Any", parameter
        assert not shown.startswith(("'", '"')), parameter
    assert not repr(signature.return_annotation).startswith("'")


def test_a_setter_says_that_the_builder_comes_back():
    assert inspect.signature(CrossValidation.set_data).return_annotation == "Self"


def test_types_are_shown_as_they_are_written():
    @readable
    class Model:
        def fit(self, X: "ArrayLike | None" = None) -> "Self":  # noqa: F821
            return self

        @classmethod
        def of(cls, text: "str") -> "Model":
            return cls()

    assert (
        str(inspect.signature(Model.fit))
        == "(self, X: ArrayLike | None = None) -> Self"
    )
    assert str(inspect.signature(Model.of)) == "(text: str) -> Model"
