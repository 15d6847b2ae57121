"""Models from YAML, read with the safe loader.

::

    RandomForest:
      model: sklearn.ensemble.RandomForestRegressor
      params:
        max_depth: !Int {low: 2, high: 20}
        max_features: !Float {low: 0.1, high: 1.0}
        criterion: !Cat [squared_error, absolute_error]
      n_trials: 20
      post_processor: flexcv.model_postprocessing.RandomForestModelPostProcessor

The keys are those of `ModelConfigDict`. A dotted path is imported; nothing else in
the file is executed.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from flexcv.model_mapping import ModelSpec, specs_from_mapping

_FLOAT = re.compile(
    r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)[eE][-+]?[0-9]+$"
)  # YAML 1.1 reads 1e-4 as text


class _Loader(yaml.SafeLoader):
    """The safe loader with `!Int`, `!Float` and `!Cat`."""


def specs_from_yaml(text: str, source: str = "yaml_string") -> list[ModelSpec]:
    """Read models from YAML text.

    Parameters
    ----------
    text
        A mapping of model name to settings.
    source
        Named in error messages.

    Examples
    --------
    >>> specs = specs_from_yaml('''
    ... Ridge:
    ...   model: sklearn.linear_model.Ridge
    ...   params:
    ...     alpha: !Float {low: 1e-4, high: 10.0, log: true}
    ... ''')
    >>> specs[0].search_space
    {'alpha': FloatDistribution(high=10.0, log=True, low=0.0001, step=None)}
    """
    try:
        content = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(
            f"`{source}` is not valid YAML: {error}; "
            "the tags are !Int, !Float and !Cat."
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f"`{source}` must hold a mapping of model names to settings, "
            f"got {type(content).__name__}; see flexcv.model_files."
        )
    return specs_from_mapping(
        {str(name): _imported(str(name), config) for name, config in content.items()}
    )


def read_models(path: str | Path) -> list[ModelSpec]:
    """Read models from a YAML file."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise FileNotFoundError(
            f"`yaml_path` {str(path)!r} cannot be read: {error.strerror}."
        ) from error
    return specs_from_yaml(text, source=str(path))


def _imported(name: str, config: Any) -> Any:
    """Replace dotted paths by what they name."""
    if not isinstance(config, dict):
        return config
    settings = dict(config)
    if "model" in settings:
        settings["model"] = _named_object(name, settings["model"])
    if "post_processor" in settings:
        given = settings["post_processor"]
        paths = given if isinstance(given, list) else [given]
        settings["post_processor"] = [_named_object(name, path) for path in paths]
    return settings


def _named_object(model: str, path: Any) -> Any:
    if not isinstance(path, str) or "." not in path:
        raise ValueError(
            f"model {model!r}: expected a dotted path such as "
            f"'sklearn.linear_model.Ridge', got {path!r}."
        )
    module, _, attribute = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"model {model!r}: {path!r} cannot be imported: {error}."
        ) from error


def _distribution(make: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Build the constructor of a tag from a mapping or a list of arguments."""

    def construct(loader: Any, node: Any) -> Any:
        try:
            if isinstance(node, yaml.MappingNode):
                return make(**loader.construct_mapping(node, deep=True))
            return make(*_arguments(loader, node, make))
        except TypeError as error:
            raise ValueError(
                f"line {node.start_mark.line + 1}: {node.tag} needs bounds such as "
                "[1, 10] or {low: 1, high: 10}, and !Cat a list of choices."
            ) from error
        except ValueError as error:
            raise ValueError(
                f"line {node.start_mark.line + 1}: {node.tag} {error}"
            ) from error

    return construct


def _arguments(loader: Any, node: Any, make: Callable[..., Any]) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise ValueError("needs a list such as [1, 10] or a mapping {low: 1, high: 10}")
    values = loader.construct_sequence(node, deep=True)
    return [values] if make is CategoricalDistribution else values


_Loader.add_constructor("!Int", _distribution(IntDistribution))
_Loader.add_constructor("!Float", _distribution(FloatDistribution))
_Loader.add_constructor("!Cat", _distribution(CategoricalDistribution))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
